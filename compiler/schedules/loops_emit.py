"""Nests as code: the item loop, the loops of each stage, blocks of elements.

scf.for %i = %begin to %end {            items
  scf.for ... {                          a stage's outer loops
    scf.for %v = 0 to n step 4 * 8 {     four vectors at once
      vector.load, arith, vector.store
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith, scf

from tyc.compiler.schedules import memory
from tyc.compiler.schedules.affine import LANE, Affine
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.loops_groups import Group, point
from tyc.compiler.schedules.loops_plan import Nest, StagePlan, item_indices
from tyc.compiler.schedules.memory import Buffer

Place = tuple[Affine, "int | None"]
"""A position along the lanes' loop and its lanes (`None`: one scalar)."""


@dataclass(frozen=True)
class Span:
    """The part of a loop that an item runs: from `base`, `size` long; where the last item's part is
    shorter, `tile` and `extent` say how it is cut."""

    base: Affine
    size: int
    extent: int

    @property
    def is_ragged(self) -> bool:
        """True where the last piece is shorter than the others."""
        return self.extent % self.size != 0


class Loops:
    """Opens loops for an evaluator."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def index(self, x: int | ir.Value | Affine) -> ir.Value:
        """A size as an index value."""
        return self.evaluator.size(x)

    @contextmanager
    def loop(
        self,
        low: int | ir.Value,
        high: int | ir.Value,
        step: int = 1,
        bounds: tuple[int, int] | None = None,
        carried: Sequence[ir.Value] = (),
    ):
        """An `scf.for`: gives its variable as an expression, and the operation."""
        op = scf.ForOp(self.index(low), self.index(high), self.index(step), list(carried))
        if bounds is None:
            assert isinstance(low, int) and isinstance(high, int)
            bounds = (low, low + (high - 1 - low) // step * step)
        variable = op.induction_variable
        with (
            ir.InsertionPoint(op.body),
            self.evaluator.region(op.operation, [variable]),
        ):
            divisor = step if isinstance(low, int) and low % step == 0 else 1
            self.evaluator.define(variable, *bounds, divisor)
            yield Affine.of(variable), op

    def blocks(
        self, base: Affine, size: int, step: int, body: Callable[[Affine, int], None]
    ) -> None:
        """Runs `body(position, count)` over `size` positions, `step` at once; the rest in one."""
        whole = size // step * step
        if whole == step:
            body(base, step)
        elif whole:
            with self.loop(0, whole, step) as (x, _):
                body(base + x, step)
                scf.YieldOp([])
        if size > whole:
            body(base + whole, size - whole)

    def is_last(self, span: Span) -> ir.Value:
        """Whether an item has the shorter last piece of a loop."""
        final = self.index(span.extent // span.size * span.size)
        return arith.cmpi(arith.CmpIPredicate.eq, self.index(span.base), final)

    def lanes(
        self, span: Span, lanes: int, unroll: int, body: Callable[[list[Place]], None]
    ) -> None:
        """Runs `body(places)` along the lanes' loop: blocks of `unroll` vectors, what is left of
        them, the tail as a shorter vector."""
        block = lanes * unroll
        if not span.is_ragged:
            self._static(span.base, span.size, lanes, unroll, body)
            return
        rest = span.extent % block
        final = span.extent // span.size * span.size
        is_last = self.is_last(span)
        whole = arith.select(is_last, self.index(span.extent - final - rest), self.index(span.size))
        with self.loop(0, whole, block, (0, span.size - block)) as (x, _):
            body(places(span.base + x, block, lanes))
            scf.YieldOp([])
        if rest:
            op = scf.IfOp(is_last)
            with ir.InsertionPoint(op.then_block), self.evaluator.barrier(op.operation):
                self._static(Affine({}, span.extent - rest), rest, lanes, unroll, body)
                scf.YieldOp([])

    def _static(
        self,
        base: Affine,
        size: int,
        lanes: int,
        unroll: int,
        body: Callable[[list[Place]], None],
    ) -> None:
        vectors = size // lanes
        if vectors:
            self.blocks(
                base,
                vectors * lanes,
                lanes * unroll,
                lambda x, count: body(places(x, count, lanes)),
            )
        if size % lanes:
            body(places(base + vectors * lanes, size % lanes, lanes))


def places(x: Affine, count: int, lanes: int) -> list[Place]:
    """`count` elements from `x` on as vectors; fewer than `lanes` are one shorter vector."""
    if count < lanes:
        return [(x + Affine.of(LANE), count)] if count > 1 else [(x, None)]
    if lanes == 1:
        return [(x + k, None) for k in range(count)]
    return [(x + Affine({LANE: 1}, k), lanes) for k in range(0, count, lanes)]


class StageEmitter:
    """The loops of one stage inside of an item."""

    def __init__(
        self,
        loops: Loops,
        plan: StagePlan,
        targets: dict[ir.Value, list[Buffer]],
        fixed: Sequence[Affine],
        spans: Sequence[Span],
    ) -> None:
        self.loops, self.plan, self.targets = loops, plan, targets
        self.evaluator = loops.evaluator
        self._fixed, self.spans = fixed, spans
        self.mode, self.groups = plan.mode, plan.shape.groups

    def emit(self) -> None:
        """Emits the stage."""
        inner = {self.mode.jammed, -1 if self.mode.folds else self.mode.along}
        outer = [g for g in range(len(self.groups)) if g not in inner]
        self._outer(outer, {})

    def _outer(self, outer: list[int], at: dict[int, Affine]) -> None:
        if not outer:
            self.jam(at)
            return
        g, *rest = outer
        span = self.spans[g]
        if span.size == 1:
            self._outer(rest, {**at, g: span.base})
            return
        with self.loops.loop(0, self._high(span), 1, (0, span.size - 1)) as (x, _):
            self._outer(rest, {**at, g: span.base + x})
            scf.YieldOp([])

    def _high(self, span: Span) -> int | ir.Value:
        """How many positions of a span there are in this item."""
        if not span.is_ragged:
            return span.size
        left = self.loops.index(Affine({}, span.extent) - span.base)
        return arith.minsi(left, self.loops.index(span.size))

    def jam(self, at: dict[int, Affine]) -> None:
        """The jammed loop around the lanes' loop."""
        g = self.mode.jammed
        if g < 0:
            self.along(at, [{}])
            return
        span = self.spans[g]
        for base, size in self.segments(g, span):
            self.loops.blocks(
                base,
                size,
                self.mode.jam,
                lambda x, count: self.along(at, [{g: x + k} for k in range(count)]),
            )

    def segments(self, g: int, span: Span) -> list[tuple[Affine, int]]:
        """Pieces of a loop to emit apart: positions at a padded border, and those inside."""
        del g
        return [(span.base, span.size)]

    def along(self, at: dict[int, Affine], jammed: list[dict[int, Affine]]) -> None:
        """The lanes' loop around blocks of every jammed position."""
        g = -1 if self.mode.folds else self.mode.along

        def block(along: Sequence[Place]) -> None:
            elements = []
            for k, j in enumerate(jammed):
                for x, lanes in along:
                    position = {**at, **j, g: x}
                    elements.append(Element(self.point(position, lanes), lanes, k))
            self.block(elements)

        if g < 0:
            block([(Affine({}), None)])
            return
        for base, size in self.segments(g, self.spans[g]):
            span = self.spans[g]
            part = span if size == span.size else Span(base, size, size)
            lanes = self.mode.lanes if size >= 2 or self.mode.lanes == 1 else 1
            self.loops.lanes(part, lanes, self.mode.unroll, block)

    def point(self, position: dict[int, Affine], lanes: int | None) -> tuple[Affine, ...]:
        """The index of every dimension of the stage's values."""
        facts = self.evaluator.facts
        facts.declare(LANE, 0, (lanes or 1) - 1)
        at = list(self._fixed)
        own: list[Group] = [self.groups[g] for g in position if g >= 0]
        dims = point(own, [x for g, x in position.items() if g >= 0], len(at), facts)
        for group in own:
            for d in group.dims:
                at[d] = dims[d]
        return tuple(at)

    def block(self, elements: list[Element]) -> None:
        """Computes and stores elements; all are read before the first is written."""
        computed = [(e, self.compute(e)) for e in elements]
        for e, values in computed:
            self.store(e, values)

    def compute(self, e: Element) -> list[ir.Value]:
        """An element of every value of the stage."""
        return [self.evaluator.value(t, e.at, e.lanes) for t in self.plan.stage.values]

    def store(self, e: Element, values: Sequence[ir.Value]) -> None:
        """Writes an element of every value of the stage."""
        for t, value in zip(self.plan.stage.values, values):
            for buffer in self.targets[t]:
                memory.store(buffer, e.at, value, self.loops.index)


@dataclass(frozen=True)
class Element:
    """One element or vector of a block: where it is, its lanes, its number in the jam."""

    at: tuple[Affine, ...]
    lanes: int | None
    jam: int = 0


def item_spans(nest: Nest, item: Affine, loops: Loops) -> list[Span]:
    """What an item takes of each of the anchor's loops."""
    pieces = item_indices(nest, item, loops.evaluator.facts)
    groups = nest.anchor.shape.groups
    return [Span(p * t, t, g.extent) for p, t, g in zip(pieces, nest.tiles, groups)]
