"""Everything that is not a matrix product: loops over items, rows and vectors.

In: a function of elementwise generics, reductions, windows and movements on tensors. Out: the same
on buffers, cut into independent items. `loops_stages.py` finds what is stored, `loops_plan.py` cuts
it into items, `loops_modes.py` picks the vectors, `loops_emit.py` and `loops_fold.py` write code.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlir import ir
from mlir.dialects import arith, memref, scf

from tyc.compiler.options import Options
from tyc.compiler.schedules import frame, loops_facts, memory
from tyc.compiler.schedules.affine import Affine
from tyc.compiler.schedules.choice import InvalidParameters, Parameters
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import (
    Packings,
    ScheduledKernel,
    constant_arguments,
    element_of,
    memory_element,
    memory_type,
    result_shapes,
)
from tyc.compiler.schedules.loops_emit import Loops, Span, StageEmitter, item_spans
from tyc.compiler.schedules.loops_fold import FoldEmitter
from tyc.compiler.schedules.loops_modes import Knobs
from tyc.compiler.schedules.loops_packing import pack
from tyc.compiler.schedules.loops_plan import Layouts, Nest, Setting, StagePlan, plan
from tyc.compiler.schedules.loops_stages import Kernel, read_kernel
from tyc.compiler.schedules.loops_turn import TurnEmitter, WeaveEmitter
from tyc.compiler.schedules.memory import Buffer
from tyc.compiler.targets import Target
from tyc.runtime.errors import InternalError

STACK_BYTES = 512 << 10
_COUNTS = (0, 4, 2, 8, 1, 6, 12)
_PIECES = (1.0, 4.0, 0.25, 16.0)


def schedule(
    module: ir.Module, target: Target, options: Options, parameters: Parameters | None = None
) -> ScheduledKernel:
    """The kernel as loops; parameters are fields of `Knobs`.

    Raises `InternalError` where an item's scratch is too large.
    """
    function = _function(module)
    knobs = _knobs(parameters or {})
    with function.location:
        try:
            planned = _plan(read_kernel(function), target, options.exact, knobs)
        except InternalError:
            planned = _plan(read_kernel(function, share=False), target, options.exact, knobs)
        return _Emission(*planned, options).run()


def space(module: ir.Module, limit: int) -> list[Parameters]:
    """Parameters of `schedule`, the default first, then those that change the least."""
    with _function(module).location:
        folds = any(s.reduction is not None for s in read_kernel(_function(module)).stages)
    turned = "sums" if folds else "vectors"
    found: list[tuple[int, int, Parameters]] = []
    for (near, n), (far, pieces) in itertools.product(enumerate(_COUNTS), enumerate(_PIECES)):
        knobs = ({turned: n} if n else {}) | ({"pieces": pieces} if pieces != 1.0 else {})
        found.append((near + far, len(found), knobs))
    return [knobs for _, _, knobs in sorted(found)[:limit]]


def _knobs(parameters: Parameters) -> Knobs:
    try:
        found = Knobs(**parameters)
    except TypeError as error:
        raise InvalidParameters(str(error)) from None
    counts = all(isinstance(n, int) and 0 <= n <= 16 for n in (found.vectors, found.sums))
    if not (counts and isinstance(found.pieces, (int, float)) and 0 < found.pieces <= 1024):
        raise InvalidParameters(f"vectors and sums are 0 to 16, got {dict(parameters)}")
    return found


def fits(module: ir.Module, target: Target) -> bool:
    """True where `schedule` would find scratch for every item; emits nothing."""
    function = _function(module)
    try:
        _plan(read_kernel(function, share=False), target, False, Knobs())
    except InternalError:
        return False
    return True


def _plan(
    kernel: Kernel, target: Target, exact: bool, knobs: Knobs
) -> tuple[Kernel, list[Nest], Layouts]:
    layouts = pack(kernel, constant_arguments(kernel.function))
    nests = plan(Setting(kernel, layouts, target, exact, knobs))
    total = sum(p.scratch for n in nests for p in n.stages)
    if total > STACK_BYTES:
        raise InternalError(f"a kernel's stack fits {STACK_BYTES} bytes, got {total}: split it")
    return kernel, nests, layouts


def _function(module: ir.Module) -> ir.Operation:
    for op in module.body.operations:
        if op.operation.name == "func.func":
            return op.operation
    raise InternalError("a kernel's module has a function")


_ROUNDING = {
    "math.roundeven", "math.round", "math.floor", "math.ceil", "math.trunc",
    "arith.fptosi", "arith.fptoui",
}  # fmt: skip


@dataclass
class _Emission:
    """One kernel on its way to code."""

    kernel: Kernel
    nests: list[Nest]
    layouts: Layouts
    options: Options
    targets: dict[ir.Value, list[Buffer]] = field(default_factory=dict)
    buffers: dict[ir.Value, ir.Value | Buffer] = field(default_factory=dict)

    def run(self) -> ScheduledKernel:
        """Emits the function and states its facts."""
        kernel = self.kernel
        name = frame.name_of(kernel.function)
        returned = list(kernel.function.regions[0].blocks[0].operations)[-1].operands
        packings: Packings = {
            kernel.arguments.index(a): p for a, p in self.layouts.packings.items()
        }
        kinds = [memory_type(a.type, self.layouts.shape(a)) for a in kernel.arguments]
        shapes = result_shapes(kernel.function)
        kinds += [memory_type(v.type, s) for v, s in zip(returned, shapes)]
        module, _ = frame.emit(name, kinds, self._body)
        return ScheduledKernel(
            module,
            name,
            len(kernel.arguments),
            max(sum(n.count for n in self.nests), 1),
            packings,
            in_place=loops_facts.in_place(kernel, self.nests),
            stack_bytes=sum(p.scratch for n in self.nests for p in n.stages),
            flops=loops_facts.flops(kernel),
            bytes=frame.traffic([*kernel.arguments, *kernel.results]),
        )

    def _body(self, values: list[ir.Value]) -> None:
        self._bind(values)
        self._nests(*values[-2:])

    def _bind(self, arguments: Sequence[ir.Value]) -> None:
        """Buffers of the arguments and results, each flat."""
        for tensor, argument in zip(self.kernel.arguments, arguments):
            flat = memory.flatten(argument)
            self.buffers[tensor] = Buffer(flat, element_of(tensor), self.layouts.strides(tensor))
        results = arguments[len(self.kernel.arguments) : -2]
        for tensor, argument in zip(self.kernel.results, results):
            flat = memory.flatten(argument)
            strides = self.layouts.written(tensor)
            self.targets.setdefault(tensor, []).append(Buffer(flat, element_of(tensor), strides))

    def _nests(self, begin: ir.Value, end: ir.Value) -> None:
        start = 0
        for nest in self.nests:
            if len(self.nests) == 1:
                self._nest(nest, begin, end)
                continue
            low, high = (self._clamp(x, start, nest.count) for x in (begin, end))
            self._nest(nest, low, high)
            start += nest.count

    def _clamp(self, x: ir.Value, start: int, count: int) -> ir.Value:
        index = ir.IndexType.get()
        shifted = arith.subi(x, arith.constant(index, start))
        low = arith.maxsi(shifted, arith.constant(index, 0))
        return arith.minsi(low, arith.constant(index, count))

    def _nest(self, nest: Nest, begin: ir.Value, end: ir.Value) -> None:
        buffers = dict(self.buffers)
        evaluator = Evaluator(buffers, fused=not (self.options.exact or self._rounds()))
        loops = Loops(evaluator)
        scratch = {p.stage: self._scratch(p) for p in nest.stages}
        with loops.loop(begin, end, 1, (0, nest.count - 1)) as (item, _):
            spans = item_spans(nest, item, loops)
            for stage in nest.stages:
                with evaluator.fence():
                    self._stage(stage, nest, spans, loops, scratch[stage.stage])
            scf.YieldOp([])

    def _rounds(self) -> bool:
        """Whether the kernel rounds to whole numbers: one unit in the last place then decides."""
        found = False

        def visit(op: ir.Operation) -> ir.WalkResult:
            nonlocal found
            found = found or op.operation.name in _ROUNDING
            return ir.WalkResult.INTERRUPT if found else ir.WalkResult.ADVANCE

        self.kernel.function.walk(visit)
        return found

    def _scratch(self, plan: StagePlan) -> dict[ir.Value, ir.Value]:
        """The stack buffers of a stage's values that are not results, and of sums that wait."""
        found = {}
        if plan.waiting:
            (value,) = plan.stage.results()
            kind = ir.MemRefType.get([plan.waiting], memory_element(element_of(value)))
            found[value] = memref.alloca(kind, [], [], alignment=64)
        for value in plan.stage.values:
            if value in self.targets:
                continue
            element = memory_element(element_of(value))
            size = plan.scratch_elements
            kind = ir.MemRefType.get([size], element)
            found[value] = memref.alloca(kind, [], [], alignment=64)
        return found

    def _stage(
        self,
        plan: StagePlan,
        nest: Nest,
        spans: Sequence[Span],
        loops: Loops,
        scratch: dict[ir.Value, ir.Value],
    ) -> None:
        fixed, own = _placement(plan, nest, spans)
        targets = {v: list(self.targets.get(v, [])) for v in plan.stage.values}
        for value, flat in scratch.items():
            if value in targets:
                buffer = Buffer(flat, element_of(value), plan.strides, tuple(fixed))
                targets[value].append(buffer)
        emitter = WeaveEmitter if plan.mode.weave else StageEmitter
        if plan.mode.turn:
            emitter = TurnEmitter
        if plan.stage.reduction is not None:
            emitter = FoldEmitter
        made = emitter(loops, plan, targets, fixed, own)
        if isinstance(made, FoldEmitter) and plan.waiting:
            made.room = scratch[plan.stage.results()[0]]
        made.emit()
        for value, where in targets.items():
            loops.evaluator.buffers[value] = where[0]


def _placement(
    plan: StagePlan, nest: Nest, spans: Sequence[Span]
) -> tuple[list[Affine], list[Span]]:
    """Where an item begins in each dimension of a stage, and what it runs of each loop."""
    if plan is nest.anchor:
        fixed = [Affine({}, low) for low, _ in plan.box]
        if len(nest.stages) > 1:
            for group, span in zip(plan.shape.groups, spans):
                if span.size != span.extent:
                    fixed[group.dims[0]] = span.base
        return fixed, list(spans)
    bases = {
        g.dims[0]: span
        for g, span in zip(nest.anchor.shape.groups, spans)
        if span.size != span.extent
    }
    fixed = [Affine({}) if a is None else bases[a].base for a in plan.anchors]
    own = []
    for group in plan.shape.groups:
        anchor = plan.anchors[group.dims[0]]
        own.append(
            Span(Affine({}), group.extent, group.extent) if anchor is None else bases[anchor]
        )
    return fixed, own
