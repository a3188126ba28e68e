"""Affine quantization: `q = round(x / scale) + zero_point`, per tensor or per `axis`."""

from __future__ import annotations

from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.axes import checked_axis
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, apply
from tyc.dialects.ods import Composite, Int, Op, Operand, OptionalOperand, Result, example
from tyc.dialects.references import array
from tyc.dialects.types import TensorType, f32, i32

_SCALES = array([0.1, 0.5, 0.02])


def _check_granularity(
    op: type[Op], x: TensorType, scale: TensorType, zero: TensorType | None, axis: int
) -> None:
    """Raises `UserError` unless scale and zero point are single or have one entry along `axis`."""
    if scale.size != 1:
        checked_axis(op, axis, x.rank)
        if scale.shape != (x.shape[axis],):  # C2
            raise op.error(f"scale must be one or {x.shape[axis]} numbers, got {scale}")
    if zero is not None and zero.shape != scale.shape:  # C3
        raise op.error(f"zero_point must have the shape of scale, got {zero} and {scale}")


def _aligned_shape(shape: tuple[int, ...], rank: int, axis: int) -> list[int]:
    """[C] as [C, 1, ...] aligned to `axis`; a single number as rank 0."""
    if int(np.prod(shape)) == 1:
        return []
    return [shape[0]] + [1] * (rank - 1 - axis % rank)


def _aligned(value: ir.Value, rank: int, axis: int) -> ir.Value:
    shape = _aligned_shape(type_of(value).shape, rank, axis)
    return value if list(type_of(value).shape) == shape else ty.reshape(value, shape=shape)


class QuantizeOp(Composite, name="quantize"):
    """`y = saturate(round(x / scale) + zero_point)` in the type of `zero_point`, ties to even.

    (C1) `x` and `scale` are floats of one type, `zero_point` 8- or 16-bit integers; (C2) `scale` is
    one number or one an entry of `axis`; (C3) `zero_point` has its shape.
    """

    x: Operand
    scale: Operand
    zero_point: Operand
    axis: Int = 1
    y: Result
    examples = (
        example((2, 3), np.float32(0.1), np.array(3, np.int8)),
        example((2, 3), array([0.01]), np.array([128], np.uint8)),
        example((2, 3, 4), _SCALES, np.array([0, -5, 7], np.int8)),
        example((3, 4), _SCALES, np.array([0, 100, 7], np.uint16), axis=0),
        example(array([0.5, 1.5, 2.5, 1e9, -1e9]), np.float32(1), np.array(0, np.int8)),
        example((2, 3), np.float16(0.1), np.array(3, np.int8), dtype="f16"),
    )

    @classmethod
    def infer(cls, x: Any, scale: Any, zero_point: Any, axis: int) -> TensorType:
        """The shape of `x` in the type of `zero_point`."""
        small = zero_point.dtype.is_integer and zero_point.dtype.bits <= 16
        if not x.dtype.is_float or scale.dtype != x.dtype or not small:  # C1
            raise cls.error(
                "takes floats, a scale of their type and 8- or 16-bit zero points, "
                f"got {x}, {scale}, {zero_point}"
            )
        _check_granularity(cls, x, scale, zero_point, axis)
        return TensorType(x.shape, zero_point.dtype)

    @staticmethod
    def reference(x: np.ndarray, scale: Any, zero_point: Any, axis: int) -> np.ndarray:
        """The formula."""
        limits = np.iinfo(zero_point.dtype)
        wide = np.float64 if x.dtype == np.float64 else np.float32
        scale, zero = (
            v.reshape(_aligned_shape(v.shape, x.ndim, axis)).astype(wide)
            for v in (scale, zero_point)
        )
        y = np.round(x.astype(wide) / scale) + zero
        return np.clip(y, limits.min, limits.max).astype(zero_point.dtype)

    @staticmethod
    def expand(x: ir.Value, scale: ir.Value, zero_point: ir.Value, axis: int) -> ir.Value:
        """The formula: a cast saturates."""
        t, target = type_of(x), type_of(zero_point).dtype
        wide = t.dtype if t.dtype.bits > 16 else f32
        scale = _aligned(scale, t.rank, axis)
        zero = _aligned(zero_point, t.rank, axis)
        steps = _in(x, wide) / _in(scale, wide)
        return (apply("round", steps) + _in(zero, wide)).cast(target).value


def _in(value: ir.Value, element: Any) -> Expression:
    return Expression(value if type_of(value).dtype == element else ty.cast(value, to=element))


class DequantizeOp(Composite, name="dequantize"):
    """`y = (x - zero_point) * scale` in the type of `scale`.

    (C1) `x` is of integers, at most 32 bits, `scale` of floats, `zero_point` of the type of `x`;
    (C2) `scale` is one number or one an entry of `axis`; (C3) `zero_point` has its shape.
    """

    x: Operand
    scale: Operand
    zero_point: OptionalOperand
    axis: Int = 1
    y: Result
    examples = (
        example((2, 3), np.float32(0.1), np.array(3, np.int8), dtype="i8", low=-128, high=127),
        example((2, 3), array([0.01]), np.array([128], np.uint8), dtype="u8", high=255),
        example((2, 3, 4), _SCALES, np.array([0, -5, 7], np.int8), dtype="i8"),
        example((3, 4), _SCALES, None, dtype="i32", low=-9999, high=9999, axis=0),
        example((2, 3), np.float16(0.1), None, dtype="i8"),
    )

    @classmethod
    def infer(cls, x: Any, scale: Any, zero_point: Any, axis: int) -> TensorType:
        """The shape of `x` in the type of `scale`."""
        whole = x.dtype.is_integer and x.dtype.bits <= 32
        same = zero_point is None or zero_point.dtype == x.dtype
        if not (whole and same and scale.dtype.is_float):  # C1
            raise cls.error(
                "takes integers, a float scale and zero points like the integers, "
                f"got {x}, {scale}, {zero_point}"
            )
        _check_granularity(cls, x, scale, zero_point, axis)
        return TensorType(x.shape, scale.dtype)

    @staticmethod
    def reference(x: np.ndarray, scale: Any, zero_point: Any, axis: int) -> np.ndarray:
        """The formula."""
        shape = _aligned_shape(scale.shape, x.ndim, axis)
        zero = 0 if zero_point is None else zero_point.reshape(shape).astype(np.int32)
        wide = np.float64 if scale.dtype == np.float64 else np.float32
        y = (x.astype(np.int32) - zero).astype(wide) * scale.reshape(shape).astype(wide)
        return y.astype(scale.dtype)

    @staticmethod
    def expand(x: Any, scale: Any, zero_point: Any, axis: int) -> ir.Value:
        """The formula, the difference in i32, the product at least in f32."""
        rank, target = type_of(x).rank, type_of(scale).dtype
        wide = target if target.bits > 16 else f32
        steps = _in(x, i32)
        if zero_point is not None:
            steps = steps - _in(_aligned(zero_point, rank, axis), i32)
        y = steps.cast(wide) * _in(_aligned(scale, rank, axis), wide)
        return _in(y.value, target).value
