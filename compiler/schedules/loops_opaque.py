"""Ops with loop rules of their own: the rule's rows become the kernel's items.

func.func @k(%x) { "ty.top_k"(%x) }    func.func @k(%x, %values, %indices, %begin, %end) {
                                         scf.for %row = %begin to %end { rule.build(...) } }
"""

from __future__ import annotations

import math

from mlir import ir
from mlir.dialects import scf

from tyc.compiler.lowering import structured
from tyc.compiler.lowering.registry import LOOPS
from tyc.compiler.schedules import arithmetic, cost, frame
from tyc.compiler.schedules.kernel import ScheduledKernel, memory_type
from tyc.compiler.targets import Target
from tyc.dialects.building import operands_of, type_of, view
from tyc.dialects.types import TensorType
from tyc.runtime.errors import InternalError


def schedule_opaque(function: ir.Operation) -> ScheduledKernel:
    """The kernel of a `ty` function that holds one op with a loop rule, and nothing else."""
    block = function.regions[0].blocks[0]
    *operations, terminator = [op.operation for op in block.operations]
    if len(operations) != 1 or operations[0].name.removeprefix("ty.") not in LOOPS:
        names = ", ".join(op.name for op in operations)
        raise InternalError(f"an op with a loop rule is a kernel of its own, got {names}")
    name, types = frame.name_of(function), _types(function)
    with function.location:
        module, count = frame.emit(
            name,
            [_buffer(t) for t in types],
            lambda values: _rows(operations[0], list(block.arguments), terminator, values),
        )
    size, flops = sum(t.nbytes for t in types), sum(t.size for t in types)
    inputs = len(block.arguments)
    return ScheduledKernel(
        module, name, inputs, count, in_place=_in_place(function), flops=flops, bytes=size
    )


def _in_place(function: ir.Operation) -> list[tuple[int, int]]:
    """The argument that the first result may share its bytes with, if nothing else reads it."""
    block = function.regions[0].blocks[0]
    operation, terminator = (op.operation for op in block.operations)
    name = LOOPS[operation.name.removeprefix("ty.")].in_place
    if not name:
        return []
    shared = getattr(view(operation), name)
    if list(operation.operands).count(shared) != 1:
        return []
    argument, result = list(block.arguments).index(shared), operation.results[0]
    return [(argument, i) for i, v in enumerate(terminator.operands) if v == result]


def estimate_opaque(function: ir.Operation, target: Target) -> float:
    """Nanoseconds of one operation for each element of arguments and results."""
    types = _types(function)
    return cost.alone(sum(t.size for t in types), sum(t.nbytes for t in types), target)


def _types(function: ir.Operation) -> list[TensorType]:
    block = function.regions[0].blocks[0]
    return [type_of(v) for v in (*block.arguments, *list(block.operations)[-1].operands)]


def _buffer(t: TensorType) -> ir.Type:
    kind = ir.RankedTensorType.get(list(t.shape), structured.element(t.dtype))
    return memory_type(kind)


def _rows(
    operation: ir.Operation,
    arguments: list[ir.Value],
    terminator: ir.Operation,
    values: list[ir.Value],
) -> int:
    """Emits the loop over the rows; gives their number."""
    op = view(operation)
    rule = LOOPS[op.NAME]
    buffers = dict(zip(arguments, values))
    given = [
        None if o is None else [buffers[v] for v in o] if isinstance(o, list) else buffers[o]
        for o in operands_of(op)
    ]
    results = values[len(arguments) : -2]
    written = dict(zip(terminator.operands, results))
    if len(written) != len(results) or any(r not in written for r in operation.results):
        raise InternalError(f"a kernel of {operation.name} returns each of its results once")
    outputs = [written[r] for r in operation.results]
    begin, end = values[-2:]
    loop = scf.ForOp(begin, end, arithmetic.constant(1))
    with ir.InsertionPoint(loop.body):
        rule.build(op, given, outputs, loop.induction_variable)
        scf.YieldOp([])
    return max(math.ceil(rule.rows(op)), 1)
