"""The work of one item of a Winograd convolution: transforms in, products, transforms out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules import convolution_winograd_plan as planning
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_epilogue import Epilogue
from tyc.compiler.schedules.contraction_kernel import (
    UNROLL,
    Run,
    Tile,
    loop,
    only_if,
    repeat,
)
from tyc.compiler.schedules.contraction_operands import Placed
from tyc.compiler.schedules.convolution_winograd_inputs import Inputs
from tyc.compiler.schedules.convolution_winograd_outputs import Outputs
from tyc.compiler.schedules.convolution_winograd_plan import Plan
from tyc.compiler.schedules.convolution_winograd_tiles import Place, prefetch
from tyc.compiler.schedules.convolution_winograd_transform import Emitter
from tyc.compiler.schedules.evaluation import Evaluator

Ahead = Callable[[Size], None] | None


@dataclass
class Block:
    """Emits items; `filters` is the flat packed weight, `scratch` the buffers of the plan."""

    plan: Plan
    evaluator: Evaluator
    epilogue: Epilogue
    filters: ir.Value
    scratch: Mapping[str, ir.Value]

    def __post_init__(self) -> None:
        kind = ir.VectorType.get([self.plan.lanes], ir.F32Type.get())
        transform = Emitter(kind, self.plan.fused)
        self.inputs = Inputs(self.plan, self.evaluator, transform, self.scratch)
        self.outputs = Outputs(self.plan, self.epilogue, transform, self.scratch)

    def run(self, block: Size, part: Size, fresh: ir.Value | bool) -> None:
        """Item `part` of the panels for a block of tiles; `fresh` where the block is not the one
        of the item before."""
        plan = self.plan
        first = size.multiply(block, plan.block)
        count: Size = plan.block
        if plan.tiles % plan.block:
            count = size.minimum(plan.block, size.subtract(plan.tiles, first))

        def inputs() -> None:
            repeat(count, lambda t: self.inputs.emit(t, self._place(first, t)))

        only_if(fresh, inputs)
        self._each_panel(part, lambda p, columns: self._panel(p, columns, first, count))

    def _each_panel(self, part: Size, body: Callable[[Size, int], None]) -> None:
        """`body(panel, columns)` for the panels of an item."""
        plan = self.plan
        whole, rest = divmod(plan.convolution.outer, plan.panel)
        low = size.multiply(part, plan.panels)
        high: Size = size.add(low, plan.panels)
        if whole % plan.panels or rest:
            high = size.minimum(high, whole)

        def panel(p: Size, carried: list[ir.Value]) -> list[ir.Value]:
            body(p, plan.panel)
            return carried

        loop(low, high, 1, [], panel)
        if rest:
            is_last: ir.Value | bool = True
            if not isinstance(part, int):
                last = size.constant(plan.counts[1] - 1)
                is_last = arith.cmpi(arith.CmpIPredicate.eq, part, last)
            only_if(is_last, lambda: body(whole, rest))

    def _place(self, first: Size, t: Size) -> Place:
        return Place.of(self.plan, size.add(first, t))

    def _panel(self, panel: Size, columns: int, first: Size, count: Size) -> None:
        """One panel of output channels for all tiles of the block."""
        vectors = -(-columns // self.plan.lanes)
        repeat(self.plan.positions, lambda p: self._products(panel, p, vectors))
        repeat(count, lambda t: self.outputs.emit(t, self._place(first, t), panel, columns))

    def _products(self, panel: Size, position: Size, vectors: int) -> None:
        """One position: a product of matrices, in register tiles."""
        plan = self.plan
        number = size.add(size.multiply(panel, plan.positions), position)
        column = size.multiply(number, plan.convolution.inner * plan.panel)
        row = size.multiply(position, plan.position_stride)
        start = before = 0
        for trips, height in plan.row_tiles:

            def tile(n: Size, height: int = height, start: int = start, before: int = before):
                top = size.add(size.multiply(n, height), start)
                at = size.add(row, size.multiply(top, plan.row_stride))
                ahead = self._ahead(column, size.add(n, before), at, height)
                rows = [size.add(at, r * plan.row_stride) for r in range(height)]
                sums = self._register_tile(rows, column, vectors, ahead)
                to = size.multiply(position, plan.panel)
                self._keep(sums, size.add(size.multiply(top, plan.sum_stride), to), vectors)

            repeat(trips, tile)
            start += trips * height
            before += trips

    def _register_tile(
        self, rows: Sequence[Size], column: Size, vectors: int, ahead: Ahead
    ) -> list[ir.Value]:
        """The sums of some tiles' products at one position."""
        plan = self.plan
        a, b = Placed(self.scratch["inputs"], {}), Placed(self.filters, {})
        width = vectors * plan.lanes
        tile = Tile(
            a, b, rows, column, width, plan.lanes, fused=plan.fused, ahead=ahead,
            by_element=plan.by_element,
        )  # fmt: skip
        zeros = [operands.zero(ir.F32Type.get(), plan.lanes)] * (len(rows) * vectors)
        return tile.reduce([Run(plan.convolution.inner, 1, plan.panel)], zeros)

    def _keep(self, sums: Sequence[ir.Value], to: Size, vectors: int) -> None:
        for i, value in enumerate(sums):
            r, v = divmod(i, vectors)
            place = size.add(to, r * self.plan.sum_stride + v * self.plan.lanes)
            operands.store(value, self.scratch["sums"], place)

    def _ahead(self, column: Size, number: Size, row: Size, height: int) -> Ahead:
        """Prefetches what the next products read: of the filters at the next position the part that
        falls to this register tile, as they come from far and the processor looks a page ahead at
        most; of the next tile's inputs a line in each pass."""
        plan, inner = self.plan, self.plan.convolution.inner
        passes = inner // UNROLL
        if not passes:
            return None
        line = planning.LINE
        lines = -(-inner * plan.panel // (line * passes * plan.register_tiles))
        filters = size.add(column, inner * plan.panel)
        filters = size.add(filters, size.multiply(number, passes * lines * line))
        inputs = size.add(row, height * plan.row_stride)

        def ahead(k: Size) -> None:
            step = size.floor_divide(k, UNROLL)
            for i in range(lines):
                at = size.multiply(step, lines * line)
                prefetch(self.filters, size.add(size.add(filters, i * line), at))
            prefetch(self.scratch["inputs"], size.add(inputs, size.multiply(step, line)))

        return ahead
