"""Random tensors from a seed that is an operand: the same seed, the same numbers, on any machine.

Unlike `tyc.random`, these may be recorded: a traced function takes the seed as an argument.
"""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import error
from tyc.functional.arguments import Sizes, integers
from tyc.functional.elementwise import greater_equal, multiply, where
from tyc.tensors import DTypeLike, Tensor, element_type


def uniform(
    seed: TensorLike,
    shape: Sizes,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = "f32",
) -> Tensor:
    """Evenly distributed in `low <= y < high`; `seed` is two i64 numbers, `dtype` f32 or f64."""
    sizes = integers(shape, "shape")
    kind = element_type(dtype)
    return apply(ty.UniformOp, seed, shape=sizes, low=float(low), high=float(high), element=kind)


def dropout(x: TensorLike, p: float, seed: TensorLike) -> Tensor:
    """`y = x / (1 - p)`, or 0 with probability `p`."""
    if not 0 <= p < 1:
        raise error(f"p must be in 0..1 and less than 1, got {p}")
    value = as_tensor(x)
    keep = greater_equal(uniform(seed, value.shape), p)
    return where(keep, multiply(value, 1 / (1 - p)), 0.0)
