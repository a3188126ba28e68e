"""Gather, scatter and one-hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.movement import sliced
from tyc.onnx.rules import Node, rule


def _axis(g: Graph, n: Node, default: int = 0) -> int:
    return n.axis(g.rank(n.inputs[0]), default)


@rule("Gather")
def gather(g: Graph, n: Node) -> Any:
    """Slices of `x` along an axis, by indices."""
    return g.gather(*n.inputs, axis=_axis(g, n))


@rule("GatherElements")
def gather_elements(g: Graph, n: Node) -> Any:
    """Elements of `x`, one index each along an axis."""
    return g.gather_elements(*n.inputs, axis=_axis(g, n))


@rule("GatherND")
def gather_nd(g: Graph, n: Node) -> Any:
    """Slices of `x` by index tuples."""
    return g.gather_nd(*n.inputs, batch_dims=n.get("batch_dims", 0))


@rule("Scatter", "ScatterElements")
def scatter_elements(g: Graph, n: Node) -> Any:
    """A copy of `x` with single elements replaced or updated."""
    return g.scatter_elements(*n.inputs, axis=_axis(g, n), reduction=n.get("reduction", "none"))


@rule("ScatterND")
def scatter_nd(g: Graph, n: Node) -> Any:
    """A copy of `x` with slices replaced or updated."""
    return g.scatter_nd(*n.inputs, reduction=n.get("reduction", "none"))


@rule("TensorScatter")
def tensor_scatter(g: Graph, n: Node) -> Any:
    """A cache with an update written at each sample's own position along `axis`."""
    cache, update = n.inputs[:2]
    axis, rank = n.axis(g.rank(cache), -2), g.rank(cache)
    shape = list(g.shape(update))
    steps = np.arange(shape[axis], dtype=np.int64)
    index: Any = steps.reshape([-1 if i == axis else 1 for i in range(rank)])
    if (starts := n.input(2)) is not None:
        starts = g.reshape(g.cast(starts, to="i64"), shape=[shape[0]] + [1] * (rank - 1))
        index = g.add(index, starts)
    if n.get("mode", "linear") == "circular":
        index = g.remainder(index, np.array(g.shape(cache)[axis], np.int64))
    return g.scatter_elements(cache, g.broadcast_to(index, shape=shape), update, axis=axis)


@rule("Compress")
def compress(g: Graph, n: Node) -> Any:
    """What a known condition selects along an axis, or of the flat input."""
    x, condition = n.inputs[0], n.known(1)
    axis = n.get("axis")
    if axis is None:
        x, axis = g.reshape(x, shape=[g.type(x).size]), 0
    indices = np.flatnonzero(np.asarray(condition)).astype(np.int64)
    return g.gather(x, indices, axis=n.counted(axis, g.rank(x)))


@rule("NonZero")
def non_zero(g: Graph, n: Node) -> Any:
    """The indices of what is not zero in a known array."""
    return np.array(np.nonzero(np.atleast_1d(np.asarray(n.known(0)))), np.int64)


@rule("OneHot")
def one_hot(g: Graph, n: Node) -> Any:
    """`on` where the position along `axis` is the index, else `off`; the depth is known."""
    indices, values = n.inputs[0], n.inputs[2]
    depth = (n.ints(1) or [0])[0]
    if g.dtype(indices).is_float:
        indices = g.cast(indices, to="i64")
    axis = n.axis(g.rank(indices) + 1, -1)
    if isinstance(values, np.ndarray):
        off, on = (float(v) for v in values)
        kind = g.dtype(values)
        return g.one_hot(indices, depth=depth, axis=axis, on=on, off=off, to=kind)
    hit = g.one_hot(indices, depth=depth, axis=axis, on=1.0, off=0.0, to="i1")
    off, on = (g.reshape(sliced(g, values, [i], [1]), shape=[]) for i in range(2))
    return g.where(hit, on, off)


@rule("ReverseSequence")
def reverse_sequence(g: Graph, n: Node) -> Any:
    """Reverses the first `length[b]` steps of each sequence, with known lengths."""
    x, lengths = n.inputs[0], n.ints(1) or []
    time, batch = n.get("time_axis", 0), n.get("batch_axis", 1)
    shape = g.shape(x)
    if len(shape) < 2 or {time, batch} != {0, 1}:
        n.fail(f"time_axis and batch_axis must be 0 and 1, got {time} and {batch} of {list(shape)}")
    steps = shape[time]
    if len(lengths) != shape[batch] or any(not 0 <= k <= steps for k in lengths):
        n.fail(f"sequence_lens must be {shape[batch]} numbers in 0..{steps}, got {lengths}")
    rows = [[*range(k)][::-1] + list(range(k, steps)) for k in lengths]
    order = np.array(rows, np.int64)
    order = order if batch < time else order.T
    shape = [s if i in (time, batch) else 1 for i, s in enumerate(g.shape(x))]
    index = np.ascontiguousarray(np.broadcast_to(order.reshape(shape), g.shape(x)))
    return g.gather_elements(x, index, axis=time)
