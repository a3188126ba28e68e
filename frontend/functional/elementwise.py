"""Arithmetic, comparison and logic, element by element with NumPy's broadcasting.

All operands of a call have one element type (see `tyc.dispatch`); errors are `UserError`s.
"""

from __future__ import annotations

import math

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.frames import error
from tyc.tensors import DTypeLike, Tensor, element_type


def add(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a + b`; integers wrap."""
    return apply(ty.AddOp, a, b)


def subtract(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a - b`; integers wrap."""
    return apply(ty.SubtractOp, a, b)


def multiply(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a * b`; integers wrap."""
    return apply(ty.MultiplyOp, a, b)


def divide(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a / b`, of floats."""
    left, right = as_tensors((a, b))
    if not (left.dtype.is_float and right.dtype.is_float):
        raise error(
            f"/ divides floats, got {left.type} and {right.type}",
            "cast first: x.astype(tyc.float32), or use //",
        )
    return apply(ty.DivideOp, left, right)


def floor_divide(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = floor(a / b)`; of floats `a / b` is rounded first."""
    left, right = as_tensors((a, b))
    if left.dtype.is_float:
        return floor(divide(left, right))
    if left.dtype.kind == "uint":
        return apply(ty.DivideOp, left, right)
    quotient, rest = apply(ty.DivideOp, left, right), fmod(left, right)
    # The op truncates: one too much where the rest and the divisor differ in sign.
    above = logical_and(not_equal(rest, 0), not_equal(less(rest, 0), less(right, 0)))
    return subtract(quotient, cast(above, left.dtype))


def power(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a ** b`."""
    if isinstance(b, (int, float)) and b == 2 and isinstance(a, Tensor):
        return square(a)
    return apply(ty.PowerOp, a, b)


def maximum(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = max(a, b)`; NaN wins."""
    return apply(ty.MaximumOp, a, b)


def minimum(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = min(a, b)`; NaN wins."""
    return apply(ty.MinimumOp, a, b)


def remainder(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a - b * floor(a / b)`, with the sign of `b`, as Python's `%`."""
    return apply(ty.RemainderOp, a, b)


def fmod(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a - b * trunc(a / b)`, with the sign of `a`, as C's `%`."""
    return apply(ty.RemainderTruncatedOp, a, b)


def negative(x: TensorLike) -> Tensor:
    """`y = -x`."""
    return apply(ty.NegativeOp, x)


def absolute(x: TensorLike) -> Tensor:
    """`y = |x|`."""
    return apply(ty.AbsoluteOp, x)


def sign(x: TensorLike) -> Tensor:
    """`y = 1` above, `0` at and `-1` below zero."""
    return apply(ty.SignOp, x)


def reciprocal(x: TensorLike) -> Tensor:
    """`y = 1 / x`, of floats."""
    return apply(ty.ReciprocalOp, x)


def sqrt(x: TensorLike) -> Tensor:
    """`y = x ** 0.5`, of floats."""
    return apply(ty.SqrtOp, x)


def rsqrt(x: TensorLike) -> Tensor:
    """`y = x ** -0.5`, of floats."""
    return apply(ty.RsqrtOp, x)


def square(x: TensorLike) -> Tensor:
    """`y = x * x`."""
    return apply(ty.SquareOp, x)


def floor(x: TensorLike) -> Tensor:
    """The largest whole number that is not above `x`."""
    return apply(ty.FloorOp, x)


def ceil(x: TensorLike) -> Tensor:
    """The smallest whole number that is not below `x`."""
    return apply(ty.CeilOp, x)


def round(x: TensorLike) -> Tensor:
    """The nearest whole number, halves to even."""
    return apply(ty.RoundOp, x)


def trunc(x: TensorLike) -> Tensor:
    """The whole part of `x`: rounded towards zero."""
    return apply(ty.TruncateOp, x)


def equal(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a == b`, of i1."""
    return apply(ty.EqualOp, a, b)


def not_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a != b`, of i1."""
    return apply(ty.NotEqualOp, a, b)


def less(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a < b`, of i1."""
    return apply(ty.LessOp, a, b)


def less_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a <= b`, of i1."""
    return apply(ty.LessEqualOp, a, b)


def greater(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a > b`, of i1."""
    return apply(ty.GreaterOp, a, b)


def greater_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a >= b`, of i1."""
    return apply(ty.GreaterEqualOp, a, b)


def logical_and(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a and b`, of i1."""
    return apply(ty.LogicalAndOp, a, b)


def logical_or(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a or b`, of i1."""
    return apply(ty.LogicalOrOp, a, b)


def logical_xor(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a != b`, of i1."""
    return apply(ty.LogicalXorOp, a, b)


def logical_not(x: TensorLike) -> Tensor:
    """`y = not x`, of i1."""
    return apply(ty.LogicalNotOp, x)


def bitwise_and(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a & b`, of integers or i1."""
    left, right = as_tensors((a, b))
    return apply(ty.LogicalAndOp if left.dtype.kind == "bool" else ty.BitwiseAndOp, left, right)


def bitwise_or(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a | b`, of integers or i1."""
    left, right = as_tensors((a, b))
    return apply(ty.LogicalOrOp if left.dtype.kind == "bool" else ty.BitwiseOrOp, left, right)


def bitwise_xor(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a ^ b`, of integers or i1."""
    left, right = as_tensors((a, b))
    return apply(ty.LogicalXorOp if left.dtype.kind == "bool" else ty.BitwiseXorOp, left, right)


def bitwise_not(x: TensorLike) -> Tensor:
    """`y = ~x`, of integers or i1."""
    value = as_tensor(x)
    return apply(ty.LogicalNotOp if value.dtype.kind == "bool" else ty.BitwiseNotOp, value)


def shift_left(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a << b`, of integers."""
    return apply(ty.ShiftLeftOp, a, b)


def shift_right(a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a >> b`, of integers; signed ones keep their sign."""
    return apply(ty.ShiftRightOp, a, b)


def where(condition: TensorLike, a: TensorLike, b: TensorLike) -> Tensor:
    """`y = a` where `condition` (i1), else `b`."""
    left, right = as_tensors((a, b))
    return apply(ty.WhereOp, as_tensor(condition), left, right)


def cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """`x` in another element type: floats are truncated to integers, `x != 0` becomes i1."""
    value, wanted = as_tensor(x), element_type(dtype)
    return value if value.dtype == wanted else apply(ty.CastOp, value, to=wanted)


def clip(x: TensorLike, low: float | None = None, high: float | None = None) -> Tensor:
    """`y = min(max(x, low), high)`; an absent bound is open."""
    return apply(
        ty.ClipOp,
        x,
        low=-math.inf if low is None else float(low),
        high=math.inf if high is None else float(high),
    )


def is_nan(x: TensorLike) -> Tensor:
    """`y = x is not a number`, of i1."""
    return apply(ty.IsNanOp, x)


def is_inf(x: TensorLike) -> Tensor:
    """`y = x is plus or minus infinity`, of i1."""
    return apply(ty.IsInfOp, x)


def is_finite(x: TensorLike) -> Tensor:
    """`y = x is neither infinite nor NaN`, of i1."""
    return less(absolute(x), math.inf)
