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
from tyc.dialects.ty.movement import sum_to
from tyc.dialects.types import TensorType, accumulator, broadcast_shapes


class AttentionOp(Composite, name="attention"):
    """`y = softmax(scale * q k^T + mask) v`, with `causal` over keys `t <= s` only.

    q [..., S, D], k [..., T, D], v [..., T, E] -> [..., S, E]; leading dimensions broadcast. With
    `sequence_first` heads H stand inside: q [..., S, H, D], k [..., T, H, D], v [..., T, H, E] ->
    [..., S, H, E], as a projection writes them; the mask stays [..., H, S, T].
    (C1) all are floats of one element type and rank 2 or more, 3 with `sequence_first`; (C2) D and
    T agree; (C3) leading dimensions broadcast; (C4) `mask`, which is added, broadcasts to
    [..., S, T].
    """

    q: Operand
    k: Operand
    v: Operand
    mask: OptionalOperand
    scale: Float
    causal: Bool = False
    sequence_first: Bool = False
    y: Result
    examples = (
        example((2, 3, 4), (2, 5, 4), (2, 5, 6), None, scale=0.5),
        example((2, 2, 4, 3), (2, 1, 4, 3), (2, 1, 4, 3), (4, 4), scale=0.3, dtype="f64"),
        example((4, 3), (4, 3), (4, 2), None, scale=1.0, causal=True),
        example((2, 4, 3), (2, 6, 3), (2, 6, 2), (2, 1, 6), scale=0.7, causal=True, dtype="f64"),
        example((1, 4, 8), (1, 4, 8), (1, 4, 8), None, scale=0.35, dtype="f16"),
        example((1, 1, 8), (1, 4, 8), (1, 4, 8), (1, 4), scale=0.35, dtype="bf16"),
        example((9, 2, 8), (7, 2, 8), (7, 2, 8), (7,), scale=0.35, sequence_first=True),
        example((1, 6, 2, 5), (1, 9, 2, 5), (1, 9, 1, 11), (2, 6, 9), scale=0.5, causal=True,
                sequence_first=True),
    )  # fmt: skip

    @classmethod
    def infer(
        cls, q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, sequence_first: bool
    ) -> TensorType:
        """[..., S, E]."""
        operands = [t for t in (q, k, v, mask) if t is not None]
        got = ", ".join(map(str, operands))
        kinds = {t.dtype for t in operands}
        least = 3 if sequence_first else 2
        if len(kinds) > 1 or not q.dtype.is_float or min(q.rank, k.rank, v.rank) < least:  # C1
            rule = f"operands must be floats of one type and rank {least} or more"
            raise cls.error(f"{rule}, got {got}")
        q_shape, k_shape, v_shape = (heads_first(t.shape, sequence_first) for t in (q, k, v))
        if q_shape[-1] != k_shape[-1] or k_shape[-2] != v_shape[-2]:  # C2
            raise cls.error(f"q and k must agree in D, k and v in T, got {got}")
        try:
            batch = broadcast_shapes(q_shape[:-2], k_shape[:-2], v_shape[:-2])
        except ValueError:  # C3
            raise cls.error(f"leading dimensions must broadcast, got {got}") from None
        scores = (*batch, q_shape[-2], k_shape[-2])
        if mask is not None and not _fits(mask.shape, scores):  # C4
            raise cls.error(f"mask must broadcast to {list(scores)}, got {mask}")
        return TensorType(heads_first((*scores[:-1], v_shape[-1]), sequence_first), q.dtype)

    @staticmethod
    @widely
    def reference(
        q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, sequence_first: bool
    ) -> np.ndarray:
        """The formula."""
        if sequence_first:
            q, k, v = (np.swapaxes(x, -2, -3) for x in (q, k, v))
        scores = (q @ np.swapaxes(k, -1, -2)) * typed(scale, q)
        scores = scores if mask is None else scores + mask
        if causal:
            visible = np.tri(*scores.shape[-2:], dtype=bool)
            scores = np.where(visible, scores, typed(-np.inf, q))
        e = np.exp(scores - scores.max(-1, keepdims=True))
        y = (e / e.sum(-1, keepdims=True)) @ v
        return np.swapaxes(y, -2, -3) if sequence_first else y

    @staticmethod
    @widened
    def expand(
        q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, sequence_first: bool
    ) -> ir.Value:
        """The formula."""
        if sequence_first:
            q, k, v = (swapped_heads(x) for x in (q, k, v))
        y = ty.matmul(_weights(q, k, mask, scale, causal), v)
        return swapped_heads(y) if sequence_first else y

    def gradient(self, grad: ir.Value) -> tuple[ir.Value | None, ...]:
        """With weights `p`: `dv = p^T g`, `ds = softmax_gradient(p, g v^T)`, `dq = scale * ds k`,
        `dk = scale * ds^T q`, `dmask = ds`. A hidden key has no weight, and so no gradient."""
        turned = swapped_heads if self.sequence_first else lambda x: x
        q, k, v, g = (turned(x) for x in (self.q, self.k, self.v, grad))
        p = _weights(q, k, self.mask, self.scale, self.causal)
        dv = ty.matmul(p, g, transpose_a=True)
        ds = ty.softmax_gradient(p, ty.matmul(g, v, transpose_b=True), axis=-1)
        scaled = (Expression(ds) * self.scale).value
        dq, dk = ty.matmul(scaled, k), ty.matmul(scaled, q, transpose_a=True)
        shapes = [type_of(x).shape for x in (q, k, v)]
        results = [turned(sum_to(d, shape)) for d, shape in zip((dq, dk, dv), shapes)]
        return *results, None if self.mask is None else sum_to(ds, type_of(self.mask).shape)


def _weights(
    q: ir.Value, k: ir.Value, mask: ir.Value | None, scale: float, causal: bool
) -> ir.Value:
    """`softmax(scale * q k^T + mask)` with heads before the sequence; 16-bit floats by f32."""
    narrow = type_of(q).dtype
    wide = accumulator(narrow)
    if wide != narrow:
        q, k = (ty.cast(x, to=wide) for x in (q, k))
        mask = None if mask is None else ty.cast(mask, to=wide)
    scores = Expression(ty.matmul(q, k, transpose_b=True)) * scale
    if mask is not None:
        scores = scores + Expression(mask)
    if causal:
        scores = _hide_later_keys(scores)
    p = ty.softmax(scores.value, axis=-1)
    return p if wide == narrow else ty.cast(p, to=narrow)


def heads_first(shape: tuple[int, ...], sequence_first: bool) -> tuple[int, ...]:
    """The shape with heads before the sequence, from one that has them inside or not.

    >>> heads_first((1, 128, 12, 64), True)
    (1, 12, 128, 64)
    """
    if not sequence_first:
        return shape
    *batch, length, heads, depth = shape
    return (*batch, heads, length, depth)


def swapped_heads(x: ir.Value) -> ir.Value:
    """`[..., S, H, D]` as `[..., H, S, D]`, or back."""
    rank = type_of(x).rank
    return ty.transpose(x, perm=[*range(rank - 3), rank - 2, rank - 3, rank - 1])


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
