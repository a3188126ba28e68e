"""Elementwise arithmetic: NumPy broadcasting, one element type in and out.

`Unary`, `Binary` and `Typed` are the bases of all elementwise families. Integers wrap; integer
division truncates, and by zero it gives zero.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tyc.dialects import scalar as s
from tyc.dialects.expressions import Expression, apply, chain, where
from tyc.dialects.ods import Elementwise, Operand, Result, example
from tyc.dialects.references import array, typed, widely
from tyc.dialects.types import TensorType

FLOATS = ("float",)
INTEGERS = ("int", "uint")
NUMBERS = FLOATS + INTEGERS


class Typed(Elementwise):
    """An elementwise op that takes only some kinds of element type.

    (C3) the element type is of one of `kinds`.
    """

    kinds: ClassVar[tuple[str, ...]] = NUMBERS

    @classmethod
    def check(cls, *types: TensorType, **attributes: Any) -> None:
        """Raises `UserError` where the operands' element types are not what the op takes."""
        super().check(*types, **attributes)
        if types[0].dtype.kind not in cls.kinds:  # C3
            allowed = ", ".join(cls.kinds)
            raise cls.error(f"element type must be of kind {allowed}, got {types[0]}", "cast it")


class Unary(Typed):
    """`y[i] = scalar(x[i])`."""

    x: Operand
    y: Result


class Binary(Typed):
    """`y[i] = scalar(a[i], b[i])`, broadcast."""

    a: Operand
    b: Operand
    y: Result


BINARY_EXAMPLES = (
    example((2, 3), (3,)),
    example((4, 1, 3), (2, 1), dtype="f64"),
    example((5,), (), dtype="f16"),
    example((2, 3), (2, 3), dtype="bf16"),
    example((0, 3), (1, 3)),
)


class AddOp(Binary, name="add"):
    """Sums: `y = a + b`."""

    examples = (*BINARY_EXAMPLES, example((4,), (4,), dtype="i32"), example((3,), (), dtype="u8"))
    scalar = staticmethod(lambda a, b: a + b)
    reference = staticmethod(np.add)
    gradient = chain(lambda a, b, y: (1, 1))


class SubtractOp(Binary, name="subtract"):
    """Differences: `y = a - b`."""

    examples = (*BINARY_EXAMPLES, example((4,), (4,), dtype="i8"), example((3,), (3,), dtype="u64"))
    scalar = staticmethod(lambda a, b: a - b)
    reference = staticmethod(np.subtract)
    gradient = chain(lambda a, b, y: (1, -1))


class MultiplyOp(Binary, name="multiply"):
    """Products: `y = a * b`."""

    examples = (*BINARY_EXAMPLES, example((4,), (4,), dtype="i64"), example((), (), dtype="i16"))
    scalar = staticmethod(lambda a, b: a * b)
    reference = staticmethod(np.multiply)
    gradient = chain(lambda a, b, y: (b, a))


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind not in "iu":
        return np.divide(a, b)
    # The remainder of fmod has the sign of a, so a - fmod(a, b) is a whole multiple of b.
    return np.where(b == 0, typed(0, a), (a - np.fmod(a, b)) // np.where(b == 0, typed(1, b), b))


class DivideOp(Binary, name="divide"):
    """Quotients: `y = a / b`; of integers rounded towards zero, and 0 where `b = 0`."""

    examples = (
        example((2, 3), (3,), low=0.5),
        example((4, 1), (2,), dtype="f64", low=-3.0, high=-0.5),
        example((5,), (), dtype="f16", low=0.5),
        example((5,), (5,), dtype="bf16", low=0.5),
        example((16,), (16,), dtype="i32", low=-9, high=9),
        example((8,), (8,), dtype="u8", high=9),
        example(np.array([-128, 7, -7, 7], np.int8), np.array([-1, -2, 2, 0], np.int8)),
    )
    scalar = staticmethod(s.divide)
    reference = staticmethod(widely(_divide))
    gradient = chain(lambda a, b, y: (1 / b, -y / b))


def _power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind not in "iu":
        return np.power(a, b)
    whole = np.power(a, np.maximum(b, typed(0, b)))
    odd = np.where(b % typed(2, b) == 0, typed(1, a), a)
    inverse = np.where(np.abs(a) == 1, odd, typed(0, a))
    return np.where(b < 0, inverse, whole)


class PowerOp(Binary, name="power"):
    """Powers: `y = a ** b`; of integers exact modulo 2**bits, rounded towards zero if `b < 0`."""

    examples = (
        example((2, 3), (3,), low=0.5),
        example((4, 1), (2,), dtype="f64", low=0.5),
        example((5,), (), dtype="f16", low=0.5),
        example((5,), (5,), dtype="bf16", low=0.5),
        example(np.array([-2.0, 3, 0, -1.5], np.float32), array([3, 2, 0, 2]), gradient=False),
        example((16,), (16,), dtype="i32", low=-5, high=5),
        example((8,), (8,), dtype="u8", high=9),
        example(np.array([3, -7, 2], np.int64), np.array([40, 23, 63], np.int64)),
    )
    scalar = staticmethod(s.power)
    reference = staticmethod(widely(_power))
    gradient = chain(
        lambda a, b, y: (
            b * apply("power", a, b - 1),
            y * apply("log", where(a > 0, a, 1, like=a)),
        )
    )


def _share(wins: Expression, a: Expression, b: Expression) -> Expression:
    """1 where an operand wins, half of it where both are equal, else 0: as PyTorch has it."""
    return where(wins, 1, where(a.equal(b), 0.5, 0, like=a), like=a)


class MaximumOp(Binary, name="maximum"):
    """The larger one: `y = max(a, b)`, NaN where one is NaN. A tie shares the gradient."""

    examples = (*BINARY_EXAMPLES, example((9,), (9,), dtype="i32"), example((9,), (9,), dtype="u8"))
    scalar = staticmethod(s.maximum)
    reference = staticmethod(np.maximum)
    gradient = chain(lambda a, b, y: (_share(a > b, a, b), _share(b > a, a, b)))


class MinimumOp(Binary, name="minimum"):
    """The smaller one: `y = min(a, b)`, NaN where one is NaN. A tie shares the gradient."""

    examples = (
        *BINARY_EXAMPLES,
        example((9,), (9,), dtype="i64"),
        example((9,), (9,), dtype="u16"),
    )
    scalar = staticmethod(s.minimum)
    reference = staticmethod(np.minimum)
    gradient = chain(lambda a, b, y: (_share(a < b, a, b), _share(b < a, a, b)))


REMAINDER_EXAMPLES = (
    example((2, 3), array([1.5, -0.7, 3.0])),
    example((4, 1), array([0.3, -2.5], "f64"), dtype="f64"),
    example((5,), (), dtype="f16", low=0.5),
    example((16,), (16,), dtype="i32", low=-9, high=9),
    example((8,), (8,), dtype="u8", high=9),
    example(np.array([-128, 7, -7, 7], np.int8), np.array([-1, -2, 2, 0], np.int8)),
)


class RemainderOp(Binary, name="remainder"):
    """The remainder with the divisor's sign: `y = a - b * floor(a / b)`; 0 for integer `b = 0`."""

    examples = REMAINDER_EXAMPLES
    scalar = staticmethod(s.remainder)
    reference = staticmethod(widely(np.remainder))
    gradient = chain(lambda a, b, y: (1, -apply("floor", a / b)))


class RemainderTruncatedOp(Binary, name="remainder_truncated"):
    """The remainder with the sign of the dividend (C's `fmod`): `y = a - b * truncate(a / b)`."""

    examples = REMAINDER_EXAMPLES
    scalar = staticmethod(s.remainder_truncated)
    reference = staticmethod(widely(np.fmod))
    gradient = chain(lambda a, b, y: (1, -apply("truncate", a / b)))


UNARY_EXAMPLES = (
    example((2, 3)),
    example((1, 4), dtype="f64"),
    example((), dtype="f16"),
    example((5,), dtype="bf16"),
    example((0, 2)),
)


class NegativeOp(Unary, name="negative"):
    """`y = -x`."""

    examples = (*UNARY_EXAMPLES, example((5,), dtype="i32"), example((5,), dtype="u8"))
    scalar = staticmethod(lambda x: -x)
    reference = staticmethod(np.negative)
    gradient = chain(lambda x, y: -1)


class AbsoluteOp(Unary, name="absolute"):
    """`y = |x|`; the gradient at 0 is 0."""

    examples = (*UNARY_EXAMPLES, example((5,), dtype="i8"), example((5,), dtype="u8"))
    scalar = staticmethod(s.absolute)
    reference = staticmethod(np.absolute)
    gradient = chain(lambda x, y: apply("sign", x))


class SignOp(Unary, name="sign"):
    """-1, 0 or 1 with the sign of `x`; NaN for NaN."""

    examples = (*UNARY_EXAMPLES, example((5,), dtype="i8"), example((5,), dtype="u8"))
    scalar = staticmethod(
        lambda x: s.where(x > 0, s.constant(1, x), s.where(x < 0, s.constant(-1, x), x))
    )
    reference = staticmethod(widely(np.sign))
    gradient = chain(lambda x, y: None)


class ReciprocalOp(Unary, name="reciprocal"):
    """`y = 1 / x`."""

    kinds = FLOATS
    examples = (
        example((2, 3), low=0.5),
        example((4,), dtype="f64", low=-3, high=-0.5),
        example((4,), dtype="f16", low=0.5),
        example(array([0.0, -0.0, np.inf]), gradient=False),
    )
    scalar = staticmethod(lambda x: 1 / x)
    reference = staticmethod(widely(lambda x: typed(1, x) / x))
    gradient = chain(lambda x, y: -y * y)


POSITIVE_EXAMPLES = (
    example((2, 3), low=0.5),
    example((4,), dtype="f64", low=0.5),
    example((), dtype="f16", low=0.5),
    example((4,), dtype="bf16", low=0.5),
    example(array([0.0, -1.0, np.inf, np.nan]), gradient=False),
)


class SqrtOp(Unary, name="sqrt"):
    """The square root: `y * y = x`."""

    kinds = FLOATS
    examples = POSITIVE_EXAMPLES
    scalar = staticmethod(s.sqrt)
    reference = staticmethod(widely(np.sqrt))
    gradient = chain(lambda x, y: 0.5 / y)


class RsqrtOp(Unary, name="rsqrt"):
    """`y = 1 / sqrt(x)`."""

    kinds = FLOATS
    examples = POSITIVE_EXAMPLES
    scalar = staticmethod(lambda x: 1 / s.sqrt(x))
    reference = staticmethod(widely(lambda x: typed(1, x) / np.sqrt(x)))
    gradient = chain(lambda x, y: -0.5 * y * y * y)


class SquareOp(Unary, name="square"):
    """`y = x * x`."""

    examples = (*UNARY_EXAMPLES, example((5,), dtype="i32"), example((5,), dtype="u8"))
    scalar = staticmethod(lambda x: x * x)
    reference = staticmethod(np.square)
    gradient = chain(lambda x, y: 2 * x)


ROUNDING_EXAMPLES = (
    *UNARY_EXAMPLES,
    example(array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1e10, np.inf]), gradient=False),
)


class FloorOp(Unary, name="floor"):
    """The largest whole number not above `x`."""

    kinds = FLOATS
    examples = ROUNDING_EXAMPLES
    scalar = staticmethod(s.floor)
    reference = staticmethod(widely(np.floor))
    gradient = chain(lambda x, y: None)


class CeilOp(Unary, name="ceil"):
    """The smallest whole number not below `x`."""

    kinds = FLOATS
    examples = ROUNDING_EXAMPLES
    scalar = staticmethod(s.ceil)
    reference = staticmethod(widely(np.ceil))
    gradient = chain(lambda x, y: None)


class RoundOp(Unary, name="round"):
    """The nearest whole number, ties to even."""

    kinds = FLOATS
    examples = ROUNDING_EXAMPLES
    scalar = staticmethod(s.round_even)
    reference = staticmethod(widely(np.round))
    gradient = chain(lambda x, y: None)


class TruncateOp(Unary, name="truncate"):
    """`x` without its fraction, that is rounded towards zero."""

    kinds = FLOATS
    examples = ROUNDING_EXAMPLES
    scalar = staticmethod(s.truncate)
    reference = staticmethod(widely(np.trunc))
    gradient = chain(lambda x, y: None)
