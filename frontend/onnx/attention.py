"""Attention (opset 23) where it is one ty op; what else it can do is its function body's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tyc.onnx.elementwise import to_element
from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, rule


@rule("Attention", since=23)
def attention(g: Graph, n: Node) -> Any:
    """`softmax(scale * q @ k^T + mask) @ v` by heads; NotImplemented for caches and soft caps."""
    if _needs_more(n):
        return NotImplemented
    q, k, v = n.inputs[:3]
    flat = g.rank(q) == 3
    if flat:
        heads, groups = n.get("q_num_heads", 0), n.get("kv_num_heads", 0)
        if heads < 1 or groups < 1:
            n.fail("q_num_heads and kv_num_heads must be positive for inputs of rank 3, "
                   f"got {heads} and {groups}")  # fmt: skip
        q, k, v = split_heads(g, q, heads), split_heads(g, k, groups), split_heads(g, v, groups)
    mask = n.input(3)
    causal = bool(n.get("is_causal", 0))
    if mask is not None:
        if causal or g.shape(mask)[-1] != g.shape(k)[2]:
            return NotImplemented
        mask = _additive(g, mask, q)
    k, v = (_repeated(g, x, g.shape(q)[1]) for x in (k, v))
    scale = n.get("scale") or 1 / math.sqrt(g.shape(q)[-1])
    y = g.attention(q, k, v, mask, scale=scale, causal=causal)
    y = y if mask is None else _zero_where_hidden(g, y, mask)
    return joined_heads(g, y) if flat else y


def _additive(g: Graph, mask: Any, like: Any) -> Any:
    """The mask as numbers to add: 0 where a boolean one is true, else minus infinity."""
    if g.dtype(mask).kind == "bool":
        return g.where(mask, g.number(0, like), g.number(-math.inf, like))
    return to_element(g, mask, g.dtype(like))


def _zero_where_hidden(g: Graph, y: Any, mask: Any) -> Any:
    """A query that may see no key at all has the result 0, where the formula has 0 / 0."""
    best = g.reduce_max(mask, axes=[g.rank(mask) - 1], keepdims=True)
    hidden = g.equal(best, g.number(-math.inf, best))
    if isinstance(hidden, np.ndarray) and not hidden.any():
        return y
    return g.where(hidden, g.number(0, y), y)


def _needs_more(n: Node) -> bool:
    """True for what the op of ty does not have: caches, scores as output, soft caps, windows."""
    plain = {"q_num_heads", "kv_num_heads", "scale", "qk_matmul_output_mode", "is_causal"}
    caches = any(n.input(i) is not None for i in (4, 5, 6))
    scores = any(n.wants(i) for i in (1, 2, 3))
    return caches or scores or any(v for k, v in n.attributes.items() if k not in plain)


def split_heads(g: Graph, x: Any, heads: int) -> Any:
    """`[B, S, heads * D]` as `[B, heads, S, D]`."""
    batch, length, width = g.shape(x)
    x = g.reshape(x, shape=[batch, length, heads, width // heads])
    return g.transpose(x, perm=[0, 2, 1, 3])


def joined_heads(g: Graph, x: Any) -> Any:
    """`[B, heads, S, D]` as `[B, S, heads * D]`."""
    batch, heads, length, width = g.shape(x)
    x = g.transpose(x, perm=[0, 2, 1, 3])
    return g.reshape(x, shape=[batch, length, heads * width])


def _repeated(g: Graph, x: Any, heads: int) -> Any:
    """Each of the key and value heads for as many query heads as share it."""
    batch, groups, length, width = g.shape(x)
    if groups == heads:
        return x
    x = g.reshape(x, shape=[batch, groups, 1, length, width])
    x = g.broadcast_to(x, shape=[batch, groups, heads // groups, length, width])
    return g.reshape(x, shape=[batch, heads, length, width])
