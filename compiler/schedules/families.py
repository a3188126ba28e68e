"""The families as `select.py` lists them: each takes kernels of its kind and leaves the others."""

from __future__ import annotations

from mlir import ir

from tyc.compiler.lowering.registry import LOOPS, WHOLE
from tyc.compiler.options import Options
from tyc.compiler.schedules import loops, loops_opaque
from tyc.compiler.schedules.attention import schedule_attention
from tyc.compiler.schedules.choice import InvalidParameters, Parameters
from tyc.compiler.schedules.contraction import contraction_space, schedule_contraction
from tyc.compiler.schedules.contraction_dot import schedule_dot, takes_dot
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.schedules.matvec import schedule_matvec, takes_matvec
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
        """Nothing is faster than this family where it applies."""
        return None if any(_has_lanes_in_both(g) for g in _reductions(module)) else 0.0


class Matvecs:
    """One product of few rows with its epilogue (`matvec.py`)."""

    name = "matvec"

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The kernel as sums over a matrix that is read once."""
        _require_default(parameters)
        return schedule_matvec(module, target, options)

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """The default alone."""
        return [{}]

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nothing is faster than this family where it applies."""
        if any(_has_lanes_in_both(g) for g in _reductions(module)):
            return None
        return 0.0 if takes_matvec(module, target, options) else None


class Dots:
    """One product of bytes by a constant, where the target multiplies four at once
    (`contraction_dot.py`)."""

    name = "dot"

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The kernel as sums of four products at once."""
        _require_default(parameters)
        return schedule_dot(module, target, options)

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """The default alone."""
        return [{}]

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nothing is faster than this family where it applies."""
        return 0.0 if takes_dot(module, target) else None


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
        """The last of all families."""
        return float("inf")


class Opaque:
    """One op with loop rules of its own (`loops_opaque.py`)."""

    name = "opaque"

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The rule's rows as items."""
        _require_default(parameters)
        return loops_opaque.schedule_opaque(module.body.operations[0].operation, target, options)

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """The default alone."""
        return [{}]

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nothing else takes such an op."""
        return 0.0 if _names(module) & set(LOOPS) else None


class Attentions:
    """One attention (`attention.py`), which is expanded before where this does not take it."""

    name = "attention"

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The kernel by panels of queries."""
        _require_default(parameters)
        return schedule_attention(module.body.operations[0].operation, target)

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """The default alone."""
        return [{}]

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nothing else takes such an op."""
        return 0.0 if _names(module) & set(WHOLE) else None


def _names(module: ir.Module) -> set[str]:
    block = module.body.operations[0].operation.regions[0].blocks[0]
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


def _require_default(parameters: Parameters | None) -> None:
    if parameters:
        raise InvalidParameters(f"the family has no parameters, got {dict(parameters)}")


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
