"""Windows that are read in place, borders left out instead of padded.

    out[h, w] = sum over kh, kw of x[h * s + kh - 1, w * s + kw - 1] * ...

A row of the image has a first and a last tap that lie inside: computed for lines of the image,
known for columns, where pixels with the same taps form a segment. No padded copy is made; that pays
where there is little work for each element, as in depthwise products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlir import ir

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_form import (
    Contraction,
    Linear,
    Side,
    argument_of,
    pads_zero,
)
from tyc.compiler.schedules.structure import operation_of


@dataclass(frozen=True)
class Axis:
    """One padded dimension: `row * stride + tap * dilation - low` is an index below `limit`."""

    row: int
    tap: int
    stride: int
    dilation: int
    low: int
    limit: int
    taps: int

    def inside(self, row: Size) -> tuple[Size, Size]:
        """The first tap that lies inside, and how many do."""
        start = size.multiply(row, self.stride)
        before = size.maximum(size.subtract(self.low, start), 0)
        first = size.minimum(size.ceil_divide(before, self.dilation), self.taps)
        left = size.maximum(size.subtract(self.limit + self.low, start), 0)
        end = size.minimum(size.ceil_divide(left, self.dilation), self.taps)
        return first, size.maximum(size.subtract(end, first), 0)


@dataclass(frozen=True)
class Segment:
    """Neighbouring pixels of a line that have the same taps."""

    start: int
    count: int
    skipped: Mapping[int, Size]
    depth: Mapping[int, Size]


@dataclass(frozen=True)
class Window:
    """A's padded dimensions, and `side`: A as it is before padding."""

    side: Side
    axes: tuple[Axis, ...]
    line: int
    length: int

    def outer_taps(self, at: Mapping[int, Size]) -> tuple[dict[int, Size], dict[int, Size]]:
        """First taps and trip counts for the lines at given row loop indices."""
        skipped: dict[int, Size] = {}
        depth: dict[int, Size] = {}
        for axis in self.axes:
            if axis.row != self.line:
                skipped[axis.tap], depth[axis.tap] = axis.inside(at[axis.row])
        return skipped, depth

    def segments(self) -> list[Segment]:
        """The pixels of a line, grouped by their taps."""
        axes = [a for a in self.axes if a.row == self.line]
        found: list[Segment] = []
        for i in range(self.length):
            taps = {a.tap: a.inside(i) for a in axes}
            skipped = {d: first for d, (first, _) in taps.items()}
            depth = {d: count for d, (_, count) in taps.items()}
            if found and (found[-1].skipped, found[-1].depth) == (skipped, depth):
                before = found.pop()
                found.append(Segment(before.start, before.count + 1, skipped, depth))
            else:
                found.append(Segment(i, 1, skipped, depth))
        return found


def window_of(c: Contraction) -> Window | None:
    """A's window, where A is an argument or the zero padding of one, and lines can be whole."""
    if len(c.rows) < 2 or c.a.casts or c.a.shift is not None:
        return None
    line = c.rows[-1]
    if argument_of(c.a.value) is not None:
        return Window(c.a, (), line, c.sizes[line])
    op = operation_of(c.a.value)
    if op is None or op.name != "tensor.pad" or not pads_zero(op):
        return None
    source = op.operands[0]
    if argument_of(source) is None:
        return None
    low = list(ir.DenseI64ArrayAttr(op.attributes["static_low"]))
    high = list(ir.DenseI64ArrayAttr(op.attributes["static_high"]))
    moved = tuple(Linear(i.terms, i.constant - n) for i, n in zip(c.a.index, low))
    side = Side(source, moved, ())
    axes = []
    for t, index in enumerate(c.a.index):
        if low[t] or high[t]:
            axis = _axis(c, index, low[t], side.shape[t])
            if axis is None:
                return None
            axes.append(axis)
    return Window(side, tuple(axes), line, c.sizes[line])


def _axis(c: Contraction, index: Linear, low: int, limit: int) -> Axis | None:
    if len(index.terms) != 2 or index.constant:
        return None
    terms = dict(index.terms)
    row = next((d for d in terms if d in c.rows), None)
    tap = next((d for d in terms if d in c.depth), None)
    if row is None or tap is None:
        return None
    return Axis(row, tap, terms[row], terms[tap], low, limit, c.sizes[tap])
