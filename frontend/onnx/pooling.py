"""Pools over windows and over all of space."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, rule
from tyc.onnx.windows import Window, window


def _pool(g: Graph, n: Node) -> tuple[Any, Window]:
    x = n.inputs[0]
    if not 3 <= g.rank(x) <= 5:
        n.fail(f"x must have rank 3 to 5, got {g.type(x)}")
    return x, window(n, n.get("kernel_shape"), g.shape(x)[2:])


def _ends(w: Window) -> list[int]:
    """Padding with the extra of `ceil_mode` at the ends."""
    rank = len(w.kernel)
    return [p + (w.extra[i - rank] if i >= rank else 0) for i, p in enumerate(w.padding)]


@rule("MaxPool")
def max_pool(g: Graph, n: Node) -> Any:
    """The largest value of each window, and where it was."""
    x, w = _pool(g, n)
    given = {"kernel": w.kernel, "strides": w.strides, "padding": _ends(w),
             "dilations": w.dilations}  # fmt: skip
    if not n.wants(1):
        return g.max_pool(x, **given)
    y, indices = g.max_pool_indices(x, **given)
    if n.get("storage_order", 0):
        indices = _column_major(g, n, indices, g.shape(x)[2:])
    return [y, indices]


def _column_major(g: Graph, n: Node, indices: Any, sizes: tuple[int, ...]) -> Any:
    """Flat indices `(plane * H + h) * W + w` as `plane * H * W + h + w * H`."""
    if len(sizes) != 2:
        n.fail("storage_order must be 0 for other than two spatial dimensions, got 1")
    height, width = (np.array(s, np.int64) for s in sizes)
    within = g.remainder(indices, np.array(sizes[0] * sizes[1], np.int64))
    row, column = g.divide(within, width), g.remainder(within, width)
    moved = g.add(row, g.multiply(column, height))
    return g.add(g.subtract(indices, within), moved)


@rule("AveragePool")
def average_pool(g: Graph, n: Node) -> Any:
    """The mean of each window, padding counted or not."""
    x, w = _pool(g, n)
    return g.average_pool(
        x, kernel=w.kernel, strides=w.strides, padding=w.padding, dilations=w.dilations,
        count_include_pad=bool(n.get("count_include_pad", 0)), extra=w.extra,
    )  # fmt: skip


@rule("LpPool")
def lp_pool(g: Graph, n: Node) -> Any:
    """The p-norm of each window."""
    x, w = _pool(g, n)
    return g.lp_pool(
        x, kernel=w.kernel, strides=w.strides, padding=_ends(w), dilations=w.dilations,
        p=n.get("p", 2),
    )  # fmt: skip


@rule("GlobalAveragePool")
def global_average_pool(g: Graph, n: Node) -> Any:
    """The mean over space."""
    x = n.inputs[0]
    return g.reduce_mean(x, axes=list(range(2, g.rank(x))), keepdims=True)


@rule("GlobalMaxPool")
def global_max_pool(g: Graph, n: Node) -> Any:
    """The largest value over space."""
    x = n.inputs[0]
    return g.reduce_max(x, axes=list(range(2, g.rank(x))), keepdims=True)


@rule("GlobalLpPool")
def global_lp_pool(g: Graph, n: Node) -> Any:
    """The p-norm over space, p 1 or 2."""
    x, p = n.inputs[0], n.get("p", 2)
    if p not in (1, 2):
        n.fail(f"p must be 1 or 2, got {p}")
    reduce = g.reduce_l1 if p == 1 else g.reduce_l2
    return reduce(x, axes=list(range(2, g.rank(x))), keepdims=True)


@rule("MaxUnpool")
def max_unpool(g: Graph, n: Node) -> Any:
    """Values back at the flat indices that MaxPool gave, 0 elsewhere."""
    x, indices = n.inputs[:2]
    shape = list(g.shape(x))
    kernel, rank = n.get("kernel_shape"), len(shape) - 2
    strides = n.get("strides") or [1] * rank
    pads = n.get("pads") or [0] * (2 * rank)
    inner = shape[:2] + [
        (s - 1) * t - pads[i] - pads[i + rank] + k
        for i, (s, t, k) in enumerate(zip(shape[2:], strides, kernel))
    ]
    zeros = np.broadcast_to(np.zeros((), g.dtype(x).numpy), (math.prod(inner),))
    flat = g.scatter_elements(
        zeros, g.reshape(indices, shape=[g.type(x).size]),
        g.reshape(x, shape=[g.type(x).size]), axis=0,
    )  # fmt: skip
    wanted = n.ints(2) or inner
    y = g.reshape(flat, shape=inner)
    more = [w - s for w, s in zip(wanted, inner)]
    return g.pad(y, low=[0] * len(more), high=more) if any(more) else y
