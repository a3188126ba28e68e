"""Random tensors from a seed that is an operand: the same seed, the same numbers, on any machine.

`seed` is two i64 numbers. Where it is left out the generator of `tyc.random` gives a new one, also
at each call of a traced function.
"""

from __future__ import annotations

from tyc import random
from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply
from tyc.functional.arguments import Sizes, floating, integers
from tyc.tensors import DTypeLike, Tensor, element_type


def uniform(
    seed: TensorLike,
    shape: Sizes,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = "f32",
) -> Tensor:
    """Evenly distributed in `low <= y < high`; `dtype` f32 or f64."""
    sizes = integers(shape, "shape")
    kind = element_type(dtype)
    return apply(ty.UniformOp, seed, shape=sizes, low=float(low), high=float(high), element=kind)


def normal(
    seed: TensorLike,
    shape: Sizes,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DTypeLike = "f32",
) -> Tensor:
    """Normally distributed around `mean` with standard deviation `std`; `dtype` f32 or f64."""
    sizes = integers(shape, "shape")
    kind = element_type(dtype)
    return apply(ty.NormalOp, seed, shape=sizes, mean=float(mean), std=float(std), element=kind)


def dropout(x: TensorLike, p: float = 0.5, seed: TensorLike | None = None) -> Tensor:
    """`y = x / (1 - p)`, or 0 with probability `p`; the gradient has the same zeros."""
    value = floating(x, "dropout")
    return apply(ty.DropoutOp, value, random.next_seed() if seed is None else seed, p=float(p))
