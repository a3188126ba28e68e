"""Reductions over `axis`: None is all dimensions, `keepdims` leaves size 1 in their place."""

from __future__ import annotations

from typing import Any

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import error
from tyc.functional.arguments import Axis as Axis
from tyc.functional.arguments import floating, many_axes, one_axis
from tyc.functional.elementwise import cast, divide, multiply, sqrt
from tyc.functional.movement import reshape
from tyc.tensors import Tensor


def _reduce(op: Any, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    return apply(op, x, axes=many_axes(axis, x.ndim), keepdims=bool(keepdims))


def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`y = sum of x`; booleans are counted in i64."""
    value = as_tensor(x)
    return _reduce(ty.ReduceSumOp, _counted(value), axis, keepdims)


def _counted(x: Tensor) -> Tensor:
    return cast(x, "i64") if x.dtype.kind == "bool" else x


def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`y = sum(x) / count`, of floats."""
    return _reduce(ty.ReduceMeanOp, floating(x, "mean"), axis, keepdims)


def moments(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """`mean(x)` and `sum((x - mean(x))**2) / count`, of floats."""
    value = floating(x, "moments")
    mean, variance = _reduce(ty.MomentsOp, value, axis, keepdims)
    return mean, variance


def var(x: TensorLike, axis: Axis = None, keepdims: bool = False, correction: int = 0) -> Tensor:
    """`y = sum((x - mean(x))**2) / (count - correction)`, of floats."""
    value = floating(x, "var")
    _, result = moments(value, axis, keepdims)
    if not correction:
        return result
    count = value.size // result.size if result.size else 0
    if count <= correction:
        raise error(f"var must have more than {correction} elements to reduce, got {count}")
    return multiply(result, count / (count - correction))


def std(x: TensorLike, axis: Axis = None, keepdims: bool = False, correction: int = 0) -> Tensor:
    """`y = sqrt(var(x))`."""
    return sqrt(var(x, axis, keepdims, correction))


def max(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element; NaN wins."""
    return _reduce(ty.ReduceMaxOp, as_tensor(x), axis, keepdims)


def min(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element; NaN wins."""
    return _reduce(ty.ReduceMinOp, as_tensor(x), axis, keepdims)


def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product of the elements."""
    return _reduce(ty.ReduceProductOp, as_tensor(x), axis, keepdims)


def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether any element is true, of i1."""
    return _reduce(ty.ReduceAnyOp, as_tensor(x), axis, keepdims)


def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements are true, of i1."""
    return _reduce(ty.ReduceAllOp, as_tensor(x), axis, keepdims)


def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`y = ln(sum(e ** x))`, without overflow."""
    return _reduce(ty.ReduceLogSumExpOp, floating(x, "logsumexp"), axis, keepdims)


def sum_square(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`y = sum(x * x)`."""
    return _reduce(ty.ReduceSumSquareOp, as_tensor(x), axis, keepdims)


def log_sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`y = ln(sum(x))`, of floats."""
    return _reduce(ty.ReduceLogSumOp, floating(x, "log_sum"), axis, keepdims)


def norm(x: TensorLike, p: int = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`y = sum(|x|**p) ** (1/p)` for `p` 1 or 2, of floats."""
    if p not in (1, 2):
        raise error(f"p must be 1 or 2, got {p!r}")
    op = ty.ReduceL1Op if p == 1 else ty.ReduceL2Op
    return _reduce(op, floating(x, "norm"), axis, keepdims)


def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The i64 index of the first largest element along `axis`; None means of the flat tensor."""
    return _index_of(ty.ArgmaxOp, as_tensor(x), axis, keepdims)


def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The i64 index of the first smallest element along `axis`; None means of the flat tensor."""
    return _index_of(ty.ArgminOp, as_tensor(x), axis, keepdims)


def _index_of(op: Any, x: Tensor, axis: int | None, keepdims: bool) -> Tensor:
    if axis is None:
        found = apply(op, reshape(x, (x.size,)), axis=0, keepdims=False)
        return reshape(found, (1,) * x.ndim) if keepdims else found
    return apply(op, x, axis=one_axis(axis, x.ndim), keepdims=bool(keepdims))


def cumsum(x: TensorLike, axis: int = -1, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """`y[i] = x[0] + ... + x[i]` along `axis`, without `x[i]` where exclusive."""
    value = _counted(as_tensor(x))
    at = one_axis(axis, value.ndim)
    return apply(ty.CumulativeSumOp, value, axis=at, exclusive=exclusive, reverse=reverse)


def average(x: TensorLike, weights: TensorLike, axis: Axis = None) -> Tensor:
    """`y = sum(x * weights) / sum(weights)`; `weights` has the shape of `x`."""
    return divide(sum(multiply(x, weights), axis), sum(weights, axis))
