"""Which schedule a kernel gets: the first family that takes it."""

from __future__ import annotations

from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.schedules import loops
from tyc.compiler.schedules.contraction import schedule_contraction
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.schedules.structure import Generic, read_generic
from tyc.compiler.targets import Target


def schedule(module: ir.Module, target: Target, options: Options) -> ScheduledKernel:
    """The kernel of a linalg module, scheduled for the target.

    One contraction with its epilogue goes to the contraction family, everything else to loops; so
    do products without columns, such as depthwise convolutions with channels last: their lanes
    need no copies.
    """
    found = None
    if not any(_has_lanes_in_both(g) for g in _reductions(module)):
        found = schedule_contraction(module, target, options)
    return loops.schedule(module, target, options) if found is None else found


def _reductions(module: ir.Module) -> list[Generic]:
    found = []
    for function in module.body.operations:
        for op in function.operation.regions[0].blocks[0].operations:
            if op.operation.name == "linalg.generic":
                generic = read_generic(op.operation)
                if generic.reductions:
                    found.append(generic)
    return found


def _has_lanes_in_both(generic: Generic) -> bool:
    """True for a product of two tensors that both have the last dimension of the result."""
    dims = [i.dim for i in generic.outputs[0].index if i.dim is not None]
    last = next((d for d in reversed(dims) if generic.extents[d] != 1), None)
    if last is None or len(generic.inputs) != 2:
        return False
    return all(any(i.coefficients[last] for i in o.index) for o in generic.inputs)
