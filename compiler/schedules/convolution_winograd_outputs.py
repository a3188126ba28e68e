"""The results of a tile in one panel: sums transformed, the rest of the kernel, the stores.

turned[i][j][oc] = transform of column j of the sums;  outputs[i][j][oc] = transform of row i
then each element of the tile that is in the result, with the pointwise rest of the kernel
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlir import ir

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_epilogue import Epilogue
from tyc.compiler.schedules.contraction_kernel import repeat
from tyc.compiler.schedules.convolution_winograd_plan import Plan
from tyc.compiler.schedules.convolution_winograd_tiles import Place
from tyc.compiler.schedules.convolution_winograd_transform import Emitter


@dataclass(frozen=True)
class Outputs:
    """Emits the output transforms; `scratch` are the buffers of the plan."""

    plan: Plan
    epilogue: Epilogue
    transform: Emitter
    scratch: Mapping[str, ir.Value]

    def emit(self, t: Size, place: Place, panel: Size, columns: int) -> None:
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
                self.epilogue.evaluator.define(x, 0, c.contraction.sizes[d] - 1)
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
