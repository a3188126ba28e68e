"""Reductions as code: accumulators in registers, loops over what is folded.

Along the lanes of the result (a pooling window, a sum over rows) every lane has its own
accumulator. Along contiguous data (a row's sum) each lane holds a partial result; the lanes are
joined by halves at the end, so that the order depends on the shape only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mlir import ir
from mlir.dialects import arith, scf, vector

from tyc.compiler.schedules import bodies, memory, producers
from tyc.compiler.schedules.affine import LANE, Affine
from tyc.compiler.schedules.kernel import element_of
from tyc.compiler.schedules.loops_emit import Element, Place, Span, StageEmitter, places
from tyc.compiler.schedules.loops_groups import point
from tyc.compiler.schedules.loops_modes import combiner
from tyc.compiler.schedules.loops_stages import iteration
from tyc.compiler.schedules.loops_windows import Window, windows
from tyc.compiler.schedules.memory import Buffer
from tyc.compiler.schedules.structure import Generic, Instruction
from tyc.runtime.errors import InternalError


@dataclass
class Slot:
    """An accumulator for each result of the reduction, of one element or vector of a block."""

    element: Element
    values: list[ir.Value]


class FoldEmitter(StageEmitter):
    """The loops of a stage with a reduction. Sums that a long epilogue follows wait in `room`."""

    room: ir.Value | None = None

    def emit(self) -> None:
        """Emits the stage."""
        reduction = self.plan.stage.reduction
        assert reduction is not None
        self.reduction: Generic = reduction
        self.windows = windows(self.plan.stage, self.plan.shape)
        self.unrolled = self.mode.unrolled - self._runtime_windows()
        super().emit()

    def _runtime_windows(self) -> set[int]:
        """Reduction loops whose ends depend on the variable of an outer loop."""
        inner = {self.mode.jammed, -1 if self.mode.folds else self.mode.along}
        return {w.fold for w in self.windows if w.group not in inner and w.neutral}

    def segments(self, g: int, span: Span) -> list[tuple[Affine, int]]:
        """Positions whose window leaves the input stand apart, with constant indices."""
        limits = [w.interior for w in self.windows if w.group == g]
        if not limits or span.size != span.extent or not span.base.is_constant:
            return super().segments(g, span)
        low = min(max(0, *(a for a, _ in limits)), span.extent)
        high = max(min(span.extent, *(b for _, b in limits)), low)
        border = low + span.extent - high
        if g == self.mode.jammed and (border > 2 * self.mode.jam or span.extent <= self.mode.jam):
            return super().segments(g, span)
        if g == self.mode.along and border > 3 * self.mode.lanes:
            return super().segments(g, span)
        if g == self.mode.along:
            ones = [*range(low), *range(high, span.extent)]
            found = [(Affine({}, k), 1) for k in ones]
            return [*found, (Affine({}, low), high - low)] if high > low else found
        ends = [(Affine({}, 0), low), (Affine({}, low), high - low)]
        ends.append((Affine({}, high), span.extent - high))
        return [(base, size) for base, size in ends if size]

    def block(self, elements: list[Element]) -> None:
        """Folds and stores the elements."""
        fold = self._fold_lanes if self.mode.folds else self._fold_elements
        slots = fold(elements)
        stage = self.plan.stage
        if self.room is not None:
            buffer = self._waiting(self.room)
            for slot in slots:
                memory.store(buffer, slot.element.at, slot.values[0], self.loops.index)
            return
        for slot in slots:
            if not stage.fused:
                results = list(self.reduction.operation.results)
                self.store(slot.element, [slot.values[results.index(v)] for v in stage.values])
        if stage.fused:
            self._finish(slots)

    def _finish(self, slots: list[Slot]) -> None:
        """Computes and stores what is made of the results while they are in registers."""
        results = list(self.reduction.operation.results)
        overrides = self.evaluator.overrides
        computed = []
        for slot in slots:
            for r, value in zip(results, slot.values):
                overrides[r] = lambda _, value=value: value
            e = slot.element
            values = [self.evaluator.value(t, e.at, e.lanes) for t in self.plan.stage.values]
            computed.append((e, values))
        for r in results:
            del overrides[r]
        for e, values in computed:
            self.store(e, values)

    def jam(self, at: dict[int, Affine]) -> None:
        """The sums, and then, where they wait, what is made of them."""
        super().jam(at)
        if self.room is not None:
            self._finish_waiting(at, self._waiting(self.room))

    def _waiting(self, room: ir.Value) -> Buffer:
        """The sums of an item's jammed loop and lanes' loop as a buffer."""
        strides, offsets = [0] * len(self.plan.stage.shape), list(self._fixed)
        step = 1
        for g in (self.mode.along, self.mode.jammed):
            if g >= 0:
                (d,), (low,) = self.groups[g].dims, self.groups[g].lows
                strides[d], offsets[d] = step, self.spans[g].base + low
                step *= self.spans[g].size
        (value,) = self.plan.stage.results()
        return Buffer(room, element_of(value), tuple(strides), tuple(offsets))

    def _finish_waiting(self, at: dict[int, Affine], sums: Buffer) -> None:
        """A loop over what waits, a vector at a time."""
        along, jammed = self.mode.along, self.mode.jammed

        def body(position: dict[int, Affine], places: list[Place]) -> None:
            for x, lanes in places:
                e = Element(self.point({**position, along: x}, lanes), lanes)
                self._finish([Slot(e, [self._stored(sums, e)])])

        def row(position: dict[int, Affine]) -> None:
            span, lanes = self.spans[along], self.mode.lanes
            self.loops.lanes(span, lanes, 1, lambda places: body(position, places))

        if jammed < 0:
            return row(at)
        span = self.spans[jammed]
        with self.loops.loop(0, self._high(span), 1, (0, span.size - 1)) as (x, _):
            row({**at, jammed: span.base + x})
            scf.YieldOp([])
        return None

    def _stored(self, sums: Buffer, e: Element) -> ir.Value:
        address = sums.address(e.at)
        if e.lanes is None:
            return memory.load_scalar(sums, address, self.loops.index)
        found = memory.load_lanes(sums, address, e.lanes, self.loops.index, None)
        assert found is not None
        return found

    # Accumulators along the result.

    def _fold_elements(self, elements: list[Element]) -> list[Slot]:
        slots = [Slot(e, self._initial(e)) for e in elements]
        return self._fold(slots, [], self._accumulate)

    def _initial(self, e: Element) -> list[ir.Value]:
        dims = self._dims(e.at, [Affine({})] * len(self.plan.shape.reductions))
        return [
            self.evaluator.value(o.value, producers.positions(o, dims), e.lanes)
            for o in self.reduction.outputs
        ]

    def _dims(self, at: Sequence[Affine], folded: Sequence[Affine]) -> list[Affine]:
        facts = self.evaluator.facts
        rank = len(self.reduction.reductions)
        inner = point(self.plan.shape.reductions, folded, rank, facts)
        return iteration(self.plan.stage, at, inner, facts)

    def _fold(self, slots: list[Slot], folded: list[Affine], innermost, depth: int | None = None):
        """Loops over the reduction groups from `len(folded)` on, `innermost` inside."""
        depth = len(self.plan.shape.reductions) if depth is None else depth
        q = len(folded)
        if q == depth:
            return innermost(slots, folded)
        extent = self.plan.shape.reductions[q].extent
        if q in self.unrolled:
            for r in range(extent):
                slots = self._tap(slots, [*folded, Affine({}, r)], innermost, depth)
            return slots
        low, high = self._window_range(q, slots, extent)
        carried = [v for s in slots for v in s.values]
        with self.loops.loop(low, high, 1, (0, extent - 1), carried) as (x, op):
            inner = _reload(slots, list(op.inner_iter_args))
            self._assume(q, slots, x)
            inner = self._fold(inner, [*folded, x], innermost, depth)
            scf.YieldOp([v for s in inner for v in s.values])
        return _reload(slots, list(op.results))

    def _tap(self, slots: list[Slot], folded: list[Affine], innermost, depth: int):
        """One step of an unrolled loop, for the elements whose window holds it."""
        q = len(folded) - 1
        inside = [self._is_inside(s, q, folded[q]) for s in slots]
        active = [s for s, ok in zip(slots, inside) if ok]
        if not active:
            return slots
        done = iter(self._fold(active, folded, innermost, depth))
        return [next(done) if ok else s for s, ok in zip(slots, inside)]

    def _is_inside(self, slot: Slot, q: int, r: Affine) -> bool:
        """False where the element's window certainly leaves the input and that adds nothing."""
        for w in self.windows:
            if w.fold == q and w.neutral:
                position = w.position(self._group_position(slot, w), r)
                if producers.is_inside(self.evaluator.facts, position, w.size) is False:
                    return False
        return True

    def _group_position(self, slot: Slot, w: Window) -> Affine:
        (d,) = self.groups[w.group].dims
        return slot.element.at[d] - self.groups[w.group].lows[0]

    def _window_range(self, q: int, slots: list[Slot], extent: int):
        """The part of a reduction loop that is inside of the input, where that adds nothing."""
        low: int | ir.Value = 0
        high: int | ir.Value = extent
        for w in self.windows:
            at = {self._group_position(s, w) for s in slots}
            if w.fold != q or not w.neutral or len(at) != 1:
                continue
            x = at.pop()
            if LANE in x.atoms():
                continue
            span = self.evaluator.facts.bounds(w.position(x, Affine({})))
            if span is None or span[0] < 0:
                low = self._larger(low, w.first(x))
            if span is None or span[1] + w.step * (extent - 1) >= w.size:
                high = self._smaller(high, w.last(x))
        return low, high

    def _assume(self, q: int, slots: list[Slot], r: Affine) -> None:
        """States that the positions of a loop that was cut to the input are inside of it."""
        for w in self.windows:
            at = {self._group_position(s, w) for s in slots}
            if w.fold == q and w.neutral and len(at) == 1 and LANE not in (x := at.pop()).atoms():
                self.evaluator.facts.assume(w.position(x, r), 0, w.size - 1)

    def _larger(self, a: int | ir.Value, x: tuple[Affine, int]):
        return arith.maxsi(self.loops.index(a), self._ceil(x))

    def _smaller(self, a: int | ir.Value, x: tuple[Affine, int]):
        return arith.minsi(self.loops.index(a), self._ceil(x))

    def _ceil(self, x: tuple[Affine, int]) -> ir.Value:
        value = self.loops.index(x[0])
        return value if x[1] == 1 else arith.ceildivsi(value, self.loops.index(x[1]))

    def _accumulate(self, slots: list[Slot], folded: list[Affine]) -> list[Slot]:
        return [self._step(s, s.element.lanes, s.element.at, folded) for s in slots]

    def _step(
        self, slot: Slot, lanes: int | None, at: Sequence[Affine], folded: Sequence[Affine]
    ) -> Slot:
        self.evaluator.facts.declare(LANE, 0, (lanes or 1) - 1)
        dims = self._dims(at, folded)
        clone = self.evaluator.body(
            self.reduction, dims, lanes, accumulators=slot.values, fused=True
        )
        values = clone.yields()
        if lanes is not None:
            values = [v if bodies.is_vector(v) else self.evaluator.spread(v, lanes) for v in values]
        return Slot(slot.element, values)

    # Accumulators along the data.

    def _fold_lanes(self, elements: list[Element]) -> list[Slot]:
        return [Slot(e, self._fold_row(e)) for e in elements]

    def _fold_row(self, e: Element) -> list[ir.Value]:
        last = len(self.plan.shape.reductions) - 1
        extent, lanes = self.plan.shape.reductions[last].extent, self.mode.lanes
        count = min(self.mode.unroll, extent // lanes)
        tail = extent % lanes
        widths = [lanes] * count + ([tail] if tail else [])
        slots = [Slot(Element(e.at, w), self._neutral(w)) for w in widths]
        slots = self._fold(slots, [], lambda s, f: self._row(s, f, extent, count), last)
        return self._join(e, slots)

    def _row(self, slots: list[Slot], folded: list[Affine], extent: int, count: int):
        """Folds a row of contiguous data into `count` vectors and a tail."""
        lanes = self.mode.lanes
        vectors = extent // lanes
        main, tail = slots[:count], slots[count:]
        whole = vectors // count * count * lanes
        if whole == count * lanes:
            main = self._vectors(main, folded, Affine({}))
        else:
            carried = [v for s in main for v in s.values]
            with self.loops.loop(0, whole, count * lanes, None, carried) as (x, op):
                inner = self._vectors(_reload(main, list(op.inner_iter_args)), folded, x)
                scf.YieldOp([v for s in inner for v in s.values])
            main = _reload(main, list(op.results))
        left = vectors - vectors // count * count
        if left:
            main[:left] = self._vectors(main[:left], folded, Affine({}, whole))
        if tail:
            ((x, width),) = places(Affine({}, vectors * lanes), extent % lanes, lanes)
            tail = [self._step(tail[0], width, tail[0].element.at, [*folded, x])]
        return [*main, *tail]

    def _vectors(self, slots: list[Slot], folded: list[Affine], base: Affine) -> list[Slot]:
        lanes = self.mode.lanes
        return [
            self._step(s, lanes, s.element.at, [*folded, base + Affine({LANE: 1}, k * lanes)])
            for k, s in enumerate(slots)
        ]

    def _neutral(self, width: int) -> list[ir.Value]:
        lanes = None if width == 1 else width
        return [self._neutral_of(k, lanes) for k in range(len(self.reduction.outputs))]

    def _neutral_of(self, k: int, lanes: int | None) -> ir.Value:
        instruction = self._combiner(k)
        element = element_of(self.reduction.outputs[k].value)
        return self.evaluator.constant(neutral(instruction.name, element), lanes)

    def _combiner(self, k: int) -> Instruction:
        found = combiner(self.reduction.body, k)
        if found is None:
            raise InternalError("a reduction along its lanes has one combining operation")
        return found

    def _join(self, e: Element, slots: list[Slot]) -> list[ir.Value]:
        """The accumulators of a row as scalars, joined with what the row starts from."""
        initial = self._initial(e)
        return [self._join_result(k, slots, start) for k, start in enumerate(initial)]

    def _join_result(self, k: int, slots: list[Slot], start: ir.Value) -> ir.Value:
        full = [s.values[k] for s in slots if s.element.lanes == self.mode.lanes]
        while len(full) > 1:
            pairs = [self._combine(k, a, b) for a, b in zip(full[::2], full[1::2])]
            full = [*pairs, *full[len(pairs) * 2 :]]
        result = self._combine(k, start, self._halves(k, full[0]))
        for s in slots:
            if s.element.lanes != self.mode.lanes:
                result = self._combine(k, result, self._halves(k, s.values[k]))
        return result

    def _combine(self, k: int, a: ir.Value, b: ir.Value) -> ir.Value:
        instruction = self._combiner(k)
        if instruction.name in ("arith.maximumf", "arith.minimumf"):
            return bodies.extreme(instruction.name, a, b)
        return ir.Operation.create(
            instruction.name, results=[a.type], operands=[a, b], attributes=instruction.attributes
        ).results[0]

    def _halves(self, k: int, value: ir.Value) -> ir.Value:
        """All lanes of a vector joined into one scalar."""
        while isinstance(value.type, ir.VectorType):
            lanes = ir.VectorType(value.type).shape[0]
            if lanes % 2 or lanes == 2:
                parts = [vector.extract(value, [], [i]) for i in range(lanes)]
                value = parts[0]
                for p in parts[1:]:
                    value = self._combine(k, value, p)
                break
            low = vector.shuffle(value, value, list(range(lanes // 2)))
            high = vector.shuffle(value, value, list(range(lanes // 2, lanes)))
            value = self._combine(k, low, high)
        return value


def _reload(slots: list[Slot], values: list[ir.Value]) -> list[Slot]:
    """The slots with other accumulators."""
    found = iter(values)
    return [Slot(s.element, [next(found) for _ in s.values]) for s in slots]


def neutral(name: str, element: ir.Type) -> ir.Attribute:
    """The constant that a combining operation leaves any other value as it is with."""
    if isinstance(element, ir.IntegerType):
        bits = ir.IntegerType(element).width
        top = (1 << (bits - 1)) - 1
        table = {"muli": 1, "andi": -1, "minui": -1, "maxsi": -top - 1, "minsi": top}
        return ir.IntegerAttr.get(element, table.get(name.removeprefix("arith."), 0))
    table = {"mulf": 1.0, "maximumf": -np.inf, "maxnumf": -np.inf, "minimumf": np.inf}
    table["minnumf"] = np.inf
    # -0.0 + x is x for every x; 0.0 + -0.0 is not.
    return ir.FloatAttr.get(element, table.get(name.removeprefix("arith."), -0.0))
