"""Comparison, logic, bits, selection and conversion: elementwise, with NumPy broadcasting."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tyc.dialects import scalar as s
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, chain, where
from tyc.dialects.ods import Bool, Element, Elementwise, Example, Float, Operand, Result, example
from tyc.dialects.references import array, typed, widely
from tyc.dialects.ty.elementwise import FLOATS, INTEGERS, NUMBERS, Binary, Unary
from tyc.dialects.types import DTYPES, DType, TensorType, dtype, i1

BOOLEANS = ("bool",)


class Comparison(Binary):
    """`y = a <relation> b` as i1; false where one is NaN (`not_equal`: true)."""

    kinds = NUMBERS + BOOLEANS
    examples = (
        example((2, 3), (3,)),
        example(array([1, 2, np.nan, 4]), array([1, 3, np.nan, np.inf])),
        example((4, 1), (2,), dtype="f64"),
        example((5,), (), dtype="f16"),
        example((5,), (5,), dtype="bf16"),
        example((16,), (16,), dtype="i32"),
        example(np.array([200, 3, 3], np.uint8), np.array([100, 3, 250], np.uint8)),
        example((4,), (4,), dtype="i1"),
    )

    @classmethod
    def result_dtype(cls, *types: TensorType, **attributes: Any) -> DType:
        """i1."""
        return i1


class EqualOp(Comparison, name="equal"):
    """`y = (a == b)`."""

    scalar = staticmethod(lambda a, b: a.equal(b))
    reference = staticmethod(np.equal)


class NotEqualOp(Comparison, name="not_equal"):
    """`y = (a != b)`."""

    scalar = staticmethod(lambda a, b: a.not_equal(b))
    reference = staticmethod(np.not_equal)


class LessOp(Comparison, name="less"):
    """`y = (a < b)`."""

    scalar = staticmethod(lambda a, b: a < b)
    reference = staticmethod(np.less)


class LessEqualOp(Comparison, name="less_equal"):
    """`y = (a <= b)`."""

    scalar = staticmethod(lambda a, b: a <= b)
    reference = staticmethod(np.less_equal)


class GreaterOp(Comparison, name="greater"):
    """`y = (a > b)`."""

    scalar = staticmethod(lambda a, b: a > b)
    reference = staticmethod(np.greater)


class GreaterEqualOp(Comparison, name="greater_equal"):
    """`y = (a >= b)`."""

    scalar = staticmethod(lambda a, b: a >= b)
    reference = staticmethod(np.greater_equal)


class Logical(Binary):
    """Logic on i1."""

    kinds = BOOLEANS
    examples = (example((4, 3), (3,), dtype="i1"), example((8,), (8,), dtype="i1"))


class LogicalAndOp(Logical, name="logical_and"):
    """True where both are."""

    scalar = staticmethod(lambda a, b: a & b)
    reference = staticmethod(np.logical_and)


class LogicalOrOp(Logical, name="logical_or"):
    """True where one is."""

    scalar = staticmethod(lambda a, b: a | b)
    reference = staticmethod(np.logical_or)


class LogicalXorOp(Logical, name="logical_xor"):
    """True where exactly one is."""

    scalar = staticmethod(lambda a, b: a ^ b)
    reference = staticmethod(np.logical_xor)


class LogicalNotOp(Unary, name="logical_not"):
    """True where `x` is false."""

    kinds = BOOLEANS
    examples = (example((4, 3), dtype="i1"), example((), dtype="i1"))
    scalar = staticmethod(lambda x: ~x)
    reference = staticmethod(np.logical_not)


class Bitwise(Binary):
    """Bit by bit, on integers and i1."""

    kinds = INTEGERS + BOOLEANS
    examples = (
        example((4, 3), (3,), dtype="i32", low=-99, high=99),
        example((5,), (5,), dtype="u8", high=255),
        example((8,), (8,), dtype="i1"),
    )


class BitwiseAndOp(Bitwise, name="bitwise_and"):
    """`y = a & b`."""

    scalar = staticmethod(lambda a, b: a & b)
    reference = staticmethod(np.bitwise_and)


class BitwiseOrOp(Bitwise, name="bitwise_or"):
    """`y = a | b`."""

    scalar = staticmethod(lambda a, b: a | b)
    reference = staticmethod(np.bitwise_or)


class BitwiseXorOp(Bitwise, name="bitwise_xor"):
    """`y = a ^ b`."""

    scalar = staticmethod(lambda a, b: a ^ b)
    reference = staticmethod(np.bitwise_xor)


class BitwiseNotOp(Unary, name="bitwise_not"):
    """`y = ~x`."""

    kinds = INTEGERS + BOOLEANS
    examples = (example((4,), dtype="i32"), example((4,), dtype="u8"), example((4,), dtype="i1"))
    scalar = staticmethod(lambda x: ~x)
    reference = staticmethod(np.invert)


class Shift(Binary):
    """Moves bits by `b >= 0`; from the type's width on, nothing of `a` but its sign is left."""

    kinds = INTEGERS
    examples = (
        example(np.array([[1, -7, 99]], np.int32), np.array([[0], [3], [31]], np.int32)),
        example(np.array([1, 200, 255], np.uint8), np.array([7, 1, 8], np.uint8)),
        example(np.array([1, -2], np.int64), np.array([64, 63], np.int64)),
    )


class ShiftLeftOp(Shift, name="shift_left"):
    """`y = a * 2**b`, wrapping."""

    scalar = staticmethod(s.shift_left)
    reference = staticmethod(np.left_shift)


class ShiftRightOp(Shift, name="shift_right"):
    """`y = floor(a / 2**b)`: the sign of a signed integer is kept."""

    scalar = staticmethod(s.shift_right)
    reference = staticmethod(np.right_shift)


class WhereOp(Elementwise, name="where"):
    """`y = condition ? a : b`.

    (C2) `a` and `b` have one element type; (C3) `condition` is i1.
    """

    condition: Operand
    a: Operand
    b: Operand
    y: Result
    examples = (
        example(np.array([True, False, True]), (2, 3), (2, 1)),
        example(np.array([[True], [False]]), (), (3,), dtype="f64"),
        example(np.array(True), (2,), (2,), dtype="bf16"),
        example(np.array([True, False]), (2,), (2,), dtype="i64"),
        example(np.array([True, False]), (2,), (2,), dtype="i1"),
    )
    scalar = staticmethod(s.where)
    reference = staticmethod(np.where)
    gradient = chain(
        lambda c, a, b, y: (None, where(c, 1, 0, like=a), where(c, 0, 1, like=a)),
    )

    @classmethod
    def check(cls, *types: TensorType, **attributes: Any) -> None:
        """Raises `UserError` where the operands' element types are not what the op takes."""
        condition, *branches = types
        super().check(*branches)  # C2
        if condition.dtype != i1:  # C3
            raise cls.error(f"condition must be i1, got {condition}", "compare or cast it to i1")

    @classmethod
    def result_dtype(cls, *types: TensorType, **attributes: Any) -> DType:
        """That of the branches."""
        return types[1].dtype


def _cast(x: np.ndarray, to: DType) -> np.ndarray:
    if not (to.is_integer and dtype(x.dtype).is_float):
        return x.astype(to.numpy)
    limits = np.iinfo(to.numpy)
    wide = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
    inside = (wide > limits.min) & (wide < limits.max)
    whole = np.where(inside, wide, 0).astype(to.numpy)
    edge = np.where(wide >= limits.max, to.numpy.type(limits.max), to.numpy.type(limits.min))
    return np.where(inside, whole, edge)


class CastOp(Unary, name="cast"):
    """`x` as element type `to`. A float becomes an integer by truncation, out of range the nearest
    one, and 0 from NaN; an integer wraps; anything becomes i1 as `x != 0`."""

    kinds = NUMBERS + BOOLEANS
    to: Element
    examples = (
        *(example((2, 3), dtype=d.name, to=to) for d in DTYPES.values() for to in ("f32", "i32")),
        *(example((5,), dtype="f32", to=to, gradient=False) for to in DTYPES),
        example((3,), dtype="f32", to="f64"),
        example((3,), dtype="f64", to="f16", gradient=False),
        example((3,), dtype="bf16", to="f16", gradient=False),
        example(array([1e9, -1e9, 127.9, -128.9, np.nan, -np.inf]), to="i8", gradient=False),
        example(array([1e30, -1e30, -0.9, 4e9], "f64"), to="u32", gradient=False),
        example(np.array([300, -1, 65], np.int32), to="u8", gradient=False),
    )
    reference = staticmethod(_cast)

    @classmethod
    def result_dtype(cls, *types: TensorType, **attributes: Any) -> DType:
        """`to`."""
        return dtype(attributes["to"])

    @staticmethod
    def scalar(x: s.Scalar, to: DType) -> s.Scalar:
        """The scalar in the other type."""
        return s.cast(x, to)

    def gradient(self, grad: Any) -> Any:
        """`dx = g` as the type of `x`; none from or to integers."""
        source = type_of(self.x).dtype
        if not (source.is_float and dtype(self.to).is_float):
            return None
        return Expression(grad).cast(source).value


def clip_bounds(d: DType, low: float, high: float) -> tuple[float, float]:
    """The bounds in the element type: whole numbers for integers, infinite if they cannot bind."""
    if d.is_float:
        return low, high
    limits = np.iinfo(d.numpy)
    below = -math.inf if low <= limits.min else min(math.ceil(low), limits.max)
    above = math.inf if high >= limits.max else max(math.floor(high), limits.min)
    return below, above


def _clip(x: np.ndarray, low: float, high: float) -> np.ndarray:
    low, high = clip_bounds(dtype(x.dtype), low, high)
    y = x if low == -math.inf else np.maximum(x, typed(low, x))
    return y if high == math.inf else np.minimum(y, typed(high, x))


def _clip_example(*shape: int, low: float, high: float, **options: Any) -> Example:
    return replace(example(shape, **options), attributes={"low": low, "high": high})


class ClipOp(Unary, name="clip"):
    """`y = min(max(x, low), high)`; integers take the whole numbers within; NaN stays."""

    low: Float
    high: Float
    examples = (
        _clip_example(2, 3, low=-1, high=0.5),
        _clip_example(4, low=0, high=math.inf, dtype="f64"),
        _clip_example(4, low=-math.inf, high=1, dtype="f16"),
        _clip_example(4, low=0, high=6, dtype="bf16"),
        _clip_example(9, low=-1.5, high=1.5, dtype="i32"),
        _clip_example(9, low=-4, high=1, dtype="u8"),
    )
    reference = staticmethod(widely(_clip))

    @staticmethod
    def scalar(x: s.Scalar, low: float, high: float) -> s.Scalar:
        """Only the bounds that can bind are compared with."""
        low, high = clip_bounds(x.dtype, low, high)
        x = x if low == -math.inf else s.maximum(x, low)
        return x if high == math.inf else s.minimum(x, high)

    gradient = chain(lambda x, y, low, high: where((x >= low) & (x <= high), 1, 0, like=x))


class IsNanOp(Unary, name="is_nan"):
    """True where `x` is not a number."""

    kinds = FLOATS
    examples = (
        example(array([[1, np.nan], [np.inf, -np.nan]])),
        example(array([1, np.nan], "f16")),
        example((2, 3), dtype="f64"),
    )
    scalar = staticmethod(s.is_nan)
    reference = staticmethod(np.isnan)

    @classmethod
    def result_dtype(cls, *types: TensorType, **attributes: Any) -> DType:
        """i1."""
        return i1


_INFINITIES = array([1, np.inf, -np.inf, np.nan])


class IsInfOp(Unary, name="is_inf"):
    """True where `x` is infinite, of the signs that are to be detected."""

    kinds = FLOATS
    detect_negative: Bool = True
    detect_positive: Bool = True
    examples = (
        example(_INFINITIES),
        example(_INFINITIES, detect_negative=False),
        example(_INFINITIES.astype(np.float16), detect_positive=False),
        example(_INFINITIES.astype(np.float64), detect_positive=False, detect_negative=False),
    )

    @staticmethod
    def reference(x: np.ndarray, detect_negative: bool, detect_positive: bool) -> np.ndarray:
        """Compares with the infinities."""
        negative = (x == -np.inf) & detect_negative
        return negative | ((x == np.inf) & detect_positive)

    @staticmethod
    def scalar(x: s.Scalar, detect_negative: bool, detect_positive: bool) -> s.Scalar:
        """Compares with the infinities."""
        found = s.constant(0, s.is_nan(x))
        found = found | x.equal(-math.inf) if detect_negative else found
        return found | x.equal(math.inf) if detect_positive else found

    @classmethod
    def result_dtype(cls, *types: TensorType, **attributes: Any) -> DType:
        """i1."""
        return i1
