"""Attention, of floats."""

from __future__ import annotations

import math

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.functional.contraction import matmul
from tyc.functional.creation import arange, full
from tyc.functional.elementwise import where
from tyc.functional.movement import reshape, swapaxes
from tyc.functional.normalization import softmax
from tyc.functional.random import dropout as drop
from tyc.tensors import Tensor


def scaled_dot_product_attention(
    q: TensorLike,
    k: TensorLike,
    v: TensorLike,
    mask: TensorLike | None = None,
    causal: bool = False,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """`y = dropout(softmax(scale * q @ k.T + mask)) @ v`, of shape `[..., S, E]`.

    `q` is `[..., S, D]`, `k` `[..., T, D]`, `v` `[..., T, E]`. `mask` broadcasts to
    `[..., S, T]`: floats are added, i1 says where to look. `causal` hides the keys after a query's
    own position. `scale` is `1 / sqrt(D)` by default. `dropout` is the probability of a weight to
    be 0: that of training, as there is no mode here.
    """
    query, key, value = as_tensors((q, k, v))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    bias = None if mask is None else as_tensor(mask)
    if bias is not None and bias.dtype.kind == "bool":
        bias = where(bias, full((), 0.0, query.dtype), full((), -math.inf, query.dtype))
    if dropout:
        scores = matmul(query, swapaxes(key, -1, -2)) * factor
        scores = scores if bias is None else scores + bias
        if causal:
            scores = _causal(scores)
        return matmul(drop(softmax(scores, -1), dropout), value)
    return apply(ty.AttentionOp, query, key, value, bias, scale=factor, causal=bool(causal))


def _causal(scores: Tensor) -> Tensor:
    """Scores `[..., S, T]` with minus infinity after a query's own position."""
    queries, keys = scores.shape[-2:]
    seen = arange(keys) <= reshape(arange(queries), (queries, 1))
    return where(seen, scores, full((), -math.inf, scores.dtype))
