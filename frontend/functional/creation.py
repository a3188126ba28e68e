"""New tensors: filled, counted, on a grid. f32 unless said otherwise."""

from __future__ import annotations

import numpy as np

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import error
from tyc.functional.arguments import Sizes, integers
from tyc.state import STATE
from tyc.tensors import DTypeLike, Tensor, element_type


def full(shape: Sizes, value: float, dtype: DTypeLike = "f32") -> Tensor:
    """`y[i] = value`."""
    sizes, kind = integers(shape, "shape"), element_type(dtype)
    if min(sizes, default=0) < 0:
        raise error(f"shape must have no negative size, got {list(sizes)}")
    if STATE.recorder is None:
        return Tensor(np.full(sizes, value, kind.numpy))
    return apply(ty.FullOp, shape=sizes, value=float(value), element=kind)


def zeros(shape: Sizes, dtype: DTypeLike = "f32") -> Tensor:
    """`y[i] = 0`."""
    return full(shape, 0, dtype)


def ones(shape: Sizes, dtype: DTypeLike = "f32") -> Tensor:
    """`y[i] = 1`."""
    return full(shape, 1, dtype)


def full_like(x: TensorLike, value: float) -> Tensor:
    """`value` in the shape and element type of `x`."""
    like = as_tensor(x)
    return full(like.shape, value, like.dtype)


def zeros_like(x: TensorLike) -> Tensor:
    """Zeros in the shape and element type of `x`."""
    return full_like(x, 0)


def ones_like(x: TensorLike) -> Tensor:
    """Ones in the shape and element type of `x`."""
    return full_like(x, 1)


def arange(
    start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None
) -> Tensor:
    """`start, start + step, ...` below `stop`; `arange(n)` counts from 0. Integers make i64."""
    if step == 0:
        raise error("step must not be 0")
    first, last = (0, start) if stop is None else (start, stop)
    whole = all(isinstance(v, int) for v in (first, last, step))
    kind = element_type(("i64" if whole else "f32") if dtype is None else dtype)
    values = np.arange(first, last, step).astype(kind.numpy)
    if STATE.recorder is not None and (first, step) == (0, 1) and whole:
        return apply(ty.IotaOp, shape=values.shape, axis=0, element=kind)
    return Tensor(values)


def linspace(start: float, stop: float, count: int, dtype: DTypeLike = "f32") -> Tensor:
    """`count` evenly spaced numbers from `start` to `stop`, both included."""
    return Tensor(np.linspace(start, stop, count).astype(element_type(dtype).numpy))


def eye(rows: int, columns: int | None = None, dtype: DTypeLike = "f32") -> Tensor:
    """1 on the diagonal, 0 elsewhere."""
    return Tensor(np.eye(rows, columns).astype(element_type(dtype).numpy))
