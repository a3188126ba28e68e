"""Register tiles of attention, and matrices turned while they are copied.

scf.for k: b_v = load b[k] ; a_r = broadcast a[r, k] ; sums[r, v] = fma(a_r, b_v, sums[r, v])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith, memref, vector

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_kernel import UNROLL, loop, multiply_add, repeat
from tyc.compiler.schedules.contraction_operands import lane_mask, load, zero
from tyc.compiler.schedules.memory import TILE, transpose


@dataclass(frozen=True)
class Stream:
    """Elements of a flat buffer that a tile reads: from each of `starts`, `step` further for each
    product. `valid` lanes of the last vector are there."""

    buffer: ir.Value
    starts: Sequence[Size]
    step: int
    lanes: int = 1
    valid: int = 1

    def scalars(self, k: Size) -> list[ir.Value]:
        """The scalar at each start."""
        return [memref.load(self.buffer, [size.materialise(a)]) for a in self._at(k)]

    def vectors(self, k: Size) -> list[ir.Value]:
        """The vector at each start."""
        *whole, last = self._at(k)
        found = [load(self.buffer, a, self.lanes) for a in whole]
        return [*found, load_part(self.buffer, last, self.lanes, self.valid)]

    def _at(self, k: Size) -> list[Size]:
        return [size.add(start, size.multiply(k, self.step)) for start in self.starts]


def accumulate(
    depth: Size, a: Stream, b: Stream, sums: list[ir.Value], fused: bool
) -> list[ir.Value]:
    """`sums[r, v] + sum over k of a[r, k] * b[k, v]`, in the order of `k`."""

    def step(k: Size, carried: list[ir.Value], count: int) -> list[ir.Value]:
        for u in range(count):
            factors = b.vectors(size.add(k, u))
            scalars = a.scalars(size.add(k, u))
            spread = [vector.broadcast(factors[0].type, s) for s in scalars]
            pairs = [(s, f) for s in spread for f in factors]
            carried = [multiply_add(s, f, c, fused) for (s, f), c in zip(pairs, carried)]
        return carried

    whole = size.multiply(size.floor_divide(depth, UNROLL), UNROLL)
    sums = loop(0, whole, UNROLL, sums, lambda k, c: step(k, c, UNROLL))
    if isinstance(depth, int) and isinstance(whole, int):
        return step(whole, sums, depth - whole)
    return loop(whole, depth, 1, sums, lambda k, c: step(k, c, 1))


def load_part(buffer: ir.Value, address: Size, lanes: int, count: int) -> ir.Value:
    """A vector of which only the first `count` lanes are read."""
    if count >= lanes:
        return load(buffer, address, lanes)
    nothing = zero(ir.MemRefType(buffer.type).element_type, lanes)
    at = [size.materialise(address)]
    return vector.maskedload(nothing.type, buffer, at, lane_mask(count, lanes), nothing)


def store_part(value: ir.Value, buffer: ir.Value, address: Size, lanes: int, count: int) -> None:
    """Writes the first `count` lanes, fewer than all as vectors of falling powers of two: a masked
    store costs as much as twenty plain ones on some machines."""
    if count >= lanes:
        vector.store(value, buffer, [size.materialise(address)])
        return
    done = 0
    for part in (1 << k for k in reversed(range(count.bit_length()))):
        if count & part:
            piece = vector.shuffle(value, value, list(range(done, done + part)))
            vector.store(piece, buffer, [size.materialise(size.add(address, done))])
            done += part


@dataclass(frozen=True)
class Turn:
    """A copy by columns: `to[at + c * pitch + r] = change(source[rows[r] + c * step])`."""

    source: ir.Value
    rows: Sequence[Size]
    step: int
    to: ir.Value
    pitch: int
    at: Size = 0

    def copy(self, columns: int, change: Callable[[ir.Value], ir.Value]) -> None:
        """Emits the copy: blocks in registers where rows are contiguous, elements elsewhere."""
        whole = columns // TILE * TILE if self.step == 1 else 0
        repeat(whole, lambda c: self._block(c, change), TILE)
        loop(whole, columns, 1, [], lambda c, _: self._elements(c, change))

    def _block(self, column: Size, change: Callable[[ir.Value], ir.Value]) -> None:
        for first in range(0, len(self.rows), TILE):
            group = self.rows[first : first + TILE]
            rows = [change(load(self.source, size.add(row, column), TILE)) for row in group]
            for c, turned in enumerate(transpose(rows)):
                vector.store(turned, self.to, [self._place(size.add(column, c), first)])

    def _elements(self, column: Size, change: Callable[[ir.Value], ir.Value]) -> list[ir.Value]:
        for r, row in enumerate(self.rows):
            at = size.add(row, size.multiply(column, self.step))
            value = change(memref.load(self.source, [size.materialise(at)]))
            memref.store(value, self.to, [self._place(column, r)])
        return []

    def _place(self, column: Size, row: int) -> ir.Value:
        at = size.add(self.at, size.multiply(column, self.pitch))
        return size.materialise(size.add(at, row))


def splat(value: float, like: ir.Type) -> ir.Value:
    """A number as a scalar, or in every lane of a vector."""
    if not isinstance(like, ir.VectorType):
        return arith.constant(like, ir.FloatAttr.get(like, value))
    number = ir.FloatAttr.get(ir.VectorType(like).element_type, value)
    return arith.constant(like, ir.DenseElementsAttr.get_splat(like, number))
