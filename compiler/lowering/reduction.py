"""Reductions as `linalg.generic`: the input as it lies, what `axes` name as reduction iterators.

    ty.reduce_sum(x) {axes = [1]}
    linalg.generic (d0, d1) -> x[d0, d1], y[d0], [parallel, reduction] { y + x }

16-bit floats are summed in f32. A dimension that is kept with size 1 is a `tensor.expand_shape` of
the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import arith, linalg, tensor

from tyc.compiler.lowering import structured
from tyc.compiler.lowering.contraction import narrowed
from tyc.compiler.lowering.registry import lower
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import DType, TensorType, accumulator, i32, i64


def least(d: DType) -> float | int:
    """The neutral value of a maximum."""
    return -np.inf if d.is_float else int(np.iinfo(d.numpy).min)


def greatest(d: DType) -> float | int:
    """The neutral value of a minimum."""
    return np.inf if d.is_float else int(np.iinfo(d.numpy).max)


_RULES: dict[str, tuple[Callable[[Scalar, Scalar], Scalar], Callable[[DType], Any]]] = {
    "reduce_sum": (lambda x, y: y + x, lambda d: 0),
    "reduce_mean": (lambda x, y: y + x, lambda d: 0),
    "reduce_product": (lambda x, y: y * x, lambda d: 1),
    "reduce_max": (lambda x, y: s.maximum(y, x), least),
    "reduce_min": (lambda x, y: s.minimum(y, x), greatest),
    "reduce_any": (lambda x, y: y | x, lambda d: 0),
    "reduce_all": (lambda x, y: y & x, lambda d: 1),
}
"""How an element joins the accumulator, and what the accumulator starts from."""


@lower(
    ty.ReduceSumOp, ty.ReduceMeanOp, ty.ReduceProductOp, ty.ReduceMaxOp, ty.ReduceMinOp,
    ty.ReduceAnyOp, ty.ReduceAllOp,
)  # fmt: skip
def reduce(op: Any, x: ir.Value) -> ir.Value:
    """Folds the elements over `axes` into an accumulator; a mean divides it by their number."""
    t = type_of(op.x)
    axes = {a % t.rank for a in op.axes}
    if not axes:
        return x
    join, start = _RULES[op.NAME]
    wide = accumulator(t.dtype)
    kept = TensorType(tuple(n for d, n in enumerate(t.shape) if d not in axes), wide)
    maps = structured.dims(t.rank)
    y = structured.generic(
        [(x, t.dtype, maps)],
        [(structured.filled(kept, start(wide)), wide, _without(maps, axes))],
        iterators(t.rank, axes),
        lambda value, total: join(s.cast(value, wide), total),
    )
    if op.NAME == "reduce_mean" or wide != t.dtype:
        count = t.size // max(kept.size, 1) if op.NAME == "reduce_mean" else 1
        y = _finish(y, kept, t.dtype, count)
    return expand_to(y, type_of(op.y).shape, axes)


@lower(ty.ReduceSumAddOp)
def reduce_sum_add(op: Any, x: ir.Value, c: ir.Value) -> ir.Value:
    """Adds the rows to `c`, the first one first."""
    t, row = type_of(op.x), type_of(op.c)
    wide = accumulator(t.dtype)
    maps = structured.dims(t.rank)
    y = structured.generic(
        [(x, t.dtype, maps)],
        [(narrowed(c, row, wide), wide, maps[1:])],
        iterators(t.rank, {0}),
        lambda value, total: total + s.cast(value, wide),
    )
    return narrowed(y, TensorType(row.shape, wide), t.dtype)


def iterators(rank: int, axes: set[int]) -> list[str]:
    """The iterator kinds, in the order of the input's dimensions."""
    return [structured.REDUCTION if d in axes else structured.PARALLEL for d in range(rank)]


def _without(maps: Sequence[ir.AffineExpr], axes: set[int]) -> list[ir.AffineExpr]:
    return [m for d, m in enumerate(maps) if d not in axes]


def _finish(total: ir.Value, kept: TensorType, to: DType, count: int) -> ir.Value:
    """`total / count` in the element type `to`."""
    maps = structured.dims(kept.rank)
    out = TensorType(kept.shape, to)

    def divide(value: Scalar) -> Scalar:
        return s.cast(value if count == 1 else s.divide(value, count), to)

    return structured.generic(
        [(total, kept.dtype, maps)],
        [(structured.empty(out), to, maps)],
        [structured.PARALLEL] * kept.rank,
        divide,
    )


def expand_to(y: ir.Value, shape: Sequence[int], axes: set[int]) -> ir.Value:
    """`y`, which lacks the dimensions `axes` of size 1, in the full `shape`."""
    have = ir.RankedTensorType(y.type)
    if have.rank == len(shape):
        return y
    kind = ir.RankedTensorType.get(list(shape), have.element_type)
    groups: list[list[int]] = []
    for d in range(len(shape)):
        # A reduced dimension joins the group of the kept one before it, at the front of the first.
        if d not in axes and (not groups or any(g not in axes for g in groups[-1])):
            groups.append([d])
        elif groups:
            groups[-1].append(d)
        else:
            groups.append([d])
    return tensor.expand_shape(kind, y, groups if have.rank else [], [], list(shape))


@lower(ty.ArgmaxOp, ty.ArgminOp)
def position(op: Any, x: ir.Value) -> ir.Value:
    """Along contiguous data the extreme first, then the index of where it is: both run on whole
    vectors. Otherwise a reduction with two accumulators, the best value so far and its index."""
    t = type_of(op.x)
    axis = op.axis % t.rank
    if all(n == 1 for n in t.shape[axis + 1 :]) and t.shape[axis] < 1 << 31:
        return expand_to(_place(op, x, t, axis), type_of(op.y).shape, {axis})
    kept = tuple(n for d, n in enumerate(t.shape) if d != axis)
    maps = structured.dims(t.rank)
    largest = op.NAME == "argmax"
    worst = (least if largest else greatest)(t.dtype)

    def join(value: Scalar, best: Scalar, index: Scalar) -> list[Scalar]:
        here = Scalar(
            arith.index_cast(ir.IntegerType.get_signless(64), linalg.IndexOp(axis).result), i64
        )
        better = _better(value, best, largest, op.last)
        return [s.where(better, value, best), s.where(better, here, index)]

    _, y = structured.generic(
        [(x, t.dtype, maps)],
        [
            (structured.filled(TensorType(kept, t.dtype), worst), t.dtype, _without(maps, {axis})),
            (structured.filled(TensorType(kept, i64), 0), i64, _without(maps, {axis})),
        ],
        iterators(t.rank, {axis}),
        join,
    )
    return expand_to(y, type_of(op.y).shape, {axis})


def _place(op: Any, x: ir.Value, t: TensorType, axis: int) -> ir.Value:
    """The first index (`last`: the last) at which `x` is the extreme along the axis, or NaN where
    that is: an extreme is NaN where any element is."""
    largest = op.NAME == "argmax"
    join, start = _RULES["reduce_max" if largest else "reduce_min"]
    maps, kinds = structured.dims(t.rank), iterators(t.rank, {axis})
    kept, without = tuple(n for d, n in enumerate(t.shape) if d != axis), _without(maps, {axis})
    best = structured.generic(
        [(x, t.dtype, maps)],
        [(structured.filled(TensorType(kept, t.dtype), start(t.dtype)), t.dtype, without)],
        kinds, join,
    )  # fmt: skip
    missing = -1 if op.last else t.shape[axis]

    def look(value: Scalar, extreme: Scalar, found: Scalar) -> Scalar:
        here = Scalar(
            arith.index_cast(ir.IntegerType.get_signless(32), linalg.IndexOp(axis).result), i32
        )
        hit = value.equal(extreme)
        if t.dtype.is_float:
            hit = hit | s.is_nan(value)
        candidate = s.where(hit, here, missing)
        return s.maximum(found, candidate) if op.last else s.minimum(found, candidate)

    found = structured.generic(
        [(x, t.dtype, maps), (best, t.dtype, without)],
        [(structured.filled(TensorType(kept, i32), missing), i32, without)],
        kinds, look,
    )  # fmt: skip
    kind, dims = TensorType(kept, i64), structured.dims(len(kept))
    return structured.generic(
        [(found, i32, dims)],
        [(structured.empty(kind), i64, dims)],
        [structured.PARALLEL] * len(kept),
        lambda index: s.cast(index, i64),
    )


def _better(value: Scalar, best: Scalar, largest: bool, last: bool) -> Scalar:
    """Whether `value` replaces `best`: NaN beats numbers; a tie goes to the later one if `last`."""
    if last:
        wins = value >= best if largest else value <= best
    else:
        wins = value > best if largest else value < best
    if not value.dtype.is_float:
        return wins
    if last:
        return (wins & ~s.is_nan(best)) | s.is_nan(value)
    return wins | (s.is_nan(value) & ~s.is_nan(best))
