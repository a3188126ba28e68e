"""Attention: a composite that stays whole, so that a schedule may run it in one pass over keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, widened
from tyc.dialects.ods import (
    Bool,
    Composite,
    Float,
    Operand,
    OptionalOperand,
    Result,
    example,
)
from tyc.dialects.references import typed, widely
from tyc.dialects.types import TensorType, broadcast_shapes


class AttentionOp(Composite, name="attention"):
    """`y = softmax(scale * q k^T + mask) v`, with `causal` over keys `t <= s` only.

    q [..., S, D], k [..., T, D], v [..., T, E] -> [..., S, E]; leading dimensions broadcast.
    (C1) all are floats of one element type and rank 2 or more; (C2) D and T agree; (C3) leading
    dimensions broadcast; (C4) `mask`, which is added, broadcasts to [..., S, T].
    """

    q: Operand
    k: Operand
    v: Operand
    mask: OptionalOperand
    scale: Float
    causal: Bool = False
    y: Result
    examples = (
        example((2, 3, 4), (2, 5, 4), (2, 5, 6), None, scale=0.5),
        example((2, 2, 4, 3), (2, 1, 4, 3), (2, 1, 4, 3), (4, 4), scale=0.3, dtype="f64"),
        example((4, 3), (4, 3), (4, 2), None, scale=1.0, causal=True),
        example((2, 4, 3), (2, 6, 3), (2, 6, 2), (2, 1, 6), scale=0.7, causal=True, dtype="f64"),
        example((1, 4, 8), (1, 4, 8), (1, 4, 8), None, scale=0.35, dtype="f16"),
        example((1, 1, 8), (1, 4, 8), (1, 4, 8), (1, 4), scale=0.35, dtype="bf16"),
    )

    @classmethod
    def infer(cls, q: Any, k: Any, v: Any, mask: Any, **attributes: Any) -> TensorType:
        """[..., S, E]."""
        operands = [t for t in (q, k, v, mask) if t is not None]
        got = ", ".join(map(str, operands))
        kinds = {t.dtype for t in operands}
        if len(kinds) > 1 or not q.dtype.is_float or min(q.rank, k.rank, v.rank) < 2:  # C1
            raise cls.error(f"operands must be floats of one type and rank 2 or more, got {got}")
        if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:  # C2
            raise cls.error(f"q and k must agree in D, k and v in T, got {got}")
        try:
            batch = broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
        except ValueError:  # C3
            raise cls.error(f"leading dimensions must broadcast, got {got}") from None
        scores = (*batch, q.shape[-2], k.shape[-2])
        if mask is not None and not _fits(mask.shape, scores):  # C4
            raise cls.error(f"mask must broadcast to {list(scores)}, got {mask}")
        return TensorType((*batch, q.shape[-2], v.shape[-1]), q.dtype)

    @staticmethod
    @widely
    def reference(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> np.ndarray:
        """The formula."""
        scores = (q @ np.swapaxes(k, -1, -2)) * typed(scale, q)
        scores = scores if mask is None else scores + mask
        if causal:
            visible = np.tri(*scores.shape[-2:], dtype=bool)
            scores = np.where(visible, scores, typed(-np.inf, q))
        e = np.exp(scores - scores.max(-1, keepdims=True))
        return (e / e.sum(-1, keepdims=True)) @ v

    @staticmethod
    @widened
    def expand(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> ir.Value:
        """The formula."""
        scores = Expression(ty.matmul(q, k, transpose_b=True)) * scale
        if mask is not None:
            scores = scores + Expression(mask)
        if causal:
            scores = _hide_later_keys(scores)
        return ty.matmul(ty.softmax(scores.value, axis=-1), v)


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return broadcast_shapes(shape, wanted) == wanted
    except ValueError:
        return False


def _hide_later_keys(scores: Expression) -> Expression:
    """Minus infinity where the key's position is behind the query's."""
    shape = list(type_of(scores.value).shape[-2:])
    query, key = (ty.iota(shape=shape, axis=axis, element="i32") for axis in (0, 1))
    hidden = ty.full(shape=(), value=-math.inf, element=type_of(scores.value).dtype)
    return Expression(ty.where(ty.greater_equal(query, key), scores.value, hidden))
