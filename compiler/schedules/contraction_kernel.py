"""The register tile of a contraction: `height` rows by `vectors` vectors of sums in registers.

    sums = first chunk ? initial : partial sums
    scf.for k: b_v = load B panel ; a_r = broadcast A row ; sums[r, v] = fma(a_r, b_v, sums[r, v])
    last chunk ? store epilogue(sums) : store partial sums

Also here: loops and branches that fold where sizes are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mlir import ir
from mlir.dialects import arith, scf, vector

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_operands import Placed

UNROLL = 4
"""Products of one sum in a pass of the innermost loop."""

Element = Callable[[], ir.Value]


@dataclass(frozen=True)
class Run:
    """Depth loops that are one loop: trip count, and how far both operands move in a step."""

    trips: Size
    a: int
    b: int


def depth_runs(
    loops: Sequence[int], lengths: Mapping[int, Size], a: Placed, b: Placed
) -> list[Run]:
    """The depth loops, joined where both operands go on in memory; never none."""
    runs: list[Run] = []
    for d in loops:
        run = Run(lengths[d], a.strides.get(d, 0), b.strides.get(d, 0))
        if runs and isinstance(run.trips, int):
            before = runs[-1]
            if before.a == run.a * run.trips and before.b == run.b * run.trips:
                runs[-1] = Run(size.multiply(before.trips, run.trips), run.a, run.b)
                continue
        runs.append(run)
    return runs or [Run(1, 0, 0)]


@dataclass(frozen=True)
class Tile:
    """One register tile: addresses of its rows in A and of its first column in B. It has `columns`
    columns. Where B is in panels narrower than the tile, `panel` is their width, `panel_step` how
    far apart they are. An `exact` B has no elements beyond its columns. `ahead(k)` is emitted in
    each pass of the innermost loop, at product k: prefetches. With `by_element` rows of A come as
    vectors where they are contiguous, and products take one factor from a lane."""

    a: Placed
    b: Placed
    rows: Sequence[Size]
    column: Size
    columns: int
    lanes: int
    panel: int = 0
    panel_step: int = 0
    fused: bool = True
    exact: bool = False
    ahead: Callable[[Size], None] | None = None
    by_element: bool = False

    @property
    def vectors(self) -> int:
        """Vectors of a row."""
        return -(-self.columns // self.lanes)

    @property
    def unroll(self) -> int:
        """Products of one sum in a pass of the innermost loop. With many rows of one vector LLVM
        starts the next products before the last ones are done, and runs out of registers."""
        many = self.vectors == 1 and len(self.rows) > 8
        return 1 if many and not self.by_element else UNROLL

    def reduce(self, runs: Sequence[Run], sums: list[ir.Value]) -> list[ir.Value]:
        """The sums after all products."""
        return self._nest(list(runs), 0, 0, sums)

    def _nest(self, runs: list[Run], at_a: Size, at_b: Size, sums: list[ir.Value]) -> list:
        run, *inner = runs
        if not inner:
            return self._innermost(run, at_a, at_b, sums)

        def body(k: Size, carried: list[ir.Value]) -> list[ir.Value]:
            next_a = size.add(at_a, size.multiply(k, run.a))
            next_b = size.add(at_b, size.multiply(k, run.b))
            return self._nest(inner, next_a, next_b, carried)

        steps = 1
        for r in inner:
            steps = steps * r.trips if isinstance(r.trips, int) else self.unroll + 1
        if isinstance(run.trips, int) and run.trips * steps <= 2 * self.unroll + 1:
            for k in range(run.trips):
                sums = body(k, sums)
            return sums
        return loop(0, run.trips, 1, sums, body)

    def _innermost(self, run: Run, at_a: Size, at_b: Size, sums: list[ir.Value]) -> list:
        def step(k: Size, carried: list[ir.Value], count: int) -> list[ir.Value]:
            base_a = size.add(at_a, size.multiply(k, run.a))
            base_b = size.add(at_b, size.multiply(k, run.b))
            rows = [size.add(row, base_a) for row in self.rows]
            column = size.add(self.column, base_b)
            if self.ahead is not None and count == UNROLL:
                self.ahead(k)
            for u, elements in enumerate(self._elements(rows, run.a, count)):
                carried = self._products(elements, column, u * run.b, carried)
            return carried

        unroll = self.unroll
        whole = size.multiply(size.floor_divide(run.trips, unroll), unroll)
        if whole == unroll:
            sums = step(0, sums, unroll)
        elif whole != 0:
            sums = loop(0, whole, unroll, sums, lambda k, c: step(k, c, unroll))
        if isinstance(run.trips, int):
            assert isinstance(whole, int)
            return step(whole, sums, run.trips - whole) if run.trips > whole else sums
        return loop(whole, run.trips, 1, sums, lambda k, c: step(k, c, 1))

    def _elements(self, rows: Sequence[Size], step: int, count: int) -> Iterator[list[Element]]:
        """What gives the elements of A, one a row, for each of `count` products in a pass."""
        if not self.by_element or step != 1 or count != UNROLL:
            for u in range(count):
                yield [partial(self._element, row, u * step) for row in rows]
            return
        lanes = min(self.lanes, count)
        for u in range(0, count, lanes):
            lines = [self.a.vector(size.add(row, u), lanes, lanes) for row in rows]
            for lane in range(lanes):
                yield [partial(vector.extract, line, [], [lane]) for line in lines]

    def _element(self, row: Size, more: int) -> ir.Value:
        return self.a.scalar(size.add(row, more))

    def _products(
        self, elements: Sequence[Element], column: Size, more: int, sums: list[ir.Value]
    ) -> list[ir.Value]:
        """One product added to every sum."""
        factors = [
            self.b.vector(size.add(column, more + self._offset(v)), self.lanes, self._readable(v))
            for v in range(self.vectors)
        ]
        found = []
        for r, element in enumerate(elements):
            spread = vector.broadcast(factors[0].type, element())
            for v, factor in enumerate(factors):
                found.append(multiply_add(spread, factor, sums[r * self.vectors + v], self.fused))
        return found

    def _readable(self, v: int) -> int:
        """How many lanes of B's v-th vector are there: all in panels and copies."""
        return self.columns - v * self.lanes if self.exact else self.lanes

    def _offset(self, v: int) -> int:
        """How far the v-th vector of B is from the first one."""
        if not self.panel:
            return v * self.lanes
        return v * self.lanes // self.panel * self.panel_step + v * self.lanes % self.panel


def multiply_add(a: ir.Value, b: ir.Value, c: ir.Value, fused: bool) -> ir.Value:
    """`a * b + c` on vectors; `fused` floats are rounded once."""
    if isinstance(ir.VectorType(c.type).element_type, ir.IntegerType):
        return arith.addi(arith.muli(a, b), c)
    return vector.fma(a, b, c) if fused else arith.addf(arith.mulf(a, b), c)


Carried = list[ir.Value]


def loop(
    low: Size, high: Size, step: int, carried: Carried, body: Callable[[Size, Carried], Carried]
) -> Carried:
    """`scf.for` with loop-carried values; no loop at all for one known trip, nothing for none."""
    if isinstance(low, int) and isinstance(high, int):
        if low >= high:
            return carried
        if low + step >= high:
            return body(low, carried)
    bounds = [size.materialise(s) for s in (low, high, step)]
    op = scf.ForOp(*bounds, carried)
    with ir.InsertionPoint(op.body):
        scf.YieldOp(body(op.induction_variable, list(op.inner_iter_args)))
    return list(op.results)


def repeat(count: Size, body: Callable[[Size], None], step: int = 1) -> None:
    """`scf.for` from 0 without carried values."""

    def run(i: Size, carried: Carried) -> Carried:
        body(i)
        return carried

    loop(0, count, step, [], run)


def choose(
    condition: ir.Value | bool,
    types: Sequence[ir.Type],
    then: Callable[[], Carried],
    other: Callable[[], Carried],
) -> Carried:
    """The values of one of two branches; no branch where the condition is known."""
    if isinstance(condition, bool):
        return then() if condition else other()
    op = scf.IfOp(condition, list(types), has_else=True)
    with ir.InsertionPoint(op.then_block):
        scf.YieldOp(then())
    with ir.InsertionPoint(op.else_block):
        scf.YieldOp(other())
    return list(op.results)


def only_if(condition: ir.Value | bool, then: Callable[[], None]) -> None:
    """`scf.if` without results and without an else."""
    if isinstance(condition, bool):
        return then() if condition else None
    op = scf.IfOp(condition)
    with ir.InsertionPoint(op.then_block):
        then()
        scf.YieldOp([])
    return None


def select(condition: ir.Value | bool, then: Size, other: Size) -> Size:
    """One of two sizes."""
    if isinstance(condition, bool):
        return then if condition else other
    if isinstance(then, int) and isinstance(other, int) and then == other:
        return then
    return arith.select(condition, size.materialise(then), size.materialise(other))
