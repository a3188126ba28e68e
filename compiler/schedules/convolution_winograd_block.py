"""The work of one item of a Winograd convolution: transforms in, products, transforms out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith, memref

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules import convolution_winograd_plan as planning
from tyc.compiler.schedules.affine import LANE, Affine
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_epilogue import Epilogue
from tyc.compiler.schedules.contraction_kernel import (
    UNROLL,
    Run,
    Tile,
    choose,
    loop,
    only_if,
    repeat,
)
from tyc.compiler.schedules.contraction_operands import Placed
from tyc.compiler.schedules.convolution_winograd_plan import Plan
from tyc.compiler.schedules.convolution_winograd_transform import Emitter
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import shape_of
from tyc.compiler.schedules.producers import segments

Ahead = Callable[[Size], None] | None
Load = Callable[[int, Size], ir.Value]


@dataclass(frozen=True)
class Place:
    """Where a tile is: its image, and the row and column of its first output."""

    image: Size
    row: Size
    column: Size


@dataclass
class Block:
    """Emits items; `filters` is the flat packed weight, `scratch` the buffers of the plan."""

    plan: Plan
    evaluator: Evaluator
    epilogue: Epilogue
    filters: ir.Value
    scratch: Mapping[str, ir.Value]

    def __post_init__(self) -> None:
        self.kind = ir.VectorType.get([self.plan.lanes], ir.F32Type.get())
        self.transform = Emitter(self.kind, self.plan.fused)

    def run(self, block: Size, part: Size, fresh: ir.Value | bool) -> None:
        """Item `part` of the panels for a block of tiles; `fresh` where the block is not the one
        of the item before."""
        plan = self.plan
        first = size.multiply(block, plan.block)
        count: Size = plan.block
        if plan.tiles % plan.block:
            count = size.minimum(plan.block, size.subtract(plan.tiles, first))

        def inputs() -> None:
            repeat(count, lambda t: self._input(t, self._place(size.add(first, t))))

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

    def _place(self, tile: Size) -> Place:
        plan = self.plan
        rows, columns = plan.grid
        across, rest = size.remainder(tile, columns), size.floor_divide(tile, columns)
        down: Size = size.remainder(rest, rows) if plan.convolution.images > 1 else rest
        image = size.floor_divide(rest, rows) if plan.convolution.images > 1 else 0
        return Place(
            image, size.multiply(down, plan.tile[0]), size.multiply(across, plan.tile[1])
        )  # fmt: skip

    # Inputs.

    def _input(self, t: Size, place: Place) -> None:
        """The transformed inputs of tile `t` of the block, all channels."""
        plan = self.plan
        ranges = [
            self._valid(start, n, low, extent)
            for start, n, low, extent in zip(
                (place.row, place.column), plan.patch, plan.convolution.low,
                plan.convolution.extent,
            )
        ]  # fmt: skip
        is_inner: ir.Value | bool = True
        for (low, high), n in zip(ranges, plan.patch):
            for value, wanted in ((low, 0), (high, n)):
                is_inner = _both(is_inner, _equals(value, wanted))
        target = size.multiply(t, plan.row_stride)
        choose(is_inner, [], lambda: self._inner(place, target), lambda: self._edge(
            place, target, ranges
        ))  # fmt: skip

    def _valid(self, start: Size, n: int, low: int, extent: int) -> tuple[Size, Size]:
        """The part of a patch's rows (or columns) that is in the image."""
        if isinstance(start, int):
            return max(low - start, 0), min(low + extent - start, n)
        first = size.maximum(size.subtract(low, start), 0)
        last = size.minimum(size.subtract(low + extent, start), n)
        return first, last

    def _inner(self, place: Place, target: Size) -> list[ir.Value]:
        """A tile whose patch is all in the image."""
        c = self.plan.convolution
        row = self._within(place.row, c.low[0], c.low[0] + c.extent[0] - self.plan.patch[0])
        column = self._within(place.column, c.low[1], c.low[1] + c.extent[1] - self.plan.patch[1])

        def vectors(k: Size, lanes: int) -> None:
            def read(i: int, j: Size) -> ir.Value:
                across = column + self._within(j, 0, self.plan.patch[1] - 1)
                return self._image(place.image, row + i, across, k, lanes)

            self._transformed(read, size.add(target, k))

        self._each_vector(vectors)
        return []

    def _edge(
        self, place: Place, target: Size, ranges: Sequence[tuple[Size, Size]]
    ) -> list[ir.Value]:
        """A tile at the border: its patch is copied, a vector of channels at a time, into zeros."""
        plan, c = self.plan, self.plan.convolution
        patch, lanes = self.scratch["patch"], plan.lanes
        nothing = operands.zero(ir.F32Type.get(), lanes)
        for p in range(plan.positions):
            operands.store(nothing, patch, p * lanes)
        (top, bottom), (left, right) = ranges

        def vectors(k: Size, count: int) -> None:
            def element(i: Size, j: Size) -> None:
                row = self._within(size.add(place.row, i), c.low[0], c.low[0] + c.extent[0] - 1)
                column = self._within(
                    size.add(place.column, j), c.low[1], c.low[1] + c.extent[1] - 1
                )
                value = self._image(place.image, row, column, k, count)
                at = size.multiply(size.add(size.multiply(i, plan.patch[1]), j), lanes)
                operands.store(value, patch, at)

            def line(i: Size, carried: list[ir.Value]) -> list[ir.Value]:
                loop(left, right, 1, [], lambda j, _: (element(i, j), [])[1])
                return carried

            loop(top, bottom, 1, [], line)

            def read(i: int, j: Size) -> ir.Value:
                place = size.multiply(size.add(j, i * plan.patch[1]), lanes)
                return operands.load(patch, place, lanes)

            self._transformed(read, size.add(target, k))

        self._each_vector(vectors)
        return []

    def _each_vector(self, body: Callable[[Size, int], None]) -> None:
        """`body(channel, lanes)` for the vectors of input channels."""
        lanes, image = self.plan.lanes, self.plan.convolution.contraction.a.value
        for start, end in segments(image, len(shape_of(image)) - 1, lanes):
            whole = (end - start) // lanes * lanes

            def vector(k: Size, start: int = start, last: int = end - lanes) -> None:
                if isinstance(k, ir.Value):
                    k = arith.addi(k, size.constant(start))
                    self.evaluator.define(k, start, last, lanes)
                    return body(k, lanes)
                return body(k + start, lanes)

            repeat(whole, vector, lanes)
            if whole < end - start:
                body(start + whole, end - start - whole)

    def _within(self, value: Size, low: int, high: int) -> Affine:
        """An index whose range is known here."""
        if isinstance(value, int):
            return Affine.of(value)
        found = arith.addi(value, size.constant(0))
        self.evaluator.define(found, low, high)
        return Affine.of(found)

    def _image(self, image: Size, row: Affine, column: Affine, k: Size, count: int) -> ir.Value:
        plan, c = self.plan, self.plan.convolution
        if isinstance(image, ir.Value):
            self.evaluator.define(image, 0, c.images - 1)
        at = [Affine.of(image), row, column, Affine.of(k) + Affine({LANE: 1})]
        mask = None if count == plan.lanes else operands.lane_mask(count, plan.lanes)
        return self.evaluator.value(c.contraction.a.value, at, plan.lanes, mask)

    def _transformed(self, read: Load, target: Size) -> None:
        """The input transform of one vector of channels; `read(i, j)` is the patch's element."""
        plan, turned = self.plan, self.scratch["turned"]
        (mh, mw), (nh, nw) = plan.tile, plan.patch

        def column(j: Size) -> None:
            found = self.transform.input(mh, [read(i, j) for i in range(nh)])
            for i, value in enumerate(found):
                place = size.multiply(size.add(j, i * nw), plan.lanes)
                operands.store(value, turned, place)

        def row(i: Size) -> None:
            first = size.multiply(i, nw)
            places = [size.multiply(size.add(first, j), plan.lanes) for j in range(nw)]
            values = [operands.load(turned, place, plan.lanes) for place in places]
            base = size.add(target, size.multiply(first, plan.position_stride))
            for j, value in enumerate(self.transform.input(mw, values)):
                place = size.add(base, j * plan.position_stride)
                operands.store(value, self.scratch["inputs"], place)

        repeat(nw, column)
        repeat(nh, row)

    # Products.

    def _panel(self, panel: Size, columns: int, first: Size, count: Size) -> None:
        """One panel of output channels for all tiles of the block."""
        vectors = -(-columns // self.plan.lanes)
        repeat(self.plan.positions, lambda p: self._products(panel, p, vectors))
        repeat(count, lambda t: self._output(t, self._place(size.add(first, t)), panel, columns))

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
        tile = Tile(a, b, rows, column, width, plan.lanes, fused=plan.fused, ahead=ahead)
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
                _prefetch(self.filters, size.add(filters, i * line), step, lines * line)
            _prefetch(self.scratch["inputs"], inputs, step, line)

        return ahead

    # Outputs.

    def _output(self, t: Size, place: Place, panel: Size, columns: int) -> None:
        """The results of one tile in one panel."""
        plan, c = self.plan, self.plan.convolution
        vectors = -(-columns // plan.lanes)
        self._results(size.multiply(t, plan.sum_stride), vectors)
        buffer = self.scratch["outputs"]

        def element(i: Size, j: Size) -> None:
            number = size.add(size.multiply(i, plan.tile[1]), j)
            for v in range(vectors):
                place_of = size.add(size.multiply(number, plan.panel), v * plan.lanes)
                value = operands.load(buffer, place_of, plan.lanes)
                at = self._loops(place, i, j, panel, v)
                self.epilogue.finish(value, at, min(columns - v * plan.lanes, plan.lanes))

        rows = self._length(place.row, plan.tile[0], c.height)
        width = self._length(place.column, plan.tile[1], c.width)
        repeat(rows, lambda i: repeat(width, lambda j: element(i, j)))

    def _length(self, start: Size, m: int, whole: int) -> Size:
        return m if whole % m == 0 else size.minimum(m, size.subtract(whole, start))

    def _loops(self, place: Place, i: Size, j: Size, panel: Size, v: int) -> dict[int, Size]:
        """The loop indices of a vector of results."""
        plan, c = self.plan, self.plan.convolution
        image, row, column = c.loops
        lane = size.add(size.multiply(panel, plan.panel), v * plan.lanes)
        found = {row: size.add(place.row, i), column: size.add(place.column, j)}
        found[c.contraction.lane] = lane
        if image is not None:
            found[image] = place.image
        for d, x in found.items():
            if isinstance(x, ir.Value):
                self.evaluator.define(x, 0, c.contraction.sizes[d] - 1)
        return found

    def _results(self, source: Size, vectors: int) -> None:
        """The output transform of a tile's sums in one panel, to scratch."""
        plan, turned = self.plan, self.scratch["turned"]
        (mh, mw), (nh, nw) = plan.tile, plan.patch

        def column(j: Size) -> None:
            for v in range(vectors):
                at = size.add(source, size.add(size.multiply(j, plan.panel), v * plan.lanes))
                places = [size.add(at, i * nw * plan.panel) for i in range(nh)]
                values = [operands.load(self.scratch["sums"], p, plan.lanes) for p in places]
                for i, value in enumerate(self.transform.output(mh, values)):
                    place = size.multiply(size.add(j, i * nw), plan.panel)
                    operands.store(value, turned, size.add(place, v * plan.lanes))

        def row(i: Size) -> None:
            for v in range(vectors):
                first = size.add(size.multiply(i, nw * plan.panel), v * plan.lanes)
                places = [size.add(first, j * plan.panel) for j in range(nw)]
                values = [operands.load(turned, p, plan.lanes) for p in places]
                to = size.add(size.multiply(i, mw * plan.panel), v * plan.lanes)
                for j, value in enumerate(self.transform.output(mw, values)):
                    operands.store(value, self.scratch["outputs"], size.add(to, j * plan.panel))

        repeat(nw, column)
        repeat(mh, row)


def _prefetch(buffer: ir.Value, base: Size, step: Size, stride: int) -> None:
    address = size.add(base, size.multiply(step, stride))
    memref.prefetch(buffer, [size.materialise(address)], False, 3, True)


def _equals(value: Size, other: int) -> ir.Value | bool:
    if isinstance(value, int):
        return value == other
    return arith.cmpi(arith.CmpIPredicate.eq, value, size.constant(other))


def _both(a: ir.Value | bool, b: ir.Value | bool) -> ir.Value | bool:
    if isinstance(a, bool):
        return b if a else False
    if isinstance(b, bool):
        return a if b else False
    return arith.andi(a, b)
