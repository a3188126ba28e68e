"""The inputs of a block of tiles: parts of the image, transformed, to scratch.

patch[i][j][ic]                     rows and columns of the image, zeros beyond its border
turned[i][j] = transform of column j;  inputs[i, j][tile][ic] = transform of row i
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules.affine import LANE, Affine
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_form import argument_of
from tyc.compiler.schedules.contraction_kernel import choose, loop, repeat
from tyc.compiler.schedules.convolution_winograd_plan import Plan
from tyc.compiler.schedules.convolution_winograd_tiles import Place, prefetch
from tyc.compiler.schedules.convolution_winograd_transform import Emitter
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import shape_of
from tyc.compiler.schedules.producers import segments
from tyc.compiler.schedules.structure import operation_of

Load = Callable[[int, Size], ir.Value]


@dataclass(frozen=True)
class Inputs:
    """Emits the input transforms; `scratch` are the buffers of the plan."""

    plan: Plan
    evaluator: Evaluator
    transform: Emitter
    scratch: Mapping[str, ir.Value]

    def emit(self, t: Size, place: Place) -> None:
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
        """A tile whose patch is all in the image. The next tile's is prefetched: its rows are far
        apart in memory."""
        plan, c = self.plan, self.plan.convolution
        row = self._within(place.row, c.low[0], c.low[0] + c.extent[0] - plan.patch[0])
        column = self._within(place.column, c.low[1], c.low[1] + c.extent[1] - plan.patch[1])

        def vectors(k: Size, lanes: int) -> None:
            def read(i: int, j: Size) -> ir.Value:
                across = column + self._within(j, 0, plan.patch[1] - 1)
                at = place.image, row + i, across
                value = self._image(*at, k, lanes)
                self._prefetch(place.image, row + i, across + plan.tile[1], k)
                return value

            self._transformed(read, size.add(target, k))

        self._each_vector(vectors)
        return []

    def _prefetch(self, image: Size, row: Affine, column: Affine, k: Size) -> None:
        """Asks for an element of an image that is an argument of the kernel."""
        c = self.plan.convolution
        source = c.contraction.a.value
        op = operation_of(source)
        if op is not None and op.name == "tensor.pad":
            source = op.operands[0]
        argument = argument_of(source)
        if argument is not None:
            buffer = self.evaluator.buffer(argument)
            at = [Affine.of(image), row - c.low[0], column - c.low[1], Affine.of(k)]
            address = self.evaluator.index_value(buffer.address(at), None)
            prefetch(buffer.memref, address)

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
