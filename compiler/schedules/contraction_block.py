"""The work of one task of a contraction: operands in place, then chunks, panels and row tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_cut as cutting
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_cut import DIRECT, PACKED, SLAB, Plan
from tyc.compiler.schedules.contraction_epilogue import Epilogue
from tyc.compiler.schedules.contraction_form import Contraction, Side
from tyc.compiler.schedules.contraction_kernel import (
    choose,
    only_if,
    repeat,
    select,
)
from tyc.compiler.schedules.contraction_operands import Placed, Task
from tyc.compiler.schedules.contraction_panels import Packer
from tyc.compiler.schedules.contraction_slab import copy_box
from tyc.compiler.schedules.contraction_tiles import Tiles, equals
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
            part = place.chunk(k)
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
    depth_starts: Mapping[int, Size] = field(default_factory=dict)
    last_chunk: ir.Value | bool = False

    def chunk(self, number: Size) -> Place:
        """The same task at one chunk of the depth."""
        block, starts = self.work.plan.chunk, {}
        last: ir.Value | bool = False
        for position in reversed(range(len(block.counts))):
            at = size.remainder(number, block.counts[position])
            number = size.floor_divide(number, block.counts[position])
            cut = position == block.position
            starts[block.loops[position]] = size.multiply(at, block.chunk) if cut else at
            if cut and block.ragged:
                last = equals(at, block.counts[position] - 1)
        return replace(self, depth_starts=starts, last_chunk=last)

    @property
    def _plan(self) -> Plan:
        return self.work.plan

    def depth_lengths(self) -> dict[int, Size]:
        """The trip counts of the depth loops in this chunk."""
        plan = self._plan
        full, short = plan.depth_lengths(True), plan.depth_lengths(True, True)
        return {d: select(self.last_chunk, short[d], full[d]) for d in plan.depth}

    # Copies to scratch.

    def copy_a(self, condition: ir.Value | bool) -> None:
        """Copies the task's part of A, where the plan asks for that."""
        if self._plan.a == SLAB:
            only_if(condition, lambda: self._slab("a", self.work.contraction.a))

    def copy_b(self, condition: ir.Value | bool) -> None:
        """Copies or packs the task's part of B, where the plan asks for that."""
        if self._plan.b == SLAB:
            only_if(condition, lambda: self._slab("b", self.work.contraction.b))
        elif self._plan.b == cutting.PANELS:
            only_if(condition, self._panels)

    def _chunked(self, name: str) -> bool:
        plan = self._plan
        return plan.chunks > 1 and (plan.a_chunked if name == "a" else plan.b_chunked)

    def _slab(self, name: str, side: Side) -> None:
        plan, work = self._plan, self.work
        chunked = self._chunked(name)
        starts = {**self.starts, **(self.depth_starts if chunked else {})}
        room = cutting.slab_shape(side, cutting.box(plan, chunked))
        where = [operands.evaluate(i, starts) for i in side.index]
        loops = side.loops()
        edges = [
            self.last_rows if loops & set(plan.rows.loops) else False,
            self.last_columns if loops & set(plan.columns.loops) else False,
            self.last_chunk if chunked else False,
        ]

        def copy(*last: bool) -> list[ir.Value]:
            if len(last) < len(edges):
                then, other = (lambda: copy(*last, True)), (lambda: copy(*last, False))
                return choose(edges[len(last)], [], then, other)
            box = cutting.box(plan, chunked, last)
            copy_box(
                side.value, where, cutting.slab_shape(side, box), room, work.scratch[name],
                side.casts, work.evaluator, plan.lanes,
            )  # fmt: skip
            return []

        copy()

    def _panels(self) -> None:
        plan, work = self._plan, self.work
        chunked = self._chunked("b")
        starts = {**self.starts, **(self.depth_starts if chunked else {})}
        depth = self.depth_lengths() if chunked else plan.depth_lengths(False)
        strides = self._panel_strides()
        packer = Packer(
            work.contraction, plan, work.evaluator, starts, depth, strides, work.scratch["b"]
        )

        def pack(local: Mapping[int, Size], columns: int) -> None:
            packer.panel(local, operands.linear(0, strides, local), columns)

        self._each_panel(pack)

    def _panel_strides(self) -> dict[int, int]:
        """Strides of B's panels in scratch."""
        plan, lane = self._plan, self.work.contraction.lane
        found: dict[int, int] = {}
        step = plan.width
        for d, n in reversed(plan.depth_lengths(self._chunked("b")).items()):
            found[d] = step
            step *= n
        found[lane] = step // plan.width
        step *= -(-plan.columns.lengths(False)[lane] // plan.width)
        for d in reversed(plan.columns.loops[:-1]):
            found[d] = step
            step *= plan.columns.lengths(False)[d]
        return found

    # Operands.

    def _place(self, name: str, side: Side, kind: str) -> Placed:
        plan, work = self._plan, self.work
        task = Task({**self.starts, **self.depth_starts})
        if kind == DIRECT:
            return operands.place_direct(side, work.flats, task)
        if kind == PACKED:
            return operands.place_packed(work.contraction, plan, work.flats, task)
        if kind == SLAB:
            strides = self._slab_strides(side, self._chunked(name))
        else:
            strides = self._panel_strides()
        base: Size = 0
        if not self._chunked(name):
            base = operands.linear(0, strides, self.depth_starts)
        return Placed(work.scratch[name], strides, base)

    def _slab_strides(self, side: Side, chunked: bool) -> dict[int, int]:
        room = cutting.slab_shape(side, cutting.box(self._plan, chunked))
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
        tiles = Tiles(self, a, b, equals(k, 0), equals(k, plan.chunks - 1))
        tiles.run(self._each_panel)

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
