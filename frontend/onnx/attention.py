"""Attention (opset 23) where it is one ty op; what else it can do is its function body's."""

from __future__ import annotations

import math
from typing import Any

from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, rule


@rule("Attention", since=23)
def attention(g: Graph, n: Node) -> Any:
    """`softmax(scale * q @ k^T + mask) @ v` by heads; NotImplemented for caches and soft caps."""
    q, k, v = n.inputs[:3]
    plain = {"q_num_heads", "kv_num_heads", "scale", "qk_matmul_output_mode"}
    others = any(v for k, v in n.attributes.items() if k not in plain)
    caches = n.input(4) is not None or n.input(5) is not None or n.input(6) is not None
    extra = any(n.wants(i) for i in (1, 2, 3))
    narrow = g.dtype(q).bits < 32
    mask = n.input(3)
    if caches or extra or others or narrow:
        return NotImplemented
    if mask is not None and g.dtype(mask) != g.dtype(q):
        return NotImplemented
    flat = g.rank(q) == 3
    if flat:
        heads, groups = n.get("q_num_heads"), n.get("kv_num_heads")
        q, k, v = split_heads(g, q, heads), split_heads(g, k, groups), split_heads(g, v, groups)
    if mask is not None and g.shape(mask)[-1] != g.shape(k)[2]:
        return NotImplemented
    k, v = (_repeated(g, x, g.shape(q)[1]) for x in (k, v))
    scale = n.get("scale") or 1 / math.sqrt(g.shape(q)[-1])
    y = g.attention(q, k, v, mask, scale=scale)
    return joined_heads(g, y) if flat else y


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
