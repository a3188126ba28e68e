"""Attention of one panel of queries: chunk by chunk of keys, scores, weights and their product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from mlir import ir
from mlir.dialects import arith, math, memref, vector

from tyc.compiler.codegen.mathematics import exp_of_difference
from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.attention_form import Attention, Matrices, Plan
from tyc.compiler.schedules.attention_tile import (
    Stream,
    Turn,
    accumulate,
    load_part,
    splat,
    store_part,
)
from tyc.compiler.schedules.contraction_cut import row_tiles
from tyc.compiler.schedules.contraction_kernel import loop, repeat
from tyc.compiler.schedules.contraction_operands import load, store, zero
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import f32


@dataclass(frozen=True)
class Buffers:
    """Flat buffers of the operands, and scratch: panels of Q turned and scaled, scores turned,
    packed values, and for each query the maximum, the sum and a factor of its row."""

    q: ir.Value
    k: ir.Value
    v: ir.Value
    mask: ir.Value | None
    y: ir.Value
    turned: ir.Value
    scores: ir.Value
    values: ir.Value
    maxima: ir.Value
    sums: ir.Value
    factors: ir.Value
    stack_bytes: int


@dataclass(frozen=True)
class Panel:
    """`count` queries from `first` on, of the head at `at`; `slot` is the panel's in its item."""

    form: Attention
    plan: Plan
    buffers: Buffers
    at: Sequence[Size]
    first: Size
    count: int
    slot: Size = 0

    @property
    def turned(self) -> Size:
        """Where the panel of Q is in scratch."""
        return size.multiply(self.slot, self.form.depth * self.plan.width)

    @cached_property
    def element(self) -> ir.Type:
        """The type of an element."""
        return ir.MemRefType(self.buffers.q.type).element_type

    @cached_property
    def kind(self) -> ir.Type:
        """The type of a vector."""
        return ir.VectorType.get([self.plan.lanes], self.element)

    @cached_property
    def vectors(self) -> int:
        """Vectors that the queries take."""
        return -(-self.count // self.plan.lanes)

    def emit(self) -> None:
        """The rows of the result, of all keys at once."""
        self._turn_queries()
        found = self._scores(0, self.form.keys, self._everywhere(self._lowest()))
        self._finish(self._weights(found.length, found.maxima))
        self._product(0, found.length, True)

    def start(self) -> None:
        """Nothing is seen yet."""
        self._turn_queries()
        self._keep(self._everywhere(self._lowest()), self.buffers.maxima)
        self._keep(self._everywhere(0.0), self.buffers.sums)
        nothing = zero(self.element, self.plan.lanes)

        def clear(row: int, at: Size, count: int) -> None:
            store_part(nothing, self.buffers.y, at, self.plan.lanes, count)

        self._each_of_result(clear)

    def chunk(self, begin: Size, length: int) -> None:
        """The result after some more keys."""
        buffers = self.buffers
        before = self._kept(buffers.maxima)
        found = self._scores(begin, length, before)
        factors = [self._exp(arith.subf(a, b)) for a, b in zip(before, found.maxima)]
        sums = [arith.mulf(s, f) for s, f in zip(self._kept(buffers.sums), factors)]
        more = self._weights(found.length, found.maxima)
        self._keep([arith.addf(a, b) for a, b in zip(sums, more)], buffers.sums)
        self._keep(found.maxima, buffers.maxima)
        self._keep_factors(factors)
        self._product(begin, found.length, False)

    def finish(self) -> None:
        """The result divided by the sums."""
        self._finish(self._kept(self.buffers.sums))

        def scale(row: int, at: Size, count: int) -> None:
            old = load_part(self.buffers.y, at, self.plan.lanes, count)
            new = arith.mulf(old, self._factor(row))
            store_part(new, self.buffers.y, at, self.plan.lanes, count)

        self._each_of_result(scale)

    def _last_query(self) -> Size:
        return size.add(self.first, self.count - 1)

    def _lowest(self) -> float:
        """Where a maximum starts: finite, so that what is hidden (minus infinity) weighs 0."""
        return float(np.finfo(f"f{ir.FloatType(self.element).width // 8}").min)

    def _everywhere(self, number: float) -> list[ir.Value]:
        return [splat(number, self.kind)] * self.vectors

    def _kept(self, buffer: ir.Value) -> list[ir.Value]:
        return [load(buffer, at, self.plan.lanes) for at in self._slots()]

    def _keep(self, values: Sequence[ir.Value], buffer: ir.Value) -> None:
        for at, value in zip(self._slots(), values):
            store(value, buffer, at)

    def _slots(self) -> list[Size]:
        """Where the panel's vectors of one number a query are."""
        start = size.multiply(self.slot, self.plan.width)
        return [size.add(start, v * self.plan.lanes) for v in range(self.vectors)]

    def _rows(self, base: Size, stride: int) -> list[Size]:
        """Where each query's row begins; the lanes behind the last repeat it."""
        start = size.add(base, size.multiply(self.first, stride))
        lanes = range(self.vectors * self.plan.lanes)
        return [size.add(start, min(r, self.count - 1) * stride) for r in lanes]

    def _turn_queries(self) -> None:
        """Q^T of the panel, scaled."""
        q, buffers = self.form.q, self.buffers
        rows = self._rows(q.base(self.at), q.row)
        turn = Turn(buffers.q, rows, q.column, buffers.turned, self.plan.width, self.turned)
        turn.copy(self.form.depth, lambda x: arith.mulf(x, splat(self.form.scale, x.type)))

    def _scores(self, begin: Size, length: int, maxima: list[ir.Value]) -> _Scores:
        return _Keys(self, begin, length).emit(maxima)

    def _exp(self, x: ir.Value) -> ir.Value:
        """exp of what is not above 0."""
        if isinstance(self.element, ir.F32Type):
            return exp_of_difference(Scalar(x, f32)).value
        return math.exp(x)

    def _weights(self, length: Size, maxima: list[ir.Value]) -> list[ir.Value]:
        """Scores become weights before the division; their sums over the keys."""
        scores, lanes, width = self.buffers.scores, self.plan.lanes, self.plan.width

        def step(t: Size, sums: list[ir.Value]) -> list[ir.Value]:
            found = []
            for v, (maximum, total) in enumerate(zip(maxima, sums)):
                at = size.add(size.multiply(t, width), v * lanes)
                weight = self._exp(arith.subf(load(scores, at, lanes), maximum))
                store(weight, scores, at)
                found.append(arith.addf(total, weight))
            return found

        return loop(0, length, 1, self._everywhere(0.0), step)

    def _finish(self, sums: list[ir.Value]) -> None:
        """The factor of a row is the reciprocal of its sum."""
        one = splat(1.0, self.kind)
        self._keep_factors([arith.divf(one, s) for s in sums])

    def _keep_factors(self, factors: list[ir.Value]) -> None:
        for v, factor in enumerate(factors):
            store(factor, self.buffers.factors, v * self.plan.lanes)

    def _factor(self, row: int) -> ir.Value:
        value = memref.load(self.buffers.factors, [size.constant(row)])
        return vector.broadcast(self.kind, value)

    def _product(self, begin: Size, length: Size, last: bool) -> None:
        """`y = P V * factor`, or `y = y * factor + P V` where that is not all."""
        plan = self.plan

        def columns(column: Size, count: int) -> None:
            vectors = -(-count // plan.lanes)
            valid = count - (vectors - 1) * plan.lanes
            values = self._values(begin, column, vectors, valid)
            row = 0
            for tiles, height in row_tiles(self.count, plan.height(vectors)):
                for _ in range(tiles):
                    self._tile(row, height, length, values, (column, valid), last)
                    row += height

        step = plan.columns
        whole = self.form.width // step * step
        repeat(whole, lambda c: columns(c, step), step)
        if self.form.width > whole:
            columns(whole, self.form.width - whole)

    def _values(self, begin: Size, column: Size, vectors: int, valid: int) -> Stream:
        """The columns of V that a tile reads."""
        v, plan = self.form.v, self.plan
        if plan.packed:
            base, step, valid = size.multiply(column, plan.chunk), plan.columns, plan.lanes
        else:
            base = size.add(v.base(self.at), size.multiply(begin, v.row))
            base, step = size.add(base, column), v.row
        starts = [size.add(base, j * plan.lanes) for j in range(vectors)]
        return Stream(self.buffers.values if plan.packed else self.buffers.v, starts, step,
                      plan.lanes, valid)  # fmt: skip

    def _tile(
        self,
        row: int,
        height: int,
        length: Size,
        values: Stream,
        place: tuple[Size, int],
        last: bool,
    ) -> None:
        """`height` rows of the result from `row` on; `place` is the first column and how many lanes
        of the last vector there are."""
        column, valid = place
        plan, buffers, vectors = self.plan, self.buffers, len(values.starts)
        weights = Stream(buffers.scores, list(range(row, row + height)), plan.width)
        y = self._result_rows()
        places = [
            (row + r, size.add(size.add(y[row + r], column), j * plan.lanes),
             valid if j == vectors - 1 else plan.lanes)
            for r in range(height) for j in range(vectors)
        ]  # fmt: skip
        sums = [zero(self.element, plan.lanes)] * len(places)
        if not last:
            old = [load_part(buffers.y, at, plan.lanes, n) for _, at, n in places]
            sums = [arith.mulf(o, self._factor(r)) for o, (r, _, _) in zip(old, places)]
        sums = accumulate(length, weights, values, sums, plan.fused)
        for value, (r, at, n) in zip(sums, places):
            result = arith.mulf(value, self._factor(r)) if last else value
            store_part(result, buffers.y, at, plan.lanes, n)

    def _result_rows(self) -> list[Size]:
        return self._rows(self.form.y.base(self.at), self.form.y.row)

    def _each_of_result(self, body: Callable[[int, Size, int], None]) -> None:
        """`body(row, address, lanes that are there)` for each vector of the panel's result."""
        lanes, width = self.plan.lanes, self.form.width
        for r, start in enumerate(self._result_rows()[: self.count]):
            whole = width // lanes * lanes
            repeat(whole, lambda c, r=r, s=start: body(r, size.add(s, c), lanes), lanes)
            if width > whole:
                body(r, size.add(start, whole), width - whole)


@dataclass(frozen=True)
class _Scores:
    """How many keys of a chunk have scores, and the maxima over them."""

    length: Size
    maxima: list[ir.Value]


@dataclass(frozen=True)
class _Keys:
    """A chunk of keys against the panel: `length` keys from `begin` on."""

    panel: Panel
    begin: Size
    length: int

    def emit(self, maxima: list[ir.Value]) -> _Scores:
        """Scores, turned, into scratch."""
        panel = self.panel
        if self._fills:
            self._turn_mask()
        height = panel.plan.height(panel.vectors)
        done, total = 0, 0
        for count, tall in row_tiles(self.length, height):
            steps: Size = count
            if panel.form.causal:
                steps = self._visible(done, count, tall)

            def body(i: Size, carried: list[ir.Value], tall=tall, done=done) -> list[ir.Value]:
                return self._tile(size.add(size.multiply(i, tall), done), tall, carried)

            maxima = loop(0, steps, 1, maxima, body)
            total = size.add(total, size.multiply(steps, tall))
            done += count * tall
        return _Scores(total, maxima)

    def _visible(self, done: int, count: int, tall: int) -> Size:
        """How many of `count` tiles from key `done` on hold a key that the last query sees."""
        last = self.panel._last_query()
        keys = size.subtract(size.add(last, 1), size.add(self.begin, done))
        return size.minimum(size.ceil_divide(size.maximum(keys, 0), tall), count)

    @property
    def _mask(self) -> Matrices | None:
        return self.panel.form.mask

    @property
    def _fills(self) -> bool:
        """Whether the mask differs by query, and so is turned into the scratch of scores."""
        return self._mask is not None and self._mask.row != 0

    def _turn_mask(self) -> None:
        panel, mask = self.panel, self.panel.form.mask
        assert mask is not None and panel.buffers.mask is not None
        base = size.add(mask.base(panel.at), size.multiply(self.begin, mask.column))
        rows = panel._rows(base, mask.row)
        turn = Turn(panel.buffers.mask, rows, mask.column, panel.buffers.scores, panel.plan.width)
        turn.copy(self.length, lambda x: x)

    def _tile(self, key: Size, height: int, maxima: list[ir.Value]) -> list[ir.Value]:
        """Scores of `height` keys from `key` of the chunk on."""
        panel, plan, form = self.panel, self.panel.plan, self.panel.form
        base = form.k.base(panel.at)
        keys = [size.add(size.add(self.begin, key), r) for r in range(height)]
        starts = [size.add(base, size.multiply(t, form.k.row)) for t in keys]
        a = Stream(panel.buffers.k, starts, form.k.column)
        places = [size.add(panel.turned, v * plan.lanes) for v in range(panel.vectors)]
        b = Stream(panel.buffers.turned, places, plan.width, plan.lanes, plan.lanes)
        sums = [zero(panel.element, plan.lanes)] * (height * panel.vectors)
        sums = accumulate(form.depth, a, b, sums, plan.fused)
        for i, value in enumerate(sums):
            r, v = divmod(i, panel.vectors)
            at = size.add(size.multiply(size.add(key, r), plan.width), v * plan.lanes)
            score = self._masked(value, keys[r], v, at)
            store(score, panel.buffers.scores, at)
            larger = arith.cmpf(arith.CmpFPredicate.OGT, score, maxima[v])
            maxima = [*maxima]
            maxima[v] = arith.select(larger, score, maxima[v])
        return maxima

    def _masked(self, score: ir.Value, key: Size, v: int, at: Size) -> ir.Value:
        """The score of a key with the v-th vector of queries, with what is added or hidden."""
        panel, mask = self.panel, self._mask
        lanes = panel.plan.lanes
        if self._fills:
            score = arith.addf(score, load(panel.buffers.scores, at, lanes))
        elif mask is not None:
            place = size.add(mask.base(panel.at), size.multiply(key, mask.column))
            number = memref.load(panel.buffers.mask, [size.materialise(place)])
            score = arith.addf(score, vector.broadcast(panel.kind, number))
        if panel.form.causal:
            hidden = self._hidden(key, v)
            score = arith.select(hidden, splat(float("-inf"), panel.kind), score)
        return score

    def _hidden(self, key: Size, v: int) -> ir.Value:
        """The queries of the v-th vector that stand before the key."""
        lanes = self.panel.plan.lanes
        number = ir.IntegerType.get_signless(32)
        kind = ir.VectorType.get([lanes], number)
        behind = size.subtract(key, size.add(self.panel.first, v * lanes))
        distance = arith.index_cast(number, size.materialise(behind))
        steps = [ir.IntegerAttr.get(number, lane) for lane in range(lanes)]
        offsets = ir.DenseElementsAttr.get(steps, kind)
        spread = vector.broadcast(kind, distance)
        return arith.cmpi(arith.CmpIPredicate.sgt, spread, arith.constant(kind, offsets))
