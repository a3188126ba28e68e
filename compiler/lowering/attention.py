"""Attention: taken whole by its schedule, where the scores are never in memory."""

from __future__ import annotations

from typing import Any

from tyc.compiler.lowering.registry import whole
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ty.attention import heads_first

LARGEST_DEPTH = 1024
"""Features of a head up to which a block of queries fits the stack."""

# Queries fill the lanes of vectors: one alone is better a product of a matrix and a vector.
_FEWEST_QUERIES = 4


@whole(ty.AttentionOp)
def attention(op: Any) -> bool:
    """Floats that the machine computes with, a few queries or more, heads of a usual size."""
    q, k, v = (type_of(x) for x in (op.q, op.k, op.v))
    length, depth = heads_first(q.shape, op.sequence_first)[-2:]
    if q.dtype.name not in ("f32", "f64") or 0 in (q.size, k.size, v.size):
        return False
    return length >= _FEWEST_QUERIES and max(depth, v.shape[-1]) <= LARGEST_DEPTH
