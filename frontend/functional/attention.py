"""Attention, of floats."""

from __future__ import annotations

import math

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.functional.creation import full
from tyc.functional.elementwise import where
from tyc.tensors import Tensor


def scaled_dot_product_attention(
    q: TensorLike,
    k: TensorLike,
    v: TensorLike,
    mask: TensorLike | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """`y = softmax(scale * q @ k.T + mask) @ v`, of shape `[..., S, E]`.

    `q` is `[..., S, D]`, `k` `[..., T, D]`, `v` `[..., T, E]`. `mask` broadcasts to
    `[..., S, T]`: floats are added, i1 says where to look. `causal` hides the keys after a query's
    own position. `scale` is `1 / sqrt(D)` by default.
    """
    query, key, value = as_tensors((q, k, v))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    bias = None if mask is None else as_tensor(mask)
    if bias is not None and bias.dtype.kind == "bool":
        bias = where(bias, full((), 0.0, query.dtype), full((), -math.inf, query.dtype))
    return apply(ty.AttentionOp, query, key, value, bias, scale=factor, causal=bool(causal))
