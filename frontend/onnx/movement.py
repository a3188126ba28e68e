"""Reshape, transpose and their kin: data moves, nothing is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, rule


def normal_axes(n: Node, axes: Sequence[int], rank: int) -> list[int]:
    """Axes in 0..rank-1. Raises `UserError` for one out of range or given twice."""
    if any(not -rank <= a < rank for a in axes) or len({a % rank for a in axes}) != len(axes):
        n.fail(f"axes must be distinct and lie in {-rank}..{rank - 1}, got {list(axes)}")
    return [a % rank for a in axes]


@rule("Reshape")
def reshape(g: Graph, n: Node) -> Any:
    """A new shape: 0 copies a size (unless `allowzero`), one -1 takes what is left."""
    x, wanted = n.inputs[0], n.ints(1) or []
    have = g.shape(x)
    shape = list(wanted)
    if not n.get("allowzero", 0):
        if any(s == 0 and i >= len(have) for i, s in enumerate(shape)):
            n.fail(f"shape has a 0 beyond the input's rank {len(have)}, got {wanted}")
        shape = [have[i] if s == 0 else s for i, s in enumerate(shape)]
    total = math.prod(have)
    if shape.count(-1) == 1:
        rest = -math.prod(shape)
        if rest == 0 or total % rest:
            n.fail(f"shape {wanted} does not fit the {total} elements of {list(have)}")
        shape[shape.index(-1)] = total // rest
    if any(s < 0 for s in shape) or math.prod(shape) != total:
        n.fail(f"shape {wanted} does not fit the {total} elements of {list(have)}")
    return reshaped(g, x, shape)


def reshaped(g: Graph, x: Any, shape: Sequence[int]) -> Any:
    """`x` in a new shape, or `x` itself where it has it."""
    return x if tuple(shape) == tuple(g.shape(x)) else g.reshape(x, shape=list(shape))


@rule("Flatten")
def flatten(g: Graph, n: Node) -> Any:
    """Two dimensions: those before `axis`, and the rest."""
    x = n.inputs[0]
    shape = g.shape(x)
    axis = n.get("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        n.fail(f"axis must lie in {-len(shape)}..{len(shape)}, got {axis}")
    axis += len(shape) if axis < 0 else 0
    return reshaped(g, x, [math.prod(shape[:axis]), math.prod(shape[axis:])])


@rule("Squeeze")
def squeeze(g: Graph, n: Node) -> Any:
    """Drops dimensions of size 1: those in `axes` (attribute or input), or all."""
    x = n.inputs[0]
    shape = g.shape(x)
    axes = n.get("axes")
    if axes is None:
        axes = n.ints(1)
    axes = [i for i, s in enumerate(shape) if s == 1] if axes is None else axes
    axes = normal_axes(n, axes, len(shape))
    if any(shape[a] != 1 for a in axes):
        n.fail(f"axes must name dimensions of size 1, got {axes} of {list(shape)}")
    return reshaped(g, x, [s for i, s in enumerate(shape) if i not in axes])


@rule("Unsqueeze")
def unsqueeze(g: Graph, n: Node) -> Any:
    """Inserts dimensions of size 1 at `axes` of the result (attribute or input)."""
    x = n.inputs[0]
    axes = n.get("axes")
    axes = (n.ints(1) or []) if axes is None else axes
    shape = list(g.shape(x))
    for axis in sorted(normal_axes(n, axes, len(shape) + len(axes))):
        shape.insert(axis, 1)
    return reshaped(g, x, shape)


@rule("Transpose")
def transpose(g: Graph, n: Node) -> Any:
    """Permutes dimensions; the default reverses them."""
    x = n.inputs[0]
    perm = list(n.get("perm", range(g.rank(x))[::-1]))
    return x if perm == list(range(g.rank(x))) else g.transpose(x, perm=perm)


@rule("Expand")
def expand(g: Graph, n: Node) -> Any:
    """Broadcasts to the broadcast of the input's shape and the given one."""
    x, wanted = n.inputs[0], tuple(n.ints(1) or ())
    return broadcast(g, n, x, wanted)


def broadcast(g: Graph, n: Node, x: Any, wanted: Sequence[int]) -> Any:
    """`x` broadcast together with `wanted`, in both directions."""
    have = g.shape(x)
    try:
        shape = np.broadcast_shapes(have, tuple(wanted))
    except ValueError:
        n.fail(f"shape {list(wanted)} must broadcast with {list(have)}")
    return x if shape == tuple(have) else g.broadcast_to(x, shape=list(shape))


@rule("Tile")
def tile(g: Graph, n: Node) -> Any:
    """Repeats along every dimension."""
    x, repeats = n.inputs[0], n.ints(1) or []
    return x if all(r == 1 for r in repeats) else g.tile(x, repeats=repeats)


@rule("Concat")
def concat(g: Graph, n: Node) -> Any:
    """Joins along an axis."""
    xs = [x for x in n.inputs if x is not None]
    if len(xs) == 1:
        return xs[0]
    axis = normal_axes(n, [n.get("axis", 1)], g.rank(xs[0]))[0]
    return g.concat(xs, axis=axis)


@rule("Split")
def split(g: Graph, n: Node) -> Any:
    """Cuts along an axis: by given sizes, or in equal parts (the last one may be smaller)."""
    x = n.inputs[0]
    shape = g.shape(x)
    axis = normal_axes(n, [n.get("axis", 0)], len(shape))[0]
    sizes = n.get("split")
    if sizes is None:
        sizes = n.ints(1)
    if sizes is None:
        count = n.get("num_outputs", len(n.outputs))
        if not 0 < count <= max(shape[axis], len(n.outputs)):
            n.fail(f"num_outputs must be the {len(n.outputs)} outputs of the node, got {count}")
        part = -(-shape[axis] // count)
        sizes = [min(part, max(shape[axis] - i * part, 0)) for i in range(count)]
    if sum(sizes) != shape[axis]:
        n.fail(f"split must add up to {shape[axis]}, got {list(sizes)}")
    return pieces(g, x, axis, sizes)


def pieces(g: Graph, x: Any, axis: int, sizes: Sequence[int]) -> list[Any]:
    """Consecutive slices of the given sizes along an axis."""
    shape, start, out = list(g.shape(x)), 0, []
    for size in sizes:
        starts = [start if i == axis else 0 for i in range(len(shape))]
        extent = [size if i == axis else s for i, s in enumerate(shape)]
        out.append(sliced(g, x, starts, extent))
        start += size
    return out


def sliced(
    g: Graph, x: Any, starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int] = ()
) -> Any:
    """`x[starts + i * steps]`, or `x` itself where that is all of it."""
    steps = list(steps) or [1] * len(starts)
    if tuple(sizes) == tuple(g.shape(x)) and not any(starts) and set(steps) <= {1}:
        return x
    return g.slice(x, starts=list(starts), sizes=list(sizes), steps=steps)


@rule("Slice")
def slice_attributes(g: Graph, n: Node) -> Any:
    """Cuts with starts, ends and axes as attributes."""
    return _slice(g, n, n.get("starts"), n.get("ends"), n.get("axes"), None)


@rule("Slice", since=10)
def slice_inputs(g: Graph, n: Node) -> Any:
    """Cuts with starts, ends, axes and steps as known inputs; a step may be negative."""
    return _slice(g, n, n.ints(1), n.ints(2), n.ints(3), n.ints(4))


def _slice(g: Graph, n: Node, starts: Any, ends: Any, axes: Any, steps: Any) -> Any:
    x = n.inputs[0]
    shape = g.shape(x)
    axes = normal_axes(n, range(len(starts)) if axes is None else axes, len(shape))
    steps = [1] * len(starts) if steps is None else steps
    if len({len(starts), len(ends), len(axes), len(steps)}) > 1 or 0 in steps:
        n.fail(f"starts, ends, axes and steps must agree and steps not be 0, got {starts}, {ends},"
               f" {axes}, {steps}")  # fmt: skip
    begin, extent, stride = [0] * len(shape), list(shape), [1] * len(shape)
    for axis, start, end, step in zip(axes, starts, ends, steps):
        # Python's own rule for a slice is ONNX's, but that ends below -size mean "from the start".
        if step < 0 and end < -shape[axis]:
            end = None
        first, last, step = slice(start, end, step).indices(shape[axis])
        begin[axis], stride[axis] = first, step
        extent[axis] = len(range(first, last, step))
        if extent[axis] == 0:
            begin[axis] = 0
    return sliced(g, x, begin, extent, stride)


@rule("Pad")
def pad_attributes(g: Graph, n: Node) -> Any:
    """Pads by attributes."""
    return padded(g, n, n.get("pads"), n.get("mode", "constant"), n.get("value", 0.0))


@rule("Pad", since=11)
def pad(g: Graph, n: Node) -> Any:
    """Pads by known inputs; a negative amount crops."""
    value = n.known(2)
    pads, rank = n.ints(1) or [], g.rank(n.inputs[0])
    axes = n.ints(3)
    if axes is not None:
        axes = normal_axes(n, axes, rank)
        spread = [0] * (2 * rank)
        for i, axis in enumerate(axes):
            spread[axis], spread[axis + rank] = pads[i], pads[i + len(axes)]
        pads = spread
    fill = 0.0 if value is None or value.size == 0 else float(value.reshape(-1)[0])
    return padded(g, n, pads, n.get("mode", "constant"), fill)


def padded(g: Graph, n: Node, pads: Sequence[int], mode: str, value: float) -> Any:
    """`x` cropped where an amount is negative, then padded."""
    x = n.inputs[0]
    rank = g.rank(x)
    if len(pads) != 2 * rank:
        n.fail(f"pads must have {2 * rank} numbers, got {list(pads)}")
    low, high = list(pads[:rank]), list(pads[rank:])
    starts = [max(-p, 0) for p in low]
    cut = [s + min(a, 0) + min(b, 0) for s, a, b in zip(g.shape(x), low, high)]
    x = sliced(g, x, starts, cut)
    low, high = [max(p, 0) for p in low], [max(p, 0) for p in high]
    if not any(low) and not any(high):
        return x
    return g.pad(x, low=low, high=high, mode=mode, value=value)


@rule("DepthToSpace")
def depth_to_space(g: Graph, n: Node) -> Any:
    """Moves channels into blocks of pixels."""
    return g.depth_to_space(n.inputs[0], block=n.get("blocksize"), mode=n.get("mode", "DCR"))


@rule("SpaceToDepth")
def space_to_depth(g: Graph, n: Node) -> Any:
    """Moves blocks of pixels into channels."""
    x, block = n.inputs[0], n.get("blocksize")
    if n.get("mode", "DCR") == "DCR":
        return g.space_to_depth(x, block=block)
    batch, channels, height, width = g.shape(x)
    rows, columns = height // block, width // block
    x = g.reshape(x, shape=[batch, channels, rows, block, columns, block])
    x = g.transpose(x, perm=[0, 1, 3, 5, 2, 4])
    return g.reshape(x, shape=[batch, channels * block * block, rows, columns])


@rule("Trilu")
def triangular(g: Graph, n: Node) -> Any:
    """The upper or lower triangle, the rest 0."""
    k = n.ints(1) or [0]
    return g.triangular(n.inputs[0], upper=bool(n.get("upper", 1)), k=k[0])
