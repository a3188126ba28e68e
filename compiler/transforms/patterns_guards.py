"""Patterns that drop work for cases that cannot be, or read a table instead of multiplying by it.

Not for exact mode: they take products of finite numbers to be finite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.transforms.constants import Context, has_one_use, is_known, made_by, owner_of
from tyc.compiler.transforms.worklist import Pattern
from tyc.dialects import building, ty

_type = building.type_of
_DEPTH = 6
_PASSES_INFINITY = ("add", "where", "reshape", "transpose", "broadcast_to", "cast", "multiply")


def drop_nan_guard(op: Any, context: Context) -> ir.Value | None:
    """where(is_nan(y), c, y) is y where y is a softmax whose rows all have a finite element."""
    test = made_by(op.condition, "is_nan")
    if test is None or test.x != op.b or op.b.type != op.y.type:
        return None
    inner = made_by(op.b, "softmax")
    if inner is None or not _has_finite_rows(inner.x, inner.axis, context):
        return None
    return op.b


def _has_finite_rows(value: ir.Value, axis: int, context: Context) -> bool:
    """Whether no row can be -inf throughout: no mask is added, or one that leaves something."""
    total = made_by(value, "add")
    if total is not None:
        for mask, scores in ((total.b, total.a), (total.a, total.b)):
            array = context.array(mask)
            if array is not None:
                rows = (
                    np.isfinite(array).any(axis % _type(value).rank - _type(value).rank)
                    if array.ndim
                    else np.isfinite(array)
                )
                return bool(np.all(rows)) and _is_finite(scores, context, _DEPTH)
    return _is_finite(value, context, _DEPTH)


def _is_finite(value: ir.Value, context: Context, depth: int) -> bool:
    """Whether an infinity is nowhere among what a value is made of: inputs may hold one."""
    if is_known(value):
        array = context.array(value)
        return array is not None and bool(np.isfinite(array).all())
    owner = owner_of(value)
    if owner is None or depth == 0:
        return False
    if owner.name[3:] not in _PASSES_INFINITY or not _type(value).dtype.is_float:
        return True
    floats = [v for v in owner.operands if _type(v).dtype.is_float]
    return all(_is_finite(v, context, depth - 1) for v in floats)


def gather_one_hot(op: Any, context: Context) -> ir.Value | None:
    """(i == [0, 1, ...]) @ table reads row i of the table, or zeros where there is none."""
    hot = made_by(op.a, "cast") if has_one_use(op.a) else None
    test = made_by(hot.x, "equal") if hot is not None and not op.transpose_a else None
    table = _type(op.b)
    if test is None or op.transpose_b or table.rank != 2:
        return None
    for indices, counter in ((test.a, test.b), (test.b, test.a)):
        if _counts(counter, table.shape[0], context) and _type(indices).shape[-1:] == (1,):
            break
    else:
        return None
    if (*_type(indices).shape[:-1], table.shape[0]) != _type(op.a).shape:
        return None
    return _rows(indices, op.b)


def _rows(indices: ir.Value, table: ir.Value) -> ir.Value:
    last = _type(table).shape[0] - 1
    near = ty.clip(indices, low=0.0, high=float(last))
    rows = ty.gather(table, ty.reshape(near, shape=list(_type(indices).shape[:-1])), axis=0)
    inside = ty.equal(indices, near)
    zero = ty.constant(value=np.zeros((), _type(table).dtype.numpy))
    return ty.where(inside, rows, zero)


def _counts(value: ir.Value, size: int, context: Context) -> bool:
    """True for the whole numbers from 0 along the last dimension."""
    t = _type(value)
    if not t.dtype.is_integer or t.size != size or t.shape[-1:] != (size,):
        return False
    array = context.array(value)
    return array is not None and bool((array.reshape(-1) == np.arange(size)).all())


GUARDS: dict[str, tuple[Pattern, ...]] = {
    "where": (drop_nan_guard,),
    "matmul": (gather_one_hot,),
}
