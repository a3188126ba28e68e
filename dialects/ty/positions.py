"""Reductions to a position, and running sums along one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.axes import checked_axis, kept_shape
from tyc.dialects.ods import Bool, Int, Op, Operand, Result, example
from tyc.dialects.references import array, widely
from tyc.dialects.ty.elementwise import NUMBERS
from tyc.dialects.types import TensorType, i64

_TIES = array([[1, 3, 3, 2], [5, 5, 1, 5], [np.nan, 1, np.nan, 2]])
_POSITION_EXAMPLES = (
    example((2, 3, 4), axis=1),
    example((2, 3), axis=-1, keepdims=True, dtype="f64"),
    example(_TIES, axis=1),
    example(_TIES, axis=1, last=True),
    example(-_TIES, axis=0),
    example(np.full((2, 3), -np.inf, np.float32), axis=1),
    example((4, 5), axis=0, dtype="f16"),
    example((4, 5), axis=0, dtype="bf16", last=True),
    example((9,), axis=0, dtype="i32"),
    example((3, 9), axis=1, dtype="u8", high=255, last=True),
    example((1, 1), axis=0, dtype="i64"),
)


class Position(Op):
    """The index along `axis` of the extreme; the first of equal ones, with `last` the last.

    NaN is more extreme than any number. (C1) `axis` is a dimension of `x`; (C2) it is not empty;
    (C3) the element type is a number.
    """

    x: Operand
    axis: Int
    keepdims: Bool = False
    last: Bool = False
    y: Result
    examples = _POSITION_EXAMPLES

    @classmethod
    def infer(cls, x: TensorType, axis: int, keepdims: bool, last: bool) -> TensorType:
        """The shape without `axis`, i64."""
        axis = checked_axis(cls, axis, x.rank)  # C1
        if x.shape[axis] == 0:  # C2
            raise cls.error(f"axis {axis} must not be empty, got {x}")
        if x.dtype.kind not in NUMBERS:  # C3
            raise cls.error(f"element type must be a number, got {x}", "cast it")
        return TensorType(kept_shape(x.shape, [axis], keepdims), i64)


def _position(function: Callable) -> Callable:
    def reference(x: np.ndarray, axis: int, keepdims: bool, last: bool) -> np.ndarray:
        if last:
            return x.shape[axis] - 1 - function(np.flip(x, axis), axis=axis, keepdims=keepdims)
        return function(x, axis=axis, keepdims=keepdims)

    return staticmethod(widely(reference))


class ArgmaxOp(Position, name="argmax"):
    """The index of the largest along `axis`."""

    reference = _position(np.argmax)


class ArgminOp(Position, name="argmin"):
    """The index of the smallest along `axis`."""

    reference = _position(np.argmin)


class CumulativeSumOp(Op, name="cumulative_sum"):
    """Running sums along `axis`: `y[k] = x[0] + ... + x[k]`.

    `exclusive` leaves out `x[k]`; `reverse` sums from the end. 16-bit floats are summed in f32.
    (C1) `axis` is a dimension of `x`; (C2) the element type is a number.
    """

    x: Operand
    axis: Int
    exclusive: Bool = False
    reverse: Bool = False
    y: Result
    examples = (
        example((2, 5), axis=1),
        example((3, 4, 2), axis=-2, reverse=True, dtype="f64"),
        example((2, 5), axis=0, exclusive=True),
        example((6,), axis=0, exclusive=True, reverse=True, dtype="i32"),
        example((6,), axis=0, dtype="f16"),
        example((2, 6), axis=1, dtype="bf16"),
        example((1, 1), axis=0, dtype="u8"),
        example((0, 2), axis=0),
    )

    @classmethod
    def infer(cls, x: TensorType, axis: int, exclusive: bool, reverse: bool) -> TensorType:
        """The type of `x`."""
        checked_axis(cls, axis, x.rank)  # C1
        if x.dtype.kind not in NUMBERS:  # C2
            raise cls.error(f"element type must be a number, got {x}", "cast it")
        return x

    @staticmethod
    @widely
    def reference(x: np.ndarray, axis: int, exclusive: bool, reverse: bool) -> np.ndarray:
        """`numpy.cumsum`, turned round and shifted."""
        x = np.flip(x, axis) if reverse else x
        y = np.cumsum(x, axis, dtype=x.dtype)
        y = y - x if exclusive else y
        return np.flip(y, axis) if reverse else y

    def gradient(self, grad: ir.Value) -> Any:
        """`dx[k]` = the sum of `g` over all sums that took `x[k]` in: the other way round."""
        return ty.cumulative_sum(
            grad, axis=self.axis, exclusive=self.exclusive, reverse=not self.reverse
        )
