"""Attention: taken whole by its schedule, where the scores are never in memory."""

from __future__ import annotations

from typing import Any

from tyc.compiler.lowering.registry import whole
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ty.attention import heads_first
from tyc.dialects.types import TensorType

LARGEST_DEPTH = 1024
"""Features of a head up to which a block of queries fits the stack."""

# Queries fill the lanes of vectors: one alone is better a product of a matrix and a vector.
_FEWEST_QUERIES = 4


@whole(ty.AttentionOp)
def attention(op: Any) -> bool:
    """Floats that the machine computes with, a few queries or more, heads of a usual size."""
    return is_taken(type_of(op.q), type_of(op.k), type_of(op.v), op.sequence_first)


def is_taken(q: TensorType, k: TensorType, v: TensorType, sequence_first: bool) -> bool:
    """Whether the schedule takes attention of these types."""
    length, depth = heads_first(q.shape, sequence_first)[-2:]
    if q.dtype.name not in ("f32", "f64") or 0 in (q.size, k.size, v.size):
        return False
    return length >= _FEWEST_QUERIES and max(depth, v.shape[-1]) <= LARGEST_DEPTH
