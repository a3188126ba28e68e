"""Elements by computed index: gather, scatter, one-hot, order; and `x[...]`.

Indices are i32 or i64 tensors, arrays or integers; negative ones count from the end.
"""

from __future__ import annotations

import numpy as np

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.frames import error
from tyc.functional.arguments import one_axis
from tyc.functional.movement import reshape
from tyc.tensors import DTypeLike, Tensor, element_type


def indices_of(indices: TensorLike, size: int) -> Tensor:
    """`indices` as an integer tensor, checked against `size` where their values are known."""
    found = as_tensor(indices)
    if not found.dtype.is_integer:
        raise error(f"indices must be integers, got {found.type}", "cast: x.astype(tyc.int64)")
    if not found.is_symbolic and found.size:
        low, high = int(np.min(found.array())), int(np.max(found.array()))
        if low < -size or high >= size:
            worst = low if low < -size else high
            raise error(f"indices must be in {-size}..{size - 1}, got {worst}")
    return found


def take(x: TensorLike, indices: TensorLike, axis: int = 0) -> Tensor:
    """`y[a, i, b] = x[a, indices[i], b]`: slices of `x` along `axis`, NumPy's `take`."""
    value = as_tensor(x)
    at = one_axis(axis, value.ndim)
    return apply(ty.GatherOp, value, indices_of(indices, value.shape[at]), axis=at)


gather = take


def take_along_axis(x: TensorLike, indices: TensorLike, axis: int) -> Tensor:
    """`y[i, j] = x[indices[i, j], j]` along `axis`; `indices` has the rank of `x`."""
    value = as_tensor(x)
    at = one_axis(axis, value.ndim)
    return apply(ty.GatherElementsOp, value, indices_of(indices, value.shape[at]), axis=at)


def gather_nd(x: TensorLike, indices: TensorLike, batch_dims: int = 0) -> Tensor:
    """`y[i] = x[indices[i, 0], indices[i, 1], ...]`."""
    return apply(ty.GatherNdOp, x, indices, batch_dims=batch_dims)


def scatter(
    x: TensorLike, indices: TensorLike, updates: TensorLike, axis: int, reduction: str = "none"
) -> Tensor:
    """`x` with `y[indices[i, j], j] = updates[i, j]` along `axis`.

    `reduction` is `none` (the last of equal indices stays), `add`, `mul`, `max` or `min`.
    """
    value, new = as_tensors((x, updates))
    at = one_axis(axis, value.ndim)
    index = indices_of(indices, value.shape[at])
    return apply(ty.ScatterElementsOp, value, index, new, axis=at, reduction=reduction)


def scatter_nd(
    x: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str = "none"
) -> Tensor:
    """`x` with `y[indices[i, 0], indices[i, 1], ...] = updates[i]`; `reduction` as in `scatter`."""
    value, new = as_tensors((x, updates))
    return apply(ty.ScatterNdOp, value, indices, new, reduction=reduction)


def embedding(indices: TensorLike, weight: TensorLike) -> Tensor:
    """`y[...] = weight[indices[...]]`: rows of a table `[count, D]`."""
    return take(weight, indices, 0)


def one_hot(indices: TensorLike, depth: int, axis: int = -1, dtype: DTypeLike = "f32") -> Tensor:
    """`y[i, k] = 1` where `k == indices[i]`, else 0; the new dimension is `axis`."""
    index = indices_of(indices, depth)
    return apply(
        ty.OneHotOp,
        index,
        depth=depth,
        axis=one_axis(axis, index.ndim + 1),
        on=1.0,
        off=0.0,
        to=element_type(dtype),
    )


def topk(
    x: TensorLike, k: int, axis: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Tensor, Tensor]:
    """The `k` largest (or smallest) elements along `axis` and their i64 indices, best first."""
    value = as_tensor(x)
    at = one_axis(axis, value.ndim)
    if not 0 <= k <= value.shape[at]:
        raise error(f"k must be in 0..{value.shape[at]} for axis {axis} of {value.type}, got {k}")
    values, indices = apply(ty.TopKOp, value, k=k, axis=at, largest=largest, sorted=sorted)
    return values, indices


def sort(x: TensorLike, axis: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
    """The elements in order along `axis`, and their i64 indices."""
    value = as_tensor(x)
    return topk(value, value.shape[one_axis(axis, value.ndim)], axis, descending)


def argsort(x: TensorLike, axis: int = -1, descending: bool = False) -> Tensor:
    """The i64 indices that sort `x` along `axis`."""
    return sort(x, axis, descending)[1]


def count_nonzero(x: TensorLike) -> Tensor:
    """How many elements are not 0, in i64."""
    value = as_tensor(x)
    return reshape(value, (-1,)).astype("i1").sum()
