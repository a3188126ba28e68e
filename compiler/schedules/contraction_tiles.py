"""The loops over register tiles of one task: every tile of rows against one panel of columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlir import ir
from mlir.dialects import arith, memref

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules.affine import Affine
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_cut import DIRECT, Plan, row_tiles
from tyc.compiler.schedules.contraction_kernel import (
    UNROLL,
    Tile,
    choose,
    depth_runs,
    repeat,
    select,
)
from tyc.compiler.schedules.contraction_operands import Placed
from tyc.compiler.schedules.kernel import itemsize

if TYPE_CHECKING:
    from tyc.compiler.schedules.contraction_block import Place

_LINE_BYTES = 64

PanelBody = Callable[[Mapping[int, Size], int], None]


@dataclass(frozen=True)
class Rows:
    """The rows of one tile: how many, the number of the first one in the block, and the local loop
    indices of the n-th one."""

    count: int
    first: Size
    local: Callable[[Size], Mapping[int, Size]]


@dataclass(frozen=True)
class Columns:
    """One panel: the local indices of its first column, and how many columns it has."""

    local: Mapping[int, Size]
    count: int


@dataclass
class Tiles:
    """All tiles of one chunk of a task; `first` and `last` say which chunk of the depth it is."""

    place: Place
    a: Placed
    b: Placed
    first: ir.Value | bool
    last: ir.Value | bool

    @property
    def _plan(self) -> Plan:
        return self.place.work.plan

    def run(self, each_panel: Callable[[PanelBody], None]) -> None:
        """All tiles of rows against all panels, in the order of the plan."""
        if self._plan.panels_inner:
            tile = self._tile
            self._each_rows(
                self._plan.height,
                lambda rows: each_panel(lambda at, count: tile(rows, Columns(at, count))),
            )
        else:
            each_panel(self._panel)

    def _panel(self, local: Mapping[int, Size], count: int) -> None:
        """All row tiles against one panel."""
        columns = Columns(local, count)
        height = self._plan.height_for(count)
        self._each_rows(height, lambda rows: self._tile(rows, columns))

    def _each_rows(self, height: int, body: Callable[[Rows], None]) -> None:
        """`body(rows)` for each tile of rows."""
        block, last = self._plan.rows, self.place.last_rows
        if self._plan.across or block.position == len(block.loops) - 1:
            extents = block.extent(False), block.extent(True)
            return self._tiles_along(extents, last, height, lambda row, r: self._row(row, r), body)
        innermost = block.loops[-1]
        outer = block.loops[block.position : -1]

        def along(loops: Sequence[int], local: dict[int, Size], number: Size) -> None:
            if not loops:
                n = block.sizes[-1]
                first = size.multiply(number, n)
                at = lambda row, r: {**local, innermost: size.add(row, r)}  # noqa: E731
                return self._tiles_along((n, n), False, height, at, body, first)
            d, *rest = loops
            full, short = block.lengths(False)[d], block.lengths(True)[d]

            def step(i: Size) -> None:
                along(rest, {**local, d: i}, size.add(size.multiply(number, full), i))

            return repeat(select(last, short, full), step)

        return along(outer, {}, 0)

    def _tiles_along(
        self, extents: tuple[int, int], last: ir.Value | bool, height: int,
        local: Callable[[Size, Size], Mapping[int, Size]], body: Callable[[Rows], None],
        first: Size = 0,
    ) -> None:  # fmt: skip
        """Tiles of at most `height` along a stretch of rows, whose extent is the second one where
        it is the `last`."""
        full, short = (row_tiles(n, height) for n in extents)
        start: Size = 0
        for h in sorted({t for _, t in (*full, *short)}, reverse=True):
            counts = [sum(n for n, t in tiles if t == h) for tiles in (short, full)]
            count = select(last, *counts) if full != short else counts[0]

            def tile(i: Size, h: int = h, start: Size = start) -> None:
                row = size.add(start, size.multiply(i, h))
                body(Rows(h, size.add(first, row), lambda r: local(row, r)))

            repeat(count, tile)
            start = size.add(start, size.multiply(count, h))

    def _row(self, row: Size, more: Size) -> dict[int, Size]:
        """The local loop indices of a row of the block."""
        block, row = self._plan.rows, size.add(row, more)
        if not block.loops:
            return {}
        found: dict[int, Size] = {}
        inner = block.loops[block.position + 1 :]
        for d, n in zip(reversed(inner), reversed(block.sizes[block.position + 1 :])):
            found[d] = size.remainder(row, n)
            row = size.floor_divide(row, n)
        found[block.loops[block.position]] = row
        return found

    def _tile(self, rows: Rows, columns: Columns) -> None:
        """One register tile: sums started or taken up, products, sums finished or kept."""
        plan, work = self._plan, self.place.work
        tile = self._register_tile(rows, columns)
        positions = [(r, v) for r in range(rows.count) for v in range(tile.vectors)]
        local = [rows.local(r) for r in range(rows.count)]
        at = [self._global(local[r], columns.local, v) for r, v in positions]
        counts = [min(columns.count - v * plan.lanes, plan.lanes) for _, v in positions]
        partial = self._partial_addresses(rows.first, columns.local, positions, at)
        kind = ir.VectorType.get([plan.lanes], work.contraction.element)
        sums = choose(
            self.first, [kind] * len(at),
            lambda: [work.epilogue.initial(x, n) for x, n in zip(at, counts)],
            lambda: [work.epilogue.load_partial(x, n) for x, n in zip(partial, counts)],
        )  # fmt: skip
        runs = depth_runs(plan.depth, self.place.depth_lengths(), self.a, self.b)
        sums = tile.reduce(runs, sums)

        def finish() -> list[ir.Value]:
            if work.epilogue.heavy:
                self._finish_rows(rows, columns, sums)
                return []
            for value, x, n in zip(sums, at, counts):
                work.epilogue.finish(value, x, n)
            return []

        def keep() -> list[ir.Value]:
            for value, x, n in zip(sums, partial, counts):
                work.epilogue.store_partial(value, x, n)
            return []

        choose(self.last, [], finish, keep)

    def _finish_rows(self, rows: Rows, columns: Columns, sums: Sequence[ir.Value]) -> None:
        """A long epilogue as a loop over rows, the sums in memory: its code stands once, and has
        the registers for itself."""
        plan, work, buffer = self._plan, self.place.work, self.place.work.scratch["tile"]
        for i, value in enumerate(sums):
            operands.store(value, buffer, i * plan.lanes)
        vectors = len(sums) // rows.count

        def finish(r: Size) -> None:
            local = rows.local(r)
            place = size.multiply(r, vectors * plan.lanes)
            for v in range(vectors):
                value = operands.load(buffer, size.add(place, v * plan.lanes), plan.lanes)
                count = min(columns.count - v * plan.lanes, plan.lanes)
                work.epilogue.finish(value, self._global(local, columns.local, v), count)

        repeat(rows.count, finish)

    def _register_tile(self, rows: Rows, columns: Columns) -> Tile:
        plan = self._plan
        step = self.b.strides[plan.columns.loops[-1]] * plan.panel
        return Tile(
            self.a, self.b, [self.a.at(rows.local(r)) for r in range(rows.count)],
            self.b.at(columns.local),
            columns.count, plan.lanes, plan.panel, step, plan.fused,
            plan.b == DIRECT, self._ahead(rows, columns) if plan.streamed else None,
            plan.by_element,
        )  # fmt: skip

    def _ahead(self, rows: Rows, columns: Columns) -> Callable[[Size], None]:
        """Prefetches the part of the next panel that falls to this tile of rows, a line in each
        pass of the innermost loop: the machine would wait for its lines in the first tile. What
        falls to the last tiles of many is in the panels after that."""
        plan, lane = self._plan, self._plan.columns.loops[-1]
        line = _LINE_BYTES // itemsize(self.place.work.contraction.element)
        tile = size.floor_divide(rows.first, plan.height)
        start = size.add(self.b.at(columns.local), self.b.strides[lane] * plan.width)
        start = size.add(start, size.multiply(tile, plan.chunk.chunk // UNROLL * line))

        def ahead(k: Size) -> None:
            at = size.add(start, size.multiply(k, line // UNROLL))
            memref.prefetch(self.b.buffer, [size.materialise(at)], False, 2, True)

        return ahead

    def _partial_addresses(
        self, row: Size, local: Mapping[int, Size], positions: list[tuple[int, int]], at: list
    ) -> list[Affine]:
        plan, epilogue = self._plan, self.place.work.epilogue
        if self.first is True and self.last is True:
            return []
        if not plan.scratch_output:
            return [epilogue.partial_address(x) for x in at]
        # Scratch is [column block loops..., panel][row][lane of the panel].
        rows = plan.rows.extent(False)
        lane = plan.columns.loops[-1]
        lengths = plan.columns.lengths(False)
        strides = {lane: rows}
        step = -(-lengths[lane] // plan.width) * plan.width * rows
        for d in reversed(plan.columns.loops[:-1]):
            strides[d] = step
            step *= lengths[d]
        base = size.add(operands.linear(0, strides, local), size.multiply(row, plan.width))
        return [Affine.of(base) + (r * plan.width + v * plan.lanes) for r, v in positions]

    def _global(self, row: Mapping[int, Size], local: Mapping[int, Size], v: int) -> dict:
        """The loop indices of a vector of sums in the whole kernel."""
        place, plan = self.place, self._plan
        found = dict(place.starts)
        lane = plan.columns.loops[-1]
        for d, x in (*row.items(), *local.items()):
            found[d] = size.add(found.get(d, 0), x)
        found[lane] = size.add(found[lane], v * plan.lanes) if v else found[lane]
        for d, x in found.items():
            if isinstance(x, ir.Value):
                place.work.evaluator.define(x, 0, plan.sizes[d] - 1)
        return found


def equals(k: Size, value: int) -> ir.Value | bool:
    """`k == value`, as a bool where that is known."""
    if isinstance(k, int):
        return k == value
    return arith.cmpi(arith.CmpIPredicate.eq, k, size.constant(value))
