"""Floats as small integers and back: `x ~ (q - zero_point) * scale`.

`scale` and `zero_point` are numbers for the whole tensor (rank 0), or vectors along `axis`.
"""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.functional.arguments import one_axis
from tyc.tensors import Tensor


def quantize(x: TensorLike, scale: TensorLike, zero_point: TensorLike, axis: int = 1) -> Tensor:
    """`q = round(x / scale) + zero_point`, held in the range of `zero_point`'s element type."""
    value = as_tensor(x)
    return apply(ty.QuantizeOp, value, scale, zero_point, axis=_axis(scale, value, axis))


def dequantize(
    q: TensorLike, scale: TensorLike, zero_point: TensorLike | None = None, axis: int = 1
) -> Tensor:
    """`x = (q - zero_point) * scale`."""
    value = as_tensor(q)
    return apply(
        ty.DequantizeOp, value, as_tensor(scale), zero_point, axis=_axis(scale, value, axis)
    )


def _axis(scale: TensorLike, x: Tensor, axis: int) -> int:
    return one_axis(axis, x.ndim) if as_tensor(scale).ndim else 0


def matmul_integer(
    a: TensorLike,
    b: TensorLike,
    a_zero_point: TensorLike | None = None,
    b_zero_point: TensorLike | None = None,
) -> Tensor:
    """`y = (a - a_zero_point) @ (b - b_zero_point)` of 8-bit integers, in i32."""
    return apply(ty.MatmulIntegerOp, a, b, a_zero_point, b_zero_point)
