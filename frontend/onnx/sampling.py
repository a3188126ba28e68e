"""GridSample: reads an image, or a volume, at positions given in [-1, 1].

Each position becomes taps along every dimension (one for nearest, two for linear, four for cubic),
each tap an index and a weight; a gather for every combination of taps, summed by weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, rule

_MODES = {"bilinear": "linear", "bicubic": "cubic"}
_CUBIC = -0.75


@dataclass(frozen=True)
class _Tap:
    """An index along one dimension (whole, as float), its weight, and whether it is inside."""

    index: Any
    weight: Any
    inside: Any


@rule("GridSample", since=16)
def grid_sample(g: Graph, n: Node) -> Any:
    """`y[n, c, o...] = x[n, c, grid[n, o...]]`, interpolated."""
    x, grid = n.inputs
    rank = g.rank(x) - 2
    if g.rank(grid) != rank + 2 or g.shape(grid)[-1] != rank:
        n.fail(f"grid must hold {rank} coordinates for x {g.type(x)}, got {g.type(grid)}")
    mode = str(n.get("mode", "linear"))
    mode = _MODES.get(mode, mode)
    sizes, out = g.shape(x)[2:], list(g.shape(grid)[1:-1])
    batch, channels = g.shape(x)[:2]
    points = int(np.prod(out))
    taps = []
    for d in range(rank):
        # The last coordinate belongs to the first spatial dimension.
        starts = [0] * (rank + 1) + [rank - 1 - d]
        column = g.slice(grid, starts=starts, sizes=[batch, *out, 1], steps=[1] * (rank + 2))
        column = g.reshape(column, shape=[batch, 1, points])
        taps.append(_taps(g, n, column, sizes[d], mode))
    flat = g.reshape(x, shape=[batch, channels, int(np.prod(sizes))])
    y = None
    for combination in product(*taps):
        term = _term(g, flat, combination, sizes)
        y = term if y is None else g.add(y, term)
    return g.reshape(y, shape=[batch, channels, *out])


def _term(g: Graph, flat: Any, taps: tuple[_Tap, ...], sizes: tuple[int, ...]) -> Any:
    """What one combination of taps adds."""
    index, weight, inside = None, None, None
    for tap, size in zip(taps, sizes):
        row = g.cast(tap.index, to="i64")
        index = row if index is None else g.add(g.multiply(index, np.array(size)), row)
        if tap.weight is not None:
            weight = tap.weight if weight is None else g.multiply(weight, tap.weight)
        if tap.inside is not None:
            inside = tap.inside if inside is None else g.logical_and(inside, tap.inside)
    batch, channels, _ = g.shape(flat)
    index = g.broadcast_to(index, shape=[batch, channels, g.shape(index)[-1]])
    value = g.gather_elements(flat, index, axis=2)
    if weight is not None:
        value = g.multiply(value, weight if g.dtype(weight) == g.dtype(value)
                           else g.cast(weight, to=g.dtype(value)))  # fmt: skip
    return value if inside is None else g.where(inside, value, g.number(0, value))


def _taps(g: Graph, n: Node, column: Any, size: int, mode: str) -> list[_Tap]:
    """The taps along one dimension of `size` for coordinates in [-1, 1]."""
    aligned = bool(n.get("align_corners", 0))
    padding = n.get("padding_mode", "zeros")
    one = g.number(1, column)
    if aligned:
        at = g.multiply(g.add(column, one), g.number((size - 1) / 2, column))
    else:
        at = g.add(g.multiply(g.add(column, one), g.number(size / 2, column)),
                   g.number(-0.5, column))  # fmt: skip
    low, high = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)
    if mode == "nearest":
        return [_tap(g, _padded(g, g.round(at), size, padding, low, high), None, size, padding,
                     low, high)]  # fmt: skip
    at = _padded(g, at, size, padding, low, high)
    base = g.floor(at)
    t = g.subtract(at, base)
    weights = _linear(g, t) if mode == "linear" else _cubic(g, t)
    first = 0 if mode == "linear" else -1
    return [
        _tap(g, g.add(base, g.number(first + i, base)), w, size, padding, low, high)
        for i, w in enumerate(weights)
    ]


def _padded(g: Graph, at: Any, size: int, padding: str, low: float, high: float) -> Any:
    """Positions brought back from outside of the image, but for padding by zeros."""
    if padding == "border":
        return g.clip(at, low=0.0, high=size - 1.0)
    if padding == "reflection":
        return _reflected(g, at, low, high)
    return at


def _reflected(g: Graph, at: Any, low: float, high: float) -> Any:
    """Positions mirrored at `low` and `high` until they lie between."""
    span = high - low
    if span == 0:
        return g.multiply(at, g.number(0, at))
    period = g.number(2 * span, at)
    along = g.remainder(g.absolute(g.subtract(at, g.number(low, at))), period)
    return g.add(g.minimum(along, g.subtract(period, along)), g.number(low, at))


def _tap(
    g: Graph, index: Any, weight: Any, size: int, padding: str, low: float, high: float
) -> _Tap:
    """A tap whose index is within the image."""
    inside = None
    if padding == "zeros":
        above = g.greater_equal(index, g.number(0, index))
        inside = g.logical_and(above, g.less_equal(index, g.number(size - 1, index)))
    elif padding == "reflection":
        index = _reflected(g, index, low, high)
    return _Tap(g.clip(index, low=0.0, high=size - 1.0), weight, inside)


def _linear(g: Graph, t: Any) -> list[Any]:
    return [g.subtract(g.number(1, t), t), t]


def _cubic(g: Graph, t: Any) -> list[Any]:
    """Keys' weights of the four taps around a position `t` after the second one."""
    a = _CUBIC

    def polynomial(x: Any, *coefficients: float) -> Any:
        total = g.number(coefficients[0], x)
        for c in coefficients[1:]:
            total = g.add(g.multiply(total, x), g.number(c, x))
        return total

    def far(x: Any) -> Any:
        return polynomial(x, a, -5 * a, 8 * a, -4 * a)

    def near(x: Any) -> Any:
        return polynomial(x, a + 2, -(a + 3), 0, 1)

    one, two = g.number(1, t), g.number(2, t)
    rest = g.subtract(one, t)
    return [far(g.add(t, one)), near(t), near(rest), far(g.subtract(two, t))]
