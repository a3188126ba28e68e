"""Packs a block of B, while the kernel runs, to panels on the stack: `[panel][depth][lane]`.

Rows that are contiguous along the lanes are copied by vectors; a B that is contiguous along the
depth is transposed in registers, `lanes` by `lanes` elements at once; anything else is gathered.
Lanes beyond the last column are zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith, vector

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.affine import LANE, Affine, total
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_cut import Plan
from tyc.compiler.schedules.contraction_form import Contraction, argument_of, strides_of
from tyc.compiler.schedules.contraction_kernel import repeat
from tyc.compiler.schedules.contraction_operands import lane_mask, load, store, widen, zero
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.memory import row_major


@dataclass(frozen=True)
class Packer:
    """Packs panels of the task that starts at `starts`; the depth has the trip counts `depth`, and
    in the scratch `strides`."""

    contraction: Contraction
    plan: Plan
    evaluator: Evaluator
    starts: Mapping[int, Size]
    depth: Mapping[int, Size]
    strides: Mapping[int, int]
    target: ir.Value

    def panel(self, local: Mapping[int, Size], at: Size, columns: int) -> None:
        """One panel: `columns` columns from the local indices on, to the scratch from `at` on."""
        if self._transposes():
            return self._depth(self.plan.depth[:-1], local, at, columns, self._transposed)
        return self._depth(self.plan.depth, local, at, columns, self._row)

    def _depth(
        self, loops: Sequence[int], local: Mapping[int, Size], at: Size, columns: int,
        body: Callable[[Mapping[int, Size], Size, int], None],
    ) -> None:  # fmt: skip
        if not loops:
            return body(local, at, columns)
        step = self.strides[loops[0]]

        def inner(k: Size) -> None:
            moved = size.add(at, size.multiply(k, step))
            self._depth(loops[1:], {**local, loops[0]: k}, moved, columns, body)

        return repeat(self.depth[loops[0]], inner)

    def _transposes(self) -> bool:
        """True where the innermost depth loop is contiguous in memory."""
        side, depth = self.contraction.b, self.plan.depth
        plain = all(i.loop is not None or not i.terms for i in side.index)
        if not depth or not plain or argument_of(side.value) is None:
            return False
        strides = strides_of(side)
        return strides.get(depth[-1]) == 1 and strides[self.contraction.lane] != 1

    def _address(self, local: Mapping[int, Size]) -> Affine:
        """The address in the argument of B."""
        strides = row_major(self.contraction.b.shape)
        return total((s, i) for s, i in zip(strides, self._indices(local, 0)))

    def _indices(self, local: Mapping[int, Size], lane: int) -> list[Affine]:
        """B's indices, with `lane` times the lane of a vector added to that loop."""
        c, at = self.contraction, {}
        for d in (*c.batch, *c.columns, *c.depth):
            at[d] = Affine.of(self.starts.get(d, 0)) + Affine.of(local.get(d, 0))
        at[c.lane] = at[c.lane] + Affine({LANE: 1}) * lane
        return c.position(c.b.index, at, self.evaluator.facts)

    def _load(self, address: Affine, lanes: int) -> ir.Value:
        argument = argument_of(self.contraction.b.value)
        assert argument is not None
        base = self.evaluator.index_value(address, None)
        return load(self.evaluator.buffer(argument).memref, base, lanes)

    def _row(self, local: Mapping[int, Size], at: Size, columns: int) -> None:
        """One index of the depth: a row of the panel."""
        side, lanes, lane = self.contraction.b, self.plan.lanes, self.contraction.lane
        for v in range(self.plan.vectors):
            count = min(columns - v * lanes, lanes)
            place = size.add(at, v * lanes)
            if count <= 0:
                store(zero(self.contraction.element, lanes), self.target, place)
                continue
            moved = {**local, lane: size.add(local.get(lane, 0), v * lanes)}
            indices = self._indices(moved, 1)
            mask = None if count == lanes else lane_mask(count, lanes)
            value = widen(self.evaluator.value(side.value, indices, lanes, mask), side.casts)
            if mask is not None and argument_of(side.value) is None:
                # A computed lane that is masked holds anything; the panel's must be finite.
                value = arith.select(mask, value, zero(self.contraction.element, lanes))
            store(value, self.target, place)

    def _transposed(self, local: Mapping[int, Size], at: Size, columns: int) -> None:
        """A whole stretch of the innermost depth loop, square by square; a few rows of B at a time,
        as rows that are pages apart compete for the same lines of the cache."""
        lanes, innermost = self.plan.lanes, self.plan.depth[-1]
        trips = self.depth[innermost]
        whole = size.multiply(size.floor_divide(trips, lanes), lanes)
        rest = size.subtract(trips, whole)
        for v in range(self.plan.vectors):
            count = max(min(columns - v * lanes, lanes), 0)

            def square(k: Size, length: int, v: int = v, count: int = count) -> None:
                place = size.add(at, v * lanes)
                self._square({**local, innermost: k}, place, v * lanes, count, length)

            repeat(whole, lambda k, square=square: square(k, lanes), lanes)
            repeat(rest, lambda k, square=square: square(size.add(whole, k), 1))

    def _square(
        self, local: Mapping[int, Size], at: Size, first: int, count: int, length: int
    ) -> None:
        """`length` indices of the depth for `count` columns from the `first` one on."""
        plan, side = self.plan, self.contraction.b
        stride = strides_of(side)[self.contraction.lane]
        base = self._address(local)
        rows = [
            widen(self._load(base + stride * (first + r), length), side.casts) for r in range(count)
        ]
        rows += [zero(self.contraction.element, length)] * (plan.lanes - count)
        target = size.add(at, size.multiply(local[plan.depth[-1]], plan.width))
        for r, column in enumerate(transpose(rows)):
            store(column, self.target, size.add(target, r * plan.width))


def transpose(rows: list[ir.Value]) -> list[ir.Value]:
    """The transpose of `n` vectors of `m` lanes (`m` is `n` or 1) by shuffles of two vectors.

    Each step swaps the off-diagonal blocks of half the size before; x86 does a step of 4 or less
    lanes within its 128-bit halves.
    """
    n = len(rows)
    if ir.VectorType(rows[0].type).shape[0] == 1:
        parts = [vector.extract(row, [], [0]) for row in rows]
        kind = ir.VectorType.get([n], ir.VectorType(rows[0].type).element_type)
        return [vector.from_elements(kind, parts)]
    block = n // 2
    while block:
        found = list(rows)
        low = [k if not k & block else n + (k ^ block) for k in range(n)]
        high = [k | block if not k & block else n + k for k in range(n)]
        for r in range(n):
            if not r & block:
                found[r] = vector.shuffle(rows[r], rows[r | block], low)
                found[r | block] = vector.shuffle(rows[r], rows[r | block], high)
        rows = found
        block //= 2
    return rows
