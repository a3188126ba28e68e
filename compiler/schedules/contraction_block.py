"""The work of one task of a contraction: operands in place, then chunks, panels and row tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules import contraction_plan as planning
from tyc.compiler.schedules.affine import Affine
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_analysis import Contraction, Side
from tyc.compiler.schedules.contraction_epilogue import Epilogue
from tyc.compiler.schedules.contraction_kernel import (
    Tile,
    choose,
    depth_runs,
    only_if,
    repeat,
    select,
)
from tyc.compiler.schedules.contraction_operands import Placed, Task
from tyc.compiler.schedules.contraction_panels import Packer
from tyc.compiler.schedules.contraction_plan import DIRECT, PACKED, SLAB, Plan
from tyc.compiler.schedules.contraction_slab import copy_box
from tyc.compiler.schedules.evaluation import Evaluator

PanelBody = Callable[[Mapping[int, Size], int], None]


@dataclass
class Work:
    """What all tasks of a kernel share."""

    contraction: Contraction
    plan: Plan
    evaluator: Evaluator
    epilogue: Epilogue
    flats: Mapping[ir.Value, ir.Value]
    scratch: Mapping[str, ir.Value]
    begin: ir.Value

    def run(
        self,
        starts: Mapping[int, Size],
        last_rows: ir.Value | bool,
        last_columns: ir.Value | bool,
        task: Size,
        inner: Sequence[ir.Value],
    ) -> None:
        """One task. `inner` are its indices in the faster part of the grid: where these are 0, or
        where it is the first task of this call, what the other part shares is copied anew."""
        place = Place(self, dict(starts), last_rows, last_columns)
        fresh = self._fresh(task, inner)
        plan = self.plan
        whole_a = not (plan.a_chunked and plan.chunks > 1)
        whole_b = not (plan.b_chunked and plan.chunks > 1)
        if whole_a:
            place.copy_a(True if plan.rows_fastest else fresh)
        if whole_b:
            place.copy_b(fresh if plan.rows_fastest else True)

        def chunk(k: Size) -> None:
            start = size.multiply(k, plan.chunk)
            part = place.chunk(start)
            if not whole_a:
                part.copy_a(True)
            if not whole_b:
                part.copy_b(True)
            part.multiply(k)

        repeat(plan.chunks, chunk)

    def _fresh(self, task: Size, inner: Sequence[ir.Value]) -> ir.Value | bool:
        if not inner:
            return True
        first = arith.cmpi(arith.CmpIPredicate.eq, size.materialise(task), self.begin)
        total = inner[0]
        for value in inner[1:]:
            total = arith.ori(total, value)
        zero = arith.cmpi(arith.CmpIPredicate.eq, total, size.constant(0))
        return arith.ori(first, zero)


@dataclass
class Place:
    """One task, or one chunk of its depth: where it starts, whether it is at the ragged edges."""

    work: Work
    starts: dict[int, Size]
    last_rows: ir.Value | bool
    last_columns: ir.Value | bool
    depth_start: Size = 0

    def chunk(self, start: Size) -> Place:
        """The same task at one chunk of the depth."""
        return Place(self.work, self.starts, self.last_rows, self.last_columns, start)

    @property
    def _plan(self) -> Plan:
        return self.work.plan

    def _depth_lengths(self) -> dict[int, Size]:
        """The trip counts of the depth loops in this chunk."""
        plan = self._plan
        found: dict[int, Size] = dict(plan.depth_lengths(True))
        if plan.depth and plan.sizes[plan.depth[0]] % plan.chunk:
            left = size.subtract(plan.sizes[plan.depth[0]], self.depth_start)
            found[plan.depth[0]] = size.minimum(plan.chunk, left)
        return found

    # Copies to scratch.

    def copy_a(self, condition: ir.Value | bool) -> None:
        """Copies the task's part of A, where the plan asks for that."""
        if self._plan.a == SLAB:
            only_if(condition, lambda: self._slab("a", self.work.contraction.a))

    def copy_b(self, condition: ir.Value | bool) -> None:
        """Copies or packs the task's part of B, where the plan asks for that."""
        if self._plan.b == SLAB:
            only_if(condition, lambda: self._slab("b", self.work.contraction.b))
        elif self._plan.b == planning.PANELS:
            only_if(condition, self._panels)

    def _chunked(self, name: str) -> bool:
        plan = self._plan
        return plan.chunks > 1 and (plan.a_chunked if name == "a" else plan.b_chunked)

    def _slab(self, name: str, side: Side) -> None:
        plan, work = self._plan, self.work
        starts = dict(self.starts)
        if plan.depth and self._chunked(name):
            starts[plan.depth[0]] = self.depth_start
        chunked = self._chunked(name)
        room = planning.slab_shape(side, planning.box(plan, False, False, chunked))
        where = [operands.evaluate(i, starts) for i in side.index]
        loops = side.loops()
        final = _is(size.floor_divide(self.depth_start, plan.chunk), plan.chunks - 1)
        edges = [
            self.last_rows if loops & set(plan.rows.loops) else False,
            self.last_columns if loops & set(plan.columns.loops) else False,
            final if chunked and plan.sizes[plan.depth[0]] % plan.chunk else False,
        ]

        def copy(*last: bool) -> list[ir.Value]:
            if len(last) < len(edges):
                then, other = (lambda: copy(*last, True)), (lambda: copy(*last, False))
                return choose(edges[len(last)], [], then, other)
            box = planning.box(plan, last[0], last[1], chunked)
            if last[2]:
                box[plan.depth[0]] = plan.sizes[plan.depth[0]] % plan.chunk
            copy_box(
                side.value, where, planning.slab_shape(side, box), room, work.scratch[name],
                side.casts, work.evaluator, plan.lanes,
            )  # fmt: skip
            return []

        copy()

    def _panels(self) -> None:
        plan, work = self._plan, self.work
        starts = dict(self.starts)
        if plan.depth and self._chunked("b"):
            starts[plan.depth[0]] = self.depth_start
        depth = self._depth_lengths() if self._chunked("b") else dict(plan.depth_lengths(False))
        packer = Packer(
            work.contraction, plan, work.evaluator, starts, depth, work.scratch["b"]
        )
        strides = self._panel_strides()

        def pack(local: Mapping[int, Size], columns: int) -> None:
            packer.panel(local, operands.linear(0, strides, local), columns)

        self._each_panel(pack)

    def _panel_strides(self) -> dict[int, int]:
        """Strides of B's panels in scratch."""
        plan, lane = self._plan, self.work.contraction.lane
        found: dict[int, int] = {}
        step = plan.width
        for d in reversed(plan.depth):
            found[d] = step
            step *= plan.chunk if d == plan.depth[0] and self._chunked("b") else plan.sizes[d]
        found[lane] = step // plan.width
        step *= -(-plan.columns.lengths(False)[lane] // plan.width)
        for d in reversed(plan.columns.loops[:-1]):
            found[d] = step
            step *= plan.columns.lengths(False)[d]
        return found

    # Operands.

    def _place(self, name: str, side: Side, kind: str) -> Placed:
        plan, work = self._plan, self.work
        starts = dict(self.starts)
        if plan.depth:
            starts[plan.depth[0]] = self.depth_start
        task = Task(starts)
        if kind == DIRECT:
            return operands.place_direct(side, work.flats, task)
        if kind == PACKED:
            return operands.place_packed(work.contraction, plan, work.flats, task)
        if kind == SLAB:
            strides = self._slab_strides(side, self._chunked(name))
        else:
            strides = self._panel_strides()
        base: Size = 0
        if plan.depth and not self._chunked(name):
            base = size.multiply(self.depth_start, strides.get(plan.depth[0], 0))
        return Placed(work.scratch[name], strides, base)

    def _slab_strides(self, side: Side, chunked: bool) -> dict[int, int]:
        room = planning.slab_shape(side, planning.box(self._plan, False, False, chunked))
        found: dict[int, int] = {}
        step = 1
        for n, index in reversed(list(zip(room, side.index))):
            for d, c in index.terms:
                found[d] = found.get(d, 0) + c * step
            step *= n
        return found

    # Loops over tiles.

    def multiply(self, k: Size) -> None:
        """All register tiles of the task for one chunk of the depth."""
        plan, c = self._plan, self.work.contraction
        a = self._place("a", c.a, plan.a)
        b = self._place("b", c.b, plan.b)
        tiles = _Tiles(self, a, b, _is(k, 0), _is(k, plan.chunks - 1))
        self._each_panel(tiles.panel)

    def _each_panel(self, body: PanelBody) -> None:
        """`body(local, columns)` for each panel of the task's columns."""
        plan = self._plan
        block, lane = plan.columns, plan.columns.loops[-1]
        cut = block.split == lane

        def along(loops: Sequence[int], local: dict[int, Size]) -> None:
            if not loops:
                return self._lane_panels(local, lane, cut, body)
            d, *rest = loops
            full, short = block.lengths(False)[d], block.lengths(True)[d]
            trips = select(self.last_columns, short, full)
            return repeat(trips, lambda i: along(rest, {**local, d: i}))

        along(block.loops[block.position : -1], {})

    def _lane_panels(self, local: dict[int, Size], lane: int, cut: bool, body: PanelBody) -> None:
        plan = self._plan
        full = plan.columns.lengths(False)[lane]
        short = plan.columns.lengths(True)[lane]
        whole = select(self.last_columns, short // plan.width, full // plan.width)

        def panel(p: Size) -> None:
            body({**local, lane: size.multiply(p, plan.width)}, plan.width)

        def tail(length: int) -> None:
            if length % plan.width:
                at = {**local, lane: length // plan.width * plan.width}
                body(at, length % plan.width)

        repeat(whole, panel)
        if full == short:
            return tail(full)
        if full % plan.width:
            raise AssertionError("a chunk of the lane loop is whole panels")
        return only_if(self.last_columns, lambda: tail(short))


@dataclass
class _Tiles:
    place: Place
    a: Placed
    b: Placed
    first: ir.Value | bool
    last: ir.Value | bool

    def panel(self, local: Mapping[int, Size], columns: int) -> None:
        """All row tiles against one panel."""
        plan = self.place.work.plan
        vectors = -(-columns // plan.lanes)
        height = plan.height
        if vectors < plan.vectors:
            sums = plan.height * plan.vectors
            height = min(max(sums // vectors, plan.height), 12 if plan.vectors < 4 else plan.height)
        full = planning.row_tiles(plan.rows.extent(False), height)
        short = planning.row_tiles(plan.rows.extent(True), height)
        last = self.place.last_rows
        start: Size = 0
        for h in sorted({t for _, t in (*full, *short)}, reverse=True):
            counts = [sum(n for n, t in tiles if t == h) for tiles in (short, full)]
            count = select(last, *counts) if full != short else counts[0]

            def tile(i: Size, h: int = h, start: Size = start) -> None:
                row = size.add(start, size.multiply(i, h))
                self._tile(row, h, local, columns, vectors)

            repeat(count, tile)
            start = size.add(start, size.multiply(count, h))

    def _tile(
        self, row: Size, height: int, local: Mapping[int, Size], columns: int, vectors: int
    ) -> None:
        place, plan = self.place, self.place.work.plan
        rows = [self._row(size.add(row, r)) for r in range(height)]
        shared = place.work.contraction.shared
        along = local if shared else {}
        panel_step = self.b.strides[plan.columns.loops[-1]] * plan.panel
        tile = Tile(
            self.a, self.b, [self.a.at({**r, **along}) for r in rows], self.b.at(local),
            columns, plan.lanes, shared, plan.panel, panel_step,
        )  # fmt: skip
        runs = depth_runs(plan.depth, place._depth_lengths(), self.a, self.b)
        positions = [(r, v) for r in range(height) for v in range(vectors)]
        at = [self._global(rows[r], local, v) for r, v in positions]
        counts = [min(columns - v * plan.lanes, plan.lanes) for _, v in positions]
        partial = self._partial_addresses(row, local, positions, at)
        epilogue = place.work.epilogue
        kind = ir.VectorType.get([plan.lanes], place.work.contraction.element)
        sums = choose(
            self.first, [kind] * len(at),
            lambda: [epilogue.initial(x) for x in at],
            lambda: [epilogue.load_partial(x, n) for x, n in zip(partial, counts)],
        )  # fmt: skip
        sums = tile.reduce(runs, sums)

        def finish() -> list[ir.Value]:
            for value, x, n in zip(sums, at, counts):
                epilogue.finish(value, x, n)
            return []

        def keep() -> list[ir.Value]:
            for value, x, n in zip(sums, partial, counts):
                epilogue.store_partial(value, x, n)
            return []

        choose(self.last, [], finish, keep)

    def _partial_addresses(
        self, row: Size, local: Mapping[int, Size], positions: list[tuple[int, int]], at: list
    ) -> list[Affine]:
        plan, epilogue = self.place.work.plan, self.place.work.epilogue
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
        return [
            Affine.of(base) + (r * plan.width + v * plan.lanes) for r, v in positions
        ]

    def _row(self, row: Size) -> dict[int, Size]:
        """The local loop indices of a row of the block."""
        block = self.place.work.plan.rows
        if not block.loops:
            return {}
        found: dict[int, Size] = {}
        inner = block.loops[block.position + 1 :]
        for d, n in zip(reversed(inner), reversed(block.sizes[block.position + 1 :])):
            found[d] = size.remainder(row, n)
            row = size.floor_divide(row, n)
        found[block.loops[block.position]] = row
        return found

    def _global(self, row: Mapping[int, Size], local: Mapping[int, Size], v: int) -> dict:
        """The loop indices of a vector of sums in the whole kernel."""
        place, plan = self.place, self.place.work.plan
        found = dict(place.starts)
        lane = plan.columns.loops[-1]
        for d, x in (*row.items(), *local.items()):
            found[d] = size.add(found.get(d, 0), x)
        found[lane] = size.add(found[lane], v * plan.lanes) if v else found[lane]
        for d, x in found.items():
            if isinstance(x, ir.Value):
                place.work.evaluator.define(x, 0, plan.sizes[d] - 1)
        return found


def _is(k: Size, value: int) -> ir.Value | bool:
    if isinstance(k, int):
        return k == value
    return arith.cmpi(arith.CmpIPredicate.eq, k, size.constant(value))
