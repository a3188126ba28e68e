"""Reductions over `axes`: sums, products, extremes, and what follows from them.

16-bit floats are summed in f32 and rounded once. An empty `axes` reduces nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.axes import checked_axes, kept_shape
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, apply, where
from tyc.dialects.ods import Bool, Composite, Ints, Op, Operand, Result, example
from tyc.dialects.references import array, widely
from tyc.dialects.ty.elementwise import FLOATS, NUMBERS
from tyc.dialects.types import TensorType

REDUCTION_EXAMPLES = (
    example((2, 3, 4), axes=[1]),
    example((2, 3, 4), axes=[-1, 0], keepdims=True),
    example((4, 3), axes=[0, 1], dtype="f64"),
    example((3, 7), axes=[1], keepdims=True, dtype="f16"),
    example((3, 7), axes=[0], dtype="bf16"),
    example((2, 3), axes=[]),
    example((), axes=[]),
    example((1, 5), axes=[0]),
)
INTEGER_EXAMPLES = (
    example((2, 5), axes=[1], dtype="i32", low=-9, high=9),
    example((2, 5), axes=[0], dtype="i8", low=-9, high=9, keepdims=True),
    example((7,), axes=[0], dtype="u8", high=9),
    example((3, 2), axes=[0, 1], dtype="i64", low=-9, high=9),
)
EMPTY_EXAMPLES = (example((0, 3), axes=[0]), example((2, 0), axes=[0]))


class Reduction(Op):
    """`y[i] = f over j of x[i, j]`, where `j` runs over `axes`.

    `keepdims` leaves them with size 1. (C1) `axes` are different dimensions of `x`; (C2) the
    element type is of one of `kinds`.
    """

    x: Operand
    axes: Ints
    keepdims: Bool = False
    y: Result
    kinds: ClassVar[tuple[str, ...]] = NUMBERS

    @classmethod
    def infer(cls, x: TensorType, axes: Sequence[int], keepdims: bool) -> TensorType:
        """The shape without `axes` and the element type of `x`."""
        found = checked_axes(cls, axes, x.rank)  # C1
        if x.dtype.kind not in cls.kinds:  # C2
            allowed = ", ".join(cls.kinds)
            raise cls.error(f"element type must be of kind {allowed}, got {x}", "cast it")
        return TensorType(kept_shape(x.shape, found, keepdims), x.dtype)


def restore(self: Any, value: ir.Value) -> ir.Value:
    """`value`, which has the shape of the result `y`, with size 1 at the reduced axes."""
    shape = kept_shape(type_of(self.x).shape, self.axes, True)
    return value if type_of(value).shape == shape else ty.reshape(value, shape=list(shape))


def _reference(function: Callable, **options: Any) -> Callable:
    """The NumPy reduction in the type of `x`, or in f32 for 16-bit floats."""

    def reference(x: np.ndarray, axes: Sequence[int], keepdims: bool) -> np.ndarray:
        y = function(x, axis=tuple(axes), keepdims=keepdims, **options)
        return np.asarray(y).astype(x.dtype)

    return staticmethod(widely(reference))


class ReduceSumOp(Reduction, name="reduce_sum"):
    """The sum over `axes`."""

    examples = (*REDUCTION_EXAMPLES, *INTEGER_EXAMPLES, *EMPTY_EXAMPLES)
    reference = _reference(np.sum)

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx[i, j] = g[i]`."""
        return ty.broadcast_to(restore(self, grad), shape=list(type_of(self.x).shape))


class ReduceSumAddOp(Op, name="reduce_sum_add"):
    """Rows onto a row: `y = c + x[0] + x[1]` and so on, added in this order.

    With the rows in pieces, `c` the result of the piece before, the sum is that of all rows. 16-bit
    floats are summed in f32.

    (C1) `x` holds numbers; (C2) `c` has the type of a row of `x`.
    """

    x: Operand
    c: Operand
    y: Result
    examples = (
        example((3, 4), (4,)),
        example((5, 70), (70,), dtype="f64"),
        example((3, 2, 3), (2, 3), dtype="f16"),
        example((4,), (), dtype="i32", low=-9, high=9),
    )

    @classmethod
    def infer(cls, x: TensorType, c: TensorType) -> TensorType:
        """The type of `c`."""
        if x.dtype.kind not in NUMBERS:  # C1
            raise cls.error(f"x must hold numbers, got {x}")
        if not x.rank or c != TensorType(x.shape[1:], x.dtype):  # C2
            raise cls.error(f"c must have the type of a row of x, got {c} for {x}")
        return c

    @staticmethod
    @widely
    def reference(x: np.ndarray, c: np.ndarray) -> np.ndarray:
        """`c + x.sum(0)`."""
        return np.asarray(c + x.sum(0, dtype=x.dtype))

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, ir.Value]:
        """`dx[i] = g`, `dc = g`."""
        return ty.broadcast_to(grad, shape=list(type_of(self.x).shape)), grad


def _mean(x: np.ndarray, axis: Any, keepdims: bool) -> np.ndarray:
    total = np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
    count = x.size // max(total.size, 1)
    return total / count if x.dtype.kind == "f" else np.trunc(total / count)


class ReduceMeanOp(Reduction, name="reduce_mean"):
    """The sum over `axes` divided by the number of elements; of integers rounded towards zero."""

    examples = (*REDUCTION_EXAMPLES, *INTEGER_EXAMPLES)
    reference = _reference(_mean)

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx[i, j] = g[i] / n`."""
        x = type_of(self.x)
        share = Expression(grad) * (max(type_of(grad).size, 1) / max(x.size, 1))
        return ty.broadcast_to(restore(self, share.value), shape=list(x.shape))


def _extreme_gradient(self: Any, grad: ir.Value) -> ir.Value:
    """`dx[i, j] = g[i] / ties` where `x[i, j] = y[i]`, else 0."""
    x, y = Expression(self.x), Expression(restore(self, self.y))
    hit = where(x.equal(y), 1, 0, like=x)
    ties = ty.reduce_sum(hit.value, axes=list(self.axes), keepdims=True)
    return (hit * (Expression(restore(self, grad)) / Expression(ties))).value


def _limit(x: np.ndarray, sign: int) -> Any:
    """The neutral value of max (`sign=-1`) or min (`sign=1`)."""
    if x.dtype.kind not in "iu":
        return sign * np.inf
    return np.iinfo(x.dtype).min if sign < 0 else np.iinfo(x.dtype).max


def _extreme(function: Callable, sign: int) -> Callable:
    return _reference(lambda x, **options: function(x, initial=_limit(x, sign), **options))


NAN = np.array([[1, np.nan, 3], [-np.inf, 2, -5]], np.float32)


class ReduceMaxOp(Reduction, name="reduce_max"):
    """The largest over `axes`; NaN where one is; of none the least value there is."""

    examples = (
        *REDUCTION_EXAMPLES,
        *INTEGER_EXAMPLES,
        *EMPTY_EXAMPLES,
        example(NAN, axes=[1], gradient=False),
        example(np.array([[-7, -9]], np.int16), axes=[1]),
    )
    reference = _extreme(np.max, -1)
    gradient = _extreme_gradient


class ReduceMinOp(Reduction, name="reduce_min"):
    """The smallest over `axes`; NaN where one is; of none the largest value there is."""

    examples = (
        *REDUCTION_EXAMPLES,
        *INTEGER_EXAMPLES,
        *EMPTY_EXAMPLES,
        example(NAN, axes=[1], gradient=False),
        example(np.array([[200, 250]], np.uint8), axes=[1]),
    )
    reference = _extreme(np.min, 1)
    gradient = _extreme_gradient


class ReduceProductOp(Reduction, name="reduce_product"):
    """The product over `axes`."""

    examples = (
        *REDUCTION_EXAMPLES,
        *INTEGER_EXAMPLES,
        *EMPTY_EXAMPLES,
        example(array([[1, 0, 3], [0, 2, 0]]), axes=[1]),
    )
    reference = _reference(np.prod)

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx[j] = g *` the product of all others, by division where there is no zero."""
        x = Expression(self.x)
        zero = x.equal(0)
        axes = list(self.axes)
        zeros = ty.reduce_sum(where(zero, 1, 0, like=x).value, axes=axes, keepdims=True)
        filled = where(zero, 1, x, like=x)
        rest = Expression(ty.reduce_product(filled.value, axes=axes, keepdims=True)) / filled
        others = Expression(zeros) - where(zero, 1, 0, like=x)
        return (Expression(restore(self, grad)) * where(others.equal(0), rest, 0, like=x)).value


class Truth(Reduction):
    """A reduction of i1."""

    kinds = ("bool",)
    examples = (
        example((3, 4), axes=[1], dtype="i1"),
        example((3, 4), axes=[0, 1], keepdims=True, dtype="i1"),
        example(np.zeros((2, 3), bool), axes=[0]),
        example(np.ones((2, 3), bool), axes=[-1]),
        example((0, 2), axes=[0], dtype="i1"),
    )


class ReduceAnyOp(Truth, name="reduce_any"):
    """True where one over `axes` is."""

    reference = _reference(np.any)


class ReduceAllOp(Truth, name="reduce_all"):
    """True where all over `axes` are."""

    reference = _reference(np.all)


class CompositeReduction(Reduction, Composite):
    """A reduction of floats that `expand` writes in other ty ops; 16-bit floats by f32."""

    kinds = FLOATS
    examples = REDUCTION_EXAMPLES


class ReduceL1Op(CompositeReduction, name="reduce_l1"):
    """`y = sum(|x|)`."""

    kinds = NUMBERS
    examples = (*REDUCTION_EXAMPLES, *INTEGER_EXAMPLES)
    reference = _reference(lambda x, **options: np.sum(np.abs(x), **options))

    @staticmethod
    def expand(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
        """The formula."""
        return ty.reduce_sum(ty.absolute(x), axes=axes, keepdims=keepdims)


class ReduceSumSquareOp(CompositeReduction, name="reduce_sum_square"):
    """`y = sum(x**2)`."""

    kinds = NUMBERS
    examples = (*REDUCTION_EXAMPLES, *INTEGER_EXAMPLES)
    reference = _reference(lambda x, **options: np.sum(x * x, **options))

    @staticmethod
    def expand(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
        """The formula."""
        return ty.reduce_sum(ty.square(x), axes=axes, keepdims=keepdims)


class ReduceL2Op(CompositeReduction, name="reduce_l2"):
    """`y = sqrt(sum(x**2))`."""

    reference = _reference(lambda x, **options: np.sqrt(np.sum(x * x, **options)))

    @staticmethod
    def expand(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
        """The formula."""
        return ty.sqrt(ty.reduce_sum(ty.square(x), axes=axes, keepdims=keepdims))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = g * x / y`, and 0 where `y` is: a subgradient, as PyTorch has it."""
        y = Expression(restore(self, self.y))
        share = Expression(restore(self, grad)) / where(y.equal(0), 1, y, like=y)
        return (Expression(self.x) * share).value


class ReduceLogSumOp(CompositeReduction, name="reduce_log_sum"):
    """`y = log(sum(x))`."""

    examples = (
        example((2, 3, 4), axes=[1], low=0.5),
        example((2, 3), axes=[-1, 0], keepdims=True, dtype="f64", low=0.5),
        example((5,), axes=[0], dtype="f16", low=0.5),
    )
    reference = _reference(lambda x, **options: np.log(np.sum(x, **options)))

    @staticmethod
    def expand(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
        """The formula."""
        return ty.log(ty.reduce_sum(x, axes=axes, keepdims=keepdims))


def _log_sum_exp(x: np.ndarray, axis: Any, keepdims: bool) -> np.ndarray:
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isinf(top), np.zeros_like(top), top)
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis)


class ReduceLogSumExpOp(CompositeReduction, name="reduce_log_sum_exp"):
    """`y = log(sum(e**x))`, with the largest `x` taken out so that nothing overflows."""

    examples = (
        *REDUCTION_EXAMPLES,
        example(array([[100, 200], [-np.inf, -np.inf]]), axes=[1], gradient=False),
    )
    reference = _reference(_log_sum_exp)

    @staticmethod
    def expand(x: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
        """The formula."""
        top = Expression(ty.reduce_max(x, axes=axes, keepdims=True))
        top = where(apply("is_inf", top), 0, top, like=top)
        terms = apply("exp", Expression(x) - top)
        total = Expression(ty.reduce_sum(terms.value, axes=axes, keepdims=True))
        y = (apply("log", total) + top).value
        shape = kept_shape(type_of(x).shape, axes, keepdims)
        return y if type_of(y).shape == shape else ty.reshape(y, shape=list(shape))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx[i, j] = e**(x[i, j] - y[i]) * g[i]`."""
        share = apply("exp", Expression(self.x) - Expression(restore(self, self.y)))
        return (share * Expression(restore(self, grad))).value
