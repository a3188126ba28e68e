"""Means and variances, and the gradients of what is normalised by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.axes import checked_axes, kept_shape, normalized
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, apply, widened
from tyc.dialects.ods import Bool, Composite, Int, Ints, Operand, Result, example
from tyc.dialects.references import widely
from tyc.dialects.types import TensorType


class MomentsOp(Composite, name="moments"):
    """`mean[i] = sum(x[i, j]) / n`, `variance[i] = sum((x[i, j] - mean[i])**2) / n` over `axes`.

    (C1) `x` is a float; (C2) `axes` are different dimensions of `x`.
    """

    x: Operand
    axes: Ints
    keepdims: Bool = False
    mean: Result
    variance: Result
    examples = (
        example((2, 3, 4), axes=[1]),
        example((2, 3, 4), axes=[-1, 0], keepdims=True),
        example((4, 3), axes=[0, 1], dtype="f64"),
        example((3, 7), axes=[1], keepdims=True, dtype="f16"),
        example((3, 7), axes=[0], dtype="bf16"),
    )

    @classmethod
    def infer(cls, x: TensorType, axes: Sequence[int], keepdims: bool) -> list[TensorType]:
        """The shape without `axes`, or with size 1 there, twice."""
        if not x.dtype.is_float:  # C1
            raise cls.error(f"element type must be a float, got {x}", "cast it")
        found = checked_axes(cls, axes, x.rank)  # C2
        return [TensorType(kept_shape(x.shape, found, keepdims), x.dtype)] * 2

    @staticmethod
    @widely
    def reference(x: np.ndarray, axes: Sequence[int], keepdims: bool) -> list[np.ndarray]:
        """The formula."""
        mean = x.mean(tuple(axes), keepdims=True)
        spread = np.square(x - mean).mean(tuple(axes), keepdims=keepdims)
        return [np.asarray(x.mean(tuple(axes), keepdims=keepdims)), np.asarray(spread)]

    @staticmethod
    @widened
    def expand(x: ir.Value, axes: Sequence[int], keepdims: bool) -> list[ir.Value]:
        """The formula."""
        mean = ty.reduce_mean(x, axes=axes, keepdims=True)
        squares = ty.square(ty.subtract(x, mean))
        shape = list(kept_shape(type_of(x).shape, axes, keepdims))
        mean = mean if keepdims else ty.reshape(mean, shape=shape)
        return [mean, ty.reduce_mean(squares, axes=axes, keepdims=keepdims)]

    def gradient(self, mean_grad: ir.Value | None, variance_grad: ir.Value | None) -> ir.Value:
        """`dx = gm / n + gv * 2 / n * (x - mean)`: the deviations add up to nothing."""
        x, shape = type_of(self.x), kept_shape(type_of(self.x).shape, self.axes, True)

        def spread(value: ir.Value) -> Expression:
            same = type_of(value).shape == shape
            return Expression(value if same else ty.reshape(value, shape=list(shape)))

        share = max(type_of(self.mean).size, 1) / max(x.size, 1)
        total = None
        if variance_grad is not None:
            deviation = Expression(self.x) - spread(self.mean)
            total = spread(variance_grad) * (2 * share) * deviation
        if mean_grad is not None:
            even = spread(mean_grad) * share
            total = even if total is None else total + even
        assert total is not None
        return ty.broadcast_to(total.value, shape=list(x.shape))


class SoftmaxGradientOp(Composite, name="softmax_gradient"):
    """`dx = y * (g - sum(g * y))` along `axis`: the gradient of `softmax`, from its result.

    (C1) `y` and `grad` are floats of one type; (C2) `axis` is a dimension.
    """

    y: Operand
    grad: Operand
    axis: Int = -1
    dx: Result
    examples = (
        example((2, 5), (2, 5)),
        example((2, 3, 4), (2, 3, 4), axis=1, dtype="f64"),
        example((3, 9), (3, 9), axis=0, dtype="f16"),
    )

    @classmethod
    def infer(cls, y: TensorType, grad: TensorType, axis: int) -> TensorType:
        """The type of `y`."""
        if not y.dtype.is_float or y != grad:  # C1
            raise cls.error(f"y and grad must be floats of one type, got {y} and {grad}")
        checked_axes(cls, [axis], y.rank)  # C2
        return y

    @staticmethod
    @widely
    def reference(y: np.ndarray, grad: np.ndarray, axis: int) -> np.ndarray:
        """The formula."""
        return y * (grad - (grad * y).sum(axis, keepdims=True))

    @staticmethod
    @widened
    def expand(y: ir.Value, grad: ir.Value, axis: int) -> ir.Value:
        """The formula."""
        g, p = Expression(grad), Expression(y)
        total = ty.reduce_sum((g * p).value, axes=[axis], keepdims=True)
        return (p * (g - Expression(total))).value


class NormalizeGradientOp(Composite, name="normalize_gradient"):
    """`dx = r * (g - mean(g) - h * mean(g * h))`, `h = (x - m) * r`, over dimensions from `axis`.

    It is the gradient of `h` by `x` where `m` is the mean of `x` and `r = 1 / sqrt(variance + e)`.
    (C1) all are floats of one type, `x` and `grad` of one shape; (C2) `axis` is a dimension;
    (C3) `mean` and `rstd` have size 1 from `axis` on.
    """

    x: Operand
    grad: Operand
    mean: Operand
    rstd: Operand
    axis: Int = -1
    dx: Result
    examples = (
        example((2, 5), (2, 5), (2, 1), (2, 1)),
        example((2, 3, 4), (2, 3, 4), (2, 1, 1), (2, 1, 1), axis=1, dtype="f64"),
        example((3, 6), (3, 6), (3, 1), (3, 1), dtype="f16"),
    )

    @classmethod
    def infer(
        cls, x: TensorType, grad: TensorType, mean: TensorType, rstd: TensorType, axis: int
    ) -> TensorType:
        """The type of `x`."""
        got = ", ".join(map(str, (x, grad, mean, rstd)))
        if not x.dtype.is_float or x != grad or {mean.dtype, rstd.dtype} != {x.dtype}:  # C1
            raise cls.error(f"operands must be floats, x and grad of one type, got {got}")
        (first,) = checked_axes(cls, [axis], x.rank)  # C2
        wanted = kept_shape(x.shape, range(first, x.rank), True)
        if mean.shape != wanted or rstd.shape != wanted:  # C3
            raise cls.error(f"mean and rstd must have shape {list(wanted)}, got {got}")
        return x

    @staticmethod
    @widely
    def reference(
        x: np.ndarray, grad: np.ndarray, mean: np.ndarray, rstd: np.ndarray, axis: int
    ) -> np.ndarray:
        """The formula."""
        axes = tuple(range(normalized(axis, x.ndim), x.ndim))
        h = (x - mean) * rstd
        along = (grad * h).mean(axes, keepdims=True)
        return rstd * (grad - grad.mean(axes, keepdims=True) - h * along)

    @staticmethod
    @widened
    def expand(x: Any, grad: Any, mean: Any, rstd: Any, axis: int) -> ir.Value:
        """The formula."""
        rank = type_of(x).rank
        axes = list(range(normalized(axis, rank), rank))
        g, r = Expression(grad), Expression(rstd)
        h = (Expression(x) - Expression(mean)) * r

        def row_mean(v: Expression) -> Expression:
            return Expression(ty.reduce_mean(v.value, axes=axes, keepdims=True))

        return (r * (g - row_mean(g) - h * row_mean(g * h))).value


def normalized_rows(x: ir.Value, axis: int, epsilon: float) -> tuple[Expression, Expression]:
    """The means and `1 / sqrt(variance + epsilon)` over the dimensions from `axis`."""
    rank = type_of(x).rank
    axes = list(range(normalized(axis, rank), rank))
    mean, variance = ty.moments(x, axes=axes, keepdims=True)
    return Expression(mean), apply("rsqrt", Expression(variance) + epsilon)
