"""The sums of a matrix-vector product: three ways to walk through B, each front to back.

What the prefetcher of the machine does not see, a stream that goes on in another page, is asked
for ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith, memref, vector

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_kernel import loop, multiply_add, only_if, repeat
from tyc.compiler.schedules.contraction_operands import Placed
from tyc.compiler.schedules.kernel import itemsize
from tyc.compiler.schedules.matvec_plan import MatvecPlan

_LINE_BYTES = 64
_UNROLL = 4


@dataclass(frozen=True)
class Sums:
    """The operands of one batch element: `starts` are the addresses of A's rows, `stride` is how
    far apart B's columns (of a packed B, its panels) are."""

    plan: MatvecPlan
    a: Placed
    b: Placed
    starts: Sequence[Size]
    stride: int

    # Sums in registers, lanes along the columns.

    def tile(self, column: Size, count: int, sums: Sequence[ir.Value]) -> list[ir.Value]:
        """The sums of `count` columns, row by row, on top of `sums`."""
        plan = self.plan
        vectors = -(-count // plan.lanes)
        base = self._column(column)
        share = plan.k // plan.parts
        nothing = [_zero_like(s) for s in sums]
        carried = [*sums, *(nothing * (plan.parts - 1))]

        def steps(k: Size, carried: list[ir.Value], ahead: int) -> list[ir.Value]:
            found = list(carried)
            for u in range(ahead):
                for part in range(plan.parts):
                    at = size.add(k, u + part * share)
                    low = part * len(sums)
                    own = found[low : low + len(sums)]
                    found[low : low + len(sums)] = self._products(base, at, vectors, count, own)
            return found

        whole = share // _UNROLL * _UNROLL
        carried = loop(0, whole, _UNROLL, carried, lambda k, c: steps(k, c, _UNROLL))
        carried = steps(whole, carried, share - whole)
        for k in range(share * plan.parts, plan.k):
            own = carried[: len(sums)]
            carried[: len(sums)] = self._products(base, k, vectors, count, own)
        return _joined([carried[i :: len(sums)] for i in range(len(sums))])

    def _column(self, column: Size) -> Size:
        plan = self.plan
        if plan.panel:
            column = size.floor_divide(column, plan.panel)
        return size.add(self.b.base, size.multiply(column, self.stride))

    def _products(
        self, base: Size, k: Size, vectors: int, count: int, sums: Sequence[ir.Value]
    ) -> list[ir.Value]:
        plan = self.plan
        base = size.add(base, size.multiply(k, plan.step_b))
        factors = []
        for v in range(vectors):
            x = v * plan.lanes
            offset = x // plan.panel * self.stride + x % plan.panel if plan.panel else x
            readable = plan.lanes if plan.panel else count - x
            factors.append(self.b.vector(size.add(base, offset), plan.lanes, readable))
        found = []
        for r, start in enumerate(self.starts):
            spread = self._spread(start, k)
            for v, factor in enumerate(factors):
                found.append(multiply_add(spread, factor, sums[r * vectors + v], plan.fused))
        return found

    def _spread(self, start: Size, k: Size) -> ir.Value:
        """The element of A at depth `k` in all lanes."""
        scalar = self.a.scalar(size.add(start, size.multiply(k, self.plan.step_a)))
        return vector.broadcast(ir.VectorType.get([self.plan.lanes], scalar.type), scalar)

    # Sums in scratch, a group of rows of B at a time.

    def rows(
        self, room: ir.Value, pitch: int, column: Size, vectors: Size, tail: ir.Value | bool
    ) -> None:
        """Adds all products to the sums in scratch; those of a row of A are `pitch` long."""
        plan = self.plan
        whole = plan.k // plan.group * plan.group
        repeat(whole, lambda k: self._group(room, pitch, column, vectors, tail, k, plan.group),
               plan.group)  # fmt: skip
        if whole < plan.k:
            self._group(room, pitch, column, vectors, tail, whole, plan.k - whole)

    def _group(
        self,
        room: ir.Value,
        pitch: int,
        column: Size,
        vectors: Size,
        tail: ir.Value | bool,
        k: Size,
        count: int,
    ) -> None:
        plan, lanes = self.plan, self.plan.lanes
        spread = [[self._spread(s, size.add(k, u)) for u in range(count)] for s in self.starts]
        low = size.add(size.add(self.b.base, column), size.multiply(k, plan.step_b))

        def add(x: Size, readable: int) -> None:
            factors = [
                self.b.vector(size.add(size.add(low, u * plan.step_b), x), lanes, readable)
                for u in range(count)
            ]
            for r, row in enumerate(spread):
                place = size.add(x, r * pitch)
                value = operands.load(room, place, lanes)
                for a, b in zip(row, factors):
                    value = multiply_add(a, b, value, plan.fused)
                operands.store(value, room, place)

        def line(v: Size) -> None:
            x = size.multiply(v, lanes)
            for u in range(count):
                self._prefetch(size.add(size.add(low, (count + u) * plan.step_b), x))
            for i in range(per_line):
                add(size.add(x, i * lanes), lanes)

        per_line = max(_LINE_BYTES // (lanes * itemsize(self.element)), 1)
        lines = size.multiply(size.floor_divide(vectors, per_line), per_line)
        repeat(lines, line, per_line)
        loop(lines, vectors, 1, [], lambda v, _: add(size.multiply(v, lanes), lanes) or [])
        if tail is not False:
            only_if(tail, lambda: add(size.multiply(vectors, lanes), plan.width % lanes))

    @property
    def element(self) -> ir.Type:
        """The element type of B in memory."""
        return ir.MemRefType(self.b.buffer.type).element_type

    def _prefetch(self, address: Size) -> None:
        memref.prefetch(self.b.buffer, [size.materialise(address)], False, 2, True)

    # Lanes along the depth.

    def dots(self, column: Size, count: int, sums: Sequence[ir.Value]) -> list[ir.Value]:
        """The sums of up to a vector of columns, row by row, on top of `sums`."""
        plan = self.plan
        base = size.add(self.b.base, size.multiply(column, self.stride))
        found: list[list[ir.Value]] = [[] for _ in self.starts]
        zero = _zero_like(sums[0])
        for first in range(0, count, plan.group):
            width = min(plan.group, count - first)
            streams = [size.add(base, (first + j) * self.stride) for j in range(width)]
            for r, values in enumerate(self._dot_group(streams, zero)):
                found[r] += values
        nothing = [zero] * (plan.lanes - count)
        return [arith.addf(start, _across([*own, *nothing])) for start, own in zip(sums, found)]

    def _dot_group(self, streams: Sequence[Size], zero: ir.Value) -> list[list[ir.Value]]:
        """A vector of partial sums for each row and stream."""
        plan, lanes = self.plan, self.plan.lanes
        carried = [zero] * (len(streams) * len(self.starts))

        def step(k: Size, carried: Sequence[ir.Value], readable: int) -> list[ir.Value]:
            rows = [self.a.vector(size.add(s, k), lanes, readable) for s in self.starts]
            found: list[ir.Value] = []
            columns = [self.b.vector(size.add(s, k), lanes, readable) for s in streams]
            for r, row in enumerate(rows):
                for j, b in enumerate(columns):
                    own = carried[r * len(streams) + j]
                    found.append(multiply_add(row, b, own, plan.fused))
            return found

        def pair(k: Size, carried: list[ir.Value]) -> list[ir.Value]:
            for s in streams:
                ahead = plan.lanes * self.stride
                self._prefetch(size.add(size.add(s, k), ahead))
            return step(size.add(k, lanes), step(k, carried, lanes), lanes)

        whole = plan.k // (2 * lanes) * 2 * lanes
        carried = loop(0, whole, 2 * lanes, carried, pair)
        for k in range(whole, plan.k, lanes):
            carried = step(k, carried, plan.k - k)
        n = len(streams)
        return [carried[r * n : (r + 1) * n] for r in range(len(self.starts))]


def _zero_like(value: ir.Value) -> ir.Value:
    kind = ir.VectorType(value.type)
    return operands.zero(kind.element_type, kind.shape[0])


def _joined(parts: Sequence[Sequence[ir.Value]]) -> list[ir.Value]:
    """Each list added up in pairs."""
    found = []
    for values in parts:
        while len(values) > 1:
            pairs = [arith.addf(a, b) for a, b in zip(values[::2], values[1::2])]
            values = [*pairs, *values[len(pairs) * 2 :]]
        found.append(values[0])
    return found


def _across(values: Sequence[ir.Value]) -> ir.Value:
    """The sum of the lanes of each of as many vectors as they have lanes, as one vector.

    Pairs of vectors are added at distance 1, 2, 4, ...: a vector then holds the half sums of both.
    """
    lanes, distance = len(values), 1
    while len(values) > 1:
        places = [(p // (2 * distance) * 2 * distance, p % (2 * distance)) for p in range(lanes)]
        low = [b + r if r < distance else lanes + b + r - distance for b, r in places]
        found = []
        for a, b in zip(values[::2], values[1::2]):
            high = [x + distance for x in low]
            found.append(arith.addf(vector.shuffle(a, b, low), vector.shuffle(a, b, high)))
        values, distance = found, 2 * distance
    return values[0]
