"""The families as `select.py` lists them: each takes kernels of its kind and leaves the others."""

from __future__ import annotations

from abc import ABC, abstractmethod

from mlir import ir

from tyc.compiler.lowering.registry import LOOPS, WHOLE
from tyc.compiler.options import Options
from tyc.compiler.schedules import loops, loops_opaque
from tyc.compiler.schedules.attention import estimate_attention, schedule_attention
from tyc.compiler.schedules.choice import InvalidParameters, Parameters
from tyc.compiler.schedules.contraction import (
    contraction_space,
    estimate_contraction,
    schedule_contraction,
)
from tyc.compiler.schedules.contraction_dot import estimate_dot, schedule_dot
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.schedules.loops_cost import estimate_loops
from tyc.compiler.schedules.matvec import estimate_matvec, schedule_matvec
from tyc.compiler.schedules.structure import Generic, read_generic
from tyc.compiler.targets import Target


class Contractions:
    """One matrix product or convolution with its epilogue (`contraction.py`).

    Products without columns, such as depthwise convolutions with channels last, go to loops: their
    lanes need no copies.
    """

    name = "contraction"

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The kernel as register tiles."""
        return schedule_contraction(module, target, options, parameters)

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """The default, then plans of every kind, each kind's cheapest first."""
        plans = contraction_space(module, target, _PLANS_OF_ALL_KINDS * limit)
        return [*plans[:1], *_in_turns(plans[1:])][:limit]

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nanoseconds of the cheapest plan."""
        if any(_has_lanes_in_both(g) for g in _reductions(module)):
            return None
        return estimate_contraction(module, target)


class _Fixed(ABC):
    """A family without parameters: one way to do each kernel that it takes."""

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The kernel; raises `InvalidParameters` where there are parameters."""
        if parameters:
            raise InvalidParameters(f"the family has no parameters, got {dict(parameters)}")
        return self._made(module, target, options)

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """The default alone."""
        return [{}]

    @abstractmethod
    def _made(self, module: ir.Module, target: Target, options: Options) -> ScheduledKernel | None:
        """The kernel."""


class Matvecs(_Fixed):
    """One product of few rows with its epilogue, as sums over a matrix that is read once
    (`matvec.py`)."""

    name = "matvec"

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nanoseconds of reading the matrix."""
        if any(_has_lanes_in_both(g) for g in _reductions(module)):
            return None
        return estimate_matvec(module, target, options)

    def _made(self, module: ir.Module, target: Target, options: Options) -> ScheduledKernel | None:
        return schedule_matvec(module, target, options)


class Dots(_Fixed):
    """One product of bytes by a constant, where the target multiplies four at once
    (`contraction_dot.py`)."""

    name = "dot"

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nanoseconds of a quarter of the products."""
        return estimate_dot(module, target)

    def _made(self, module: ir.Module, target: Target, options: Options) -> ScheduledKernel | None:
        return schedule_dot(module, target, options)


class Loops:
    """Everything (`loops.py`)."""

    name = "loops"

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The kernel as loops over items, rows and vectors."""
        return loops.schedule(module, target, options, parameters)

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """The default, then other numbers of vectors at once and sizes of items."""
        return loops.space(module, limit)

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nanoseconds of the arithmetic, or of the traffic."""
        return estimate_loops(module, target)


class Opaque(_Fixed):
    """One op with loop rules of its own, the rule's rows as items (`loops_opaque.py`)."""

    name = "opaque"

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nanoseconds of one operation an element."""
        if not _names(module) & set(LOOPS):
            return None
        return loops_opaque.estimate_opaque(_function(module), target)

    def _made(self, module: ir.Module, target: Target, options: Options) -> ScheduledKernel | None:
        return loops_opaque.schedule_opaque(_function(module))


class Attentions(_Fixed):
    """One attention by panels of queries (`attention.py`)."""

    name = "attention"

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nanoseconds of the two products."""
        if not _names(module) & set(WHOLE):
            return None
        return estimate_attention(_function(module), target)

    def _made(self, module: ir.Module, target: Target, options: Options) -> ScheduledKernel | None:
        return schedule_attention(_function(module), target)


def _function(module: ir.Module) -> ir.Operation:
    return module.body.operations[0].operation


def _names(module: ir.Module) -> set[str]:
    block = _function(module).regions[0].blocks[0]
    return {o.operation.name.removeprefix("ty.") for o in block.operations}


_PLANS_OF_ALL_KINDS = 100
_CUTS = ("rows", "columns")


def _in_turns(plans: list[Parameters]) -> list[Parameters]:
    """Plans that differ in more than the cuts of rows and columns take turns: of plans that cost
    models find equal, most are alike."""
    kinds: dict[str, int] = {}
    turns = []
    for i, plan in enumerate(plans):
        kind = str({k: v for k, v in plan.items() if k not in _CUTS})
        kinds[kind] = kinds.get(kind, 0) + 1
        turns.append((kinds[kind], i))
    return [plans[i] for _, i in sorted(turns)]


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
