"""Patterns that move layout and padding into matrix products, convolutions and poolings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mlir import ir

from tyc.compiler.transforms.constants import Context, has_one_use, made_by, rebuilt
from tyc.compiler.transforms.worklist import Pattern
from tyc.dialects import building, ty, windows
from tyc.dialects.windows import Windows

_type = building.type_of


def transpose_in_matmul(op: Any, context: Context) -> ir.Value | None:
    """matmul(transpose(a), b) with the last two dimensions swapped reads `a` by columns."""
    a, b = (_unswapped(v) for v in (op.a, op.b))
    if a is None and b is None:
        return None
    return ty.matmul(
        op.a if a is None else a,
        op.b if b is None else b,
        transpose_a=op.transpose_a != (a is not None),
        transpose_b=op.transpose_b != (b is not None),
    )


def _unswapped(value: ir.Value) -> ir.Value | None:
    inner = made_by(value, "transpose")
    if inner is None:
        return None
    rank = len(inner.perm)
    swaps = rank >= 2 and list(inner.perm) == [*range(rank - 2), rank - 1, rank - 2]
    return inner.x if swaps else None


def keep_rows_whole(op: Any, context: Context) -> ir.Value | None:
    """A transpose that moves the last dimension to the one before leaves that to the flag."""
    operands, flags = [op.a, op.b], [op.transpose_a, op.transpose_b]
    for i, value in enumerate(operands):
        inner = made_by(value, "transpose")
        if inner is None or not has_one_use(value) or inner.perm[-2] != len(inner.perm) - 1:
            continue
        *batch, last, other = inner.perm
        operands[i] = ty.transpose(inner.x, perm=[*batch, other, last])
        flags[i] = not flags[i]
        return ty.matmul(*operands, transpose_a=flags[0], transpose_b=flags[1])
    return None


def collapse_batch(op: Any, context: Context) -> ir.Value | None:
    """[B, M, K] x [K, N] is one product of B * M rows."""
    a, b, y = _type(op.a), _type(op.b), _type(op.y)
    if op.transpose_a or math.prod(b.shape[:-2]) != 1 or a.rank < 3 or y.rank != a.rank:
        return None
    if math.prod(a.shape[:-2]) == 1 or a.size == 0:
        return None
    rows = ty.reshape(op.a, shape=[math.prod(a.shape[:-1]), a.shape[-1]])
    matrix = op.b if b.rank == 2 else ty.reshape(op.b, shape=list(b.shape[-2:]))
    return ty.reshape(rebuilt(op, rows, matrix), shape=list(y.shape))


def pad_in_conv(op: Any, context: Context) -> ir.Value | None:
    """conv(pad(x)) pads by itself."""
    inner = made_by(op.x, "pad")
    padding = _merged_padding(inner, op, 0)
    if padding is None:
        return None
    return rebuilt(op, inner.x, op.weight, op.bias, padding=padding)


def pad_in_average(op: Any, context: Context) -> ir.Value | None:
    """average_pool(pad(x)) counts its own padding."""
    inner = made_by(op.x, "pad")
    if any(op.padding) and not op.count_include_pad:
        return None
    padding = _merged_padding(inner, op, 0)
    if padding is None:
        return None
    return rebuilt(op, inner.x, padding=padding, count_include_pad=True)


def pad_in_max(op: Any, context: Context) -> ir.Value | None:
    """max_pool(pad(x, -inf)) pads by itself, and so does max_pool(pad(x, 0)) where x >= 0."""
    inner = made_by(op.x, "pad")
    if inner is None or not _type(op.x).dtype.is_float:
        return None
    never_wins = inner.value == -math.inf or (inner.value == 0 and _is_positive(inner.x))
    padding = _merged_padding(inner, op, inner.value) if never_wins else None
    if padding is None:
        return None
    rank = len(op.kernel)
    extents = Windows.of(op.kernel, op.strides, padding, op.dilations).extents
    # A window that sees padding only would give -inf.
    if any(max(padding[d], padding[d + rank]) >= e for d, e in enumerate(extents)):
        return None
    return rebuilt(op, inner.x, padding=padding)


def _is_positive(value: ir.Value) -> bool:
    op = made_by(value, "relu", "clip", "sigmoid", "square", "absolute")
    return op is not None and (op.NAME != "clip" or op.low >= 0)


def _merged_padding(inner: Any, op: Any, value: float) -> Sequence[int] | None:
    """The padding of a window op on the operand of a constant pad."""
    if inner is None or inner.mode != "constant" or inner.value != value:
        return None
    rank = len(inner.low)
    spatial = windows.spatial_axes(op.layout, rank)
    if any(inner.low[d] or inner.high[d] for d in range(rank) if d not in spatial):
        return None
    more = [inner.low[d] for d in spatial] + [inner.high[d] for d in spatial]
    return [p + m for p, m in zip(op.padding, more)]


CONTRACTIONS: dict[str, tuple[Pattern, ...]] = {
    "matmul": (transpose_in_matmul, keep_rows_whole, collapse_batch),
    "conv": (pad_in_conv,),
    "average_pool": (pad_in_average,),
    "max_pool": (pad_in_max,),
}
