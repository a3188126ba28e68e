"""Arguments in users' forms, made canonical: axes, one number for many dimensions."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from tyc.dispatch import TensorLike, as_tensor
from tyc.frames import error
from tyc.tensors import Tensor

Axis = int | Sequence[int] | None
Sizes = int | Sequence[int]


def one_axis(axis: int, rank: int, what: str = "axis") -> int:
    """A dimension in `0..rank-1`; negative ones count from the end."""
    try:
        index = operator.index(axis)
    except TypeError:
        raise error(f"{what} must be an integer, got {type(axis).__name__}") from None
    if not -rank <= index < rank:
        got = f"rank {rank}" if rank else "a tensor of rank 0"
        raise error(f"{what} must be in {-rank}..{rank - 1} for {got}, got {index}")
    return index % rank


def many_axes(axis: Axis, rank: int, what: str = "axis") -> tuple[int, ...]:
    """Different dimensions in order; None means all."""
    if axis is None:
        return tuple(range(rank))
    if not isinstance(axis, (tuple, list)):
        return (one_axis(axis, rank, what),)  # pyright: ignore[reportArgumentType]
    axes = tuple(one_axis(a, rank, what) for a in axis)
    if len(set(axes)) != len(axes):
        raise error(f"{what} must name different dimensions, got {tuple(axis)}")
    return tuple(sorted(axes))


def repeated(value: Sizes, count: int, what: str) -> tuple[int, ...]:
    """`count` integers from one integer or from `count` of them."""
    given: Any = (value,) * count if isinstance(value, int) else tuple(value)
    if len(given) != count or not all(isinstance(v, int) for v in given):
        raise error(f"{what} must be an integer or {count} integers, got {value!r}")
    return given


def integers(values: Any, what: str) -> tuple[int, ...]:
    """A tuple of integers from an integer or a sequence of them."""
    try:
        return tuple(operator.index(v) for v in ([values] if isinstance(values, int) else values))
    except TypeError:
        raise error(f"{what} must be integers, got {values!r}") from None


def floating(x: TensorLike, what: str) -> Tensor:
    """`x` as a tensor, which must be of floats; `what` names the function."""
    value = as_tensor(x)
    if not value.dtype.is_float:
        raise error(f"{what} takes floats, got {value.type}", "cast first: x.astype(tyc.float32)")
    return value
