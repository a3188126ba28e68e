"""Attention of one panel of queries: chunk by chunk of keys, scores, weights and their product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from mlir import ir
from mlir.dialects import arith, math, memref, vector

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
from tyc.compiler.schedules.contraction_kernel import loop, only_if, repeat
from tyc.compiler.schedules.contraction_operands import load, store, zero


@dataclass(frozen=True)
class Buffers:
    """Flat buffers of the operands, and scratch: the panel of Q turned and scaled, scores turned,
    and for each query the maximum, the sum and a factor of its row."""

    q: ir.Value
    k: ir.Value
    v: ir.Value
    mask: ir.Value | None
    y: ir.Value
    turned: ir.Value
    scores: ir.Value
    maxima: ir.Value
    sums: ir.Value
    factors: ir.Value
    stack_bytes: int


@dataclass(frozen=True)
class Panel:
    """`count` queries from `first` on, of the head at `at`."""

    form: Attention
    plan: Plan
    buffers: Buffers
    at: Sequence[Size]
    first: Size
    count: int

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
        """The rows of the result."""
        form, plan = self.form, self.plan
        self._turn_queries()
        if form.keys == plan.chunk:
            found = self._scores(0, form.keys, self._everywhere(self._lowest()))
            self._finish(self._weights(found.length, found.maxima))
            self._product(0, found.length, True)
            return
        self._start()
        whole, rest = divmod(form.keys, plan.chunk)
        steps: Size = whole
        if form.causal:
            seen = size.floor_divide(self._last_query(), plan.chunk)
            steps = size.minimum(whole, size.add(seen, 1))
        repeat(steps, lambda c: self._chunk(size.multiply(c, plan.chunk), plan.chunk))
        if rest:
            begin = whole * plan.chunk
            condition: ir.Value | bool = True
            if form.causal:
                last = size.materialise(self._last_query())
                condition = arith.cmpi(arith.CmpIPredicate.sge, last, size.constant(begin))
            only_if(condition, lambda: self._chunk(begin, rest))
        self._finish(self._vectors_of(self.buffers.sums))
        self._scale_result()

    def _last_query(self) -> Size:
        return size.add(self.first, self.count - 1)

    def _lowest(self) -> float:
        """Where a maximum starts: finite, so that what is hidden (minus infinity) weighs 0."""
        return float(np.finfo(f"f{ir.FloatType(self.element).width // 8}").min)

    def _everywhere(self, number: float) -> list[ir.Value]:
        return [splat(number, self.kind)] * self.vectors

    def _vectors_of(self, buffer: ir.Value) -> list[ir.Value]:
        lanes = self.plan.lanes
        return [load(buffer, v * lanes, lanes) for v in range(self.vectors)]

    def _keep(self, values: Sequence[ir.Value], buffer: ir.Value) -> None:
        for v, value in enumerate(values):
            store(value, buffer, v * self.plan.lanes)

    def _rows(self, base: Size, stride: int) -> list[Size]:
        """Where each query's row begins; the lanes behind the last repeat it."""
        start = size.add(base, size.multiply(self.first, stride))
        lanes = range(self.vectors * self.plan.lanes)
        return [size.add(start, min(r, self.count - 1) * stride) for r in lanes]

    def _turn_queries(self) -> None:
        """Q^T of the panel, scaled."""
        q, buffers = self.form.q, self.buffers
        turn = Turn(
            buffers.q, self._rows(q.base(self.at), q.row), q.column, buffers.turned, self.plan.width
        )
        turn.copy(self.form.depth, lambda x: arith.mulf(x, splat(self.form.scale, x.type)))

    def _start(self) -> None:
        """Nothing is seen yet."""
        self._keep(self._everywhere(self._lowest()), self.buffers.maxima)
        self._keep(self._everywhere(0.0), self.buffers.sums)
        nothing = zero(self.element, self.plan.lanes)
        self._each_of_result(lambda r, at, n: store_part(
            nothing, self.buffers.y, at, self.plan.lanes, n))  # fmt: skip

    def _chunk(self, begin: Size, length: int) -> None:
        """The result after some more keys."""
        buffers = self.buffers
        before = self._vectors_of(buffers.maxima)
        found = self._scores(begin, length, before)
        factors = [math.exp(arith.subf(a, b)) for a, b in zip(before, found.maxima)]
        sums = [arith.mulf(s, f) for s, f in zip(self._vectors_of(buffers.sums), factors)]
        more = self._weights(found.length, found.maxima)
        self._keep([arith.addf(a, b) for a, b in zip(sums, more)], buffers.sums)
        self._keep(found.maxima, buffers.maxima)
        self._keep(factors, buffers.factors)
        self._product(begin, found.length, False)

    def _scores(self, begin: Size, length: int, maxima: list[ir.Value]) -> _Scores:
        return _Keys(self, begin, length).emit(maxima)

    def _weights(self, length: Size, maxima: list[ir.Value]) -> list[ir.Value]:
        """Scores become weights before the division; their sums over the keys."""
        scores, lanes, width = self.buffers.scores, self.plan.lanes, self.plan.width

        def step(t: Size, sums: list[ir.Value]) -> list[ir.Value]:
            found = []
            for v, (maximum, total) in enumerate(zip(maxima, sums)):
                at = size.add(size.multiply(t, width), v * lanes)
                weight = math.exp(arith.subf(load(scores, at, lanes), maximum))
                store(weight, scores, at)
                found.append(arith.addf(total, weight))
            return found

        return loop(0, length, 1, self._everywhere(0.0), step)

    def _finish(self, sums: list[ir.Value]) -> None:
        """The factor of a row is the reciprocal of its sum."""
        one = splat(1.0, self.kind)
        self._keep([arith.divf(one, s) for s in sums], self.buffers.factors)

    def _factor(self, row: int) -> ir.Value:
        value = memref.load(self.buffers.factors, [size.constant(row)])
        return vector.broadcast(self.kind, value)

    def _product(self, begin: Size, length: Size, last: bool) -> None:
        """`y = P V * factor`, or `y = y * factor + P V` where that is not all."""
        v, plan = self.form.v, self.plan
        base = size.add(v.base(self.at), size.multiply(begin, v.row))

        def columns(column: Size, count: int) -> None:
            vectors = -(-count // plan.lanes)
            valid = count - (vectors - 1) * plan.lanes
            starts = [size.add(size.add(base, column), j * plan.lanes) for j in range(vectors)]
            values = Stream(self.buffers.v, starts, v.row, plan.lanes, valid)
            row = 0
            for tiles, height in row_tiles(self.count, plan.height(vectors)):
                for _ in range(tiles):
                    self._tile(row, height, length, values, column, last)
                    row += height

        step = 2 * plan.lanes
        whole = self.form.width // step * step
        repeat(whole, lambda c: columns(c, step), step)
        if self.form.width > whole:
            columns(whole, self.form.width - whole)

    def _tile(
        self, row: int, height: int, length: Size, values: Stream, column: Size, last: bool
    ) -> None:
        """`height` rows of the result from `row` on, and the columns of one stream of V."""
        plan, buffers, vectors = self.plan, self.buffers, len(values.starts)
        weights = Stream(buffers.scores, list(range(row, row + height)), plan.width)
        y = self._result_rows()
        places = [
            (row + r, size.add(size.add(y[row + r], column), j * plan.lanes),
             values.valid if j == vectors - 1 else plan.lanes)
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

    def _scale_result(self) -> None:
        def scale(row: int, at: Size, count: int) -> None:
            old = load_part(self.buffers.y, at, self.plan.lanes, count)
            new = arith.mulf(old, self._factor(row))
            store_part(new, self.buffers.y, at, self.plan.lanes, count)

        self._each_of_result(scale)

    def _each_of_result(self, body) -> None:
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
        places = [v * plan.lanes for v in range(panel.vectors)]
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
