"""Normalisations: composites that stay whole until a pass expands them; 16-bit floats by f32.

`infer` of all: the result has the type of `x`, which is a float; other operands have its element
type and broadcast to where they are used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.axes import checked_axis, normalized
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, apply, widened
from tyc.dialects.ods import Composite, Float, Int, Operand, OptionalOperand, Result, example
from tyc.dialects.references import array, typed, widely
from tyc.dialects.ty.movement import sum_to
from tyc.dialects.ty.statistics import normalized_rows
from tyc.dialects.types import TensorType


class Normalization(Composite):
    """A composite of floats with the result type of its first operand.

    (C1) the element type is a float; (C2) all operands have one element type; (C3) `axis`, where
    there is one, is a dimension of `x`; (C4) the other operands broadcast as the formula says.
    """

    @classmethod
    def infer(cls, x: TensorType, *others: TensorType | None, **attributes: Any) -> TensorType:
        """The type of `x`."""
        if not x.dtype.is_float:  # C1
            raise cls.error(f"element type must be a float, got {x}", "cast it")
        given = [t for t in others if t is not None]
        if any(t.dtype != x.dtype for t in given):  # C2
            got = ", ".join(map(str, (x, *given)))
            raise cls.error(f"operands must have one element type, got {got}", "cast one of them")
        if "axis" in attributes:
            checked_axis(cls, attributes["axis"], x.rank)  # C3
        for t in given:
            wanted = cls.operand_shape(x, **attributes)
            if not _broadcasts(t.shape, wanted):  # C4
                raise cls.error(f"an operand must broadcast to {list(wanted)}, got {t}")
        return x

    @classmethod
    def operand_shape(cls, x: TensorType, **attributes: Any) -> tuple[int, ...]:
        """The shape to which the other operands broadcast: that of the normalised dimensions."""
        return x.shape[normalized(attributes.get("axis", 0), x.rank) :]


def _broadcasts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) <= len(wanted) and all(
        a in (1, b) for a, b in zip(reversed(shape), reversed(wanted))
    )


def centered(x: Expression, axes: list[int], epsilon: float) -> Expression:
    """`(x - mean) / sqrt(variance + epsilon)` over `axes`."""
    mean = Expression(ty.reduce_mean(x.value, axes=axes, keepdims=True))
    centered = x - mean
    squares = apply("square", centered)
    variance = Expression(ty.reduce_mean(squares.value, axes=axes, keepdims=True))
    return centered * apply("rsqrt", variance + epsilon)


def centered_array(x: np.ndarray, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    """`(x - mean) / sqrt(variance + epsilon)` over `axes`."""
    mean = x.mean(axes, keepdims=True)
    variance = np.square(x - mean).mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + typed(epsilon, x))


def scaled(x: Any, scale: Any, bias: Any) -> Any:
    """`x * scale + bias`, of what is there: arrays or expressions."""
    x = x if scale is None else x * scale
    return x if bias is None else x + bias


SOFTMAX_EXAMPLES = (
    example((2, 5)),
    example((2, 3, 4), axis=1),
    example((3, 1), axis=-1, dtype="f64"),
    example((2, 9), dtype="f16"),
    example((9,), axis=0, dtype="bf16"),
    example(array([[200, -200, 199], [-1e30, -1e30, -1e30]]), gradient=False),
)


class SoftmaxOp(Normalization, name="softmax"):
    """`y = e**x / sum(e**x)` along `axis`, with the largest `x` taken out."""

    x: Operand
    axis: Int = -1
    y: Result
    examples = SOFTMAX_EXAMPLES

    @staticmethod
    @widely
    def reference(x: np.ndarray, axis: int) -> np.ndarray:
        """The formula."""
        e = np.exp(x - x.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)

    @staticmethod
    @widened
    def expand(x: ir.Value, axis: int) -> ir.Value:
        """The formula."""
        top = Expression(ty.reduce_max(x, axes=[axis], keepdims=True))
        e = apply("exp", Expression(x) - top)
        return (e / Expression(ty.reduce_sum(e.value, axes=[axis], keepdims=True))).value

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = y * (g - sum(g * y))`."""
        return ty.softmax_gradient(self.y, grad, axis=self.axis)


class LogSoftmaxOp(Normalization, name="log_softmax"):
    """`y = x - log(sum(e**x))` along `axis`, with the largest `x` taken out."""

    x: Operand
    axis: Int = -1
    y: Result
    examples = SOFTMAX_EXAMPLES

    @staticmethod
    @widely
    def reference(x: np.ndarray, axis: int) -> np.ndarray:
        """The formula."""
        x = x - x.max(axis, keepdims=True)
        return x - np.log(np.exp(x).sum(axis, keepdims=True))

    @staticmethod
    @widened
    def expand(x: ir.Value, axis: int) -> ir.Value:
        """The formula."""
        top = Expression(ty.reduce_max(x, axes=[axis], keepdims=True))
        centered = Expression(x) - top
        e = apply("exp", centered)
        total = Expression(ty.reduce_sum(e.value, axes=[axis], keepdims=True))
        return (centered - apply("log", total)).value

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = g - e**y * sum(g)`."""
        total = ty.reduce_sum(grad, axes=[self.axis], keepdims=True)
        y = Expression(self.y)
        return (Expression(grad) - apply("exp", y) * Expression(total)).value


class LayerNormOp(Normalization, name="layer_norm"):
    """`y = (x - mean) / sqrt(variance + epsilon) * scale + bias` over dimensions from `axis`."""

    x: Operand
    scale: OptionalOperand
    bias: OptionalOperand
    axis: Int = -1
    epsilon: Float = 1e-5
    y: Result
    examples = (
        example((2, 5), (5,), (5,)),
        example((2, 3, 4), (3, 4), None, axis=1),
        example((2, 3, 4), (4,), (3, 4), axis=-2, dtype="f64", epsilon=0.1),
        example((3, 6), None, None, dtype="f16"),
        example((3, 6), (6,), (6,), dtype="bf16"),
    )

    @staticmethod
    @widely
    def reference(x: Any, scale: Any, bias: Any, axis: int, epsilon: float) -> np.ndarray:
        """The formula."""
        axes = tuple(range(normalized(axis, x.ndim), x.ndim))
        return scaled(centered_array(x, axes, epsilon), scale, bias)

    @staticmethod
    @widened
    def expand(x: Any, scale: Any, bias: Any, axis: int, epsilon: float) -> ir.Value:
        """The formula."""
        rank = type_of(x).rank
        axes = list(range(normalized(axis, rank), rank))
        return affine(centered(Expression(x), axes, epsilon), scale, bias)

    def gradient(self, grad: ir.Value) -> tuple[ir.Value | None, ...]:
        """With `h = (x - mean) * r`: `dscale = sum(g * h)`, `dbias = sum(g)`, and `dx` is that of
        `h` by `g * scale`."""
        mean, r = normalized_rows(self.x, self.axis, self.epsilon)
        g = Expression(grad)
        inner = g if self.scale is None else g * Expression(self.scale)
        dx = ty.normalize_gradient(self.x, inner.value, mean.value, r.value, axis=self.axis)
        if self.scale is None:
            return dx, None, None if self.bias is None else sum_to(grad, _shape(self.bias))
        along = g * ((Expression(self.x) - mean) * r)
        dscale = sum_to(along.value, _shape(self.scale))
        return dx, dscale, None if self.bias is None else sum_to(grad, _shape(self.bias))


def _shape(value: ir.Value) -> tuple[int, ...]:
    return type_of(value).shape


def affine(x: Expression, scale: ir.Value | None, bias: ir.Value | None) -> ir.Value:
    """`x * scale + bias`, of what is there."""
    factors = [None if v is None else Expression(v) for v in (scale, bias)]
    return scaled(x, *factors).value


class RmsNormOp(Normalization, name="rms_norm"):
    """`y = x / sqrt(mean(x**2) + epsilon) * scale` over the dimensions from `axis`."""

    x: Operand
    scale: OptionalOperand
    axis: Int = -1
    epsilon: Float = 1e-5
    y: Result
    examples = (
        example((2, 5), (5,)),
        example((2, 3, 4), (3, 4), axis=1, dtype="f64"),
        example((3, 6), None, dtype="f16"),
        example((3, 6), (6,), dtype="bf16", epsilon=0.1),
    )

    @staticmethod
    @widely
    def reference(x: Any, scale: Any, axis: int, epsilon: float) -> np.ndarray:
        """The formula."""
        axes = tuple(range(normalized(axis, x.ndim), x.ndim))
        square = np.square(x).mean(axes, keepdims=True)
        return scaled(x / np.sqrt(square + typed(epsilon, x)), scale, None)

    @staticmethod
    @widened
    def expand(x: Any, scale: Any, axis: int, epsilon: float) -> ir.Value:
        """The formula."""
        rank = type_of(x).rank
        axes = list(range(normalized(axis, rank), rank))
        mean = Expression(ty.reduce_mean(ty.square(x), axes=axes, keepdims=True))
        return affine(Expression(x) * apply("rsqrt", mean + epsilon), scale, None)


class LpNormalizeOp(Normalization, name="lp_normalize"):
    """`y = x / sum(|x|**p)**(1 / p)` along `axis`, 0 where that sum is.

    (C5) `p` is 1 or 2.
    """

    x: Operand
    axis: Int = -1
    p: Int = 2
    y: Result
    examples = (
        example((2, 5)),
        example((2, 3, 4), axis=1, p=1, dtype="f64"),
        example((9,), dtype="f16"),
        example(np.zeros((2, 3), np.float32), gradient=False),
    )

    @classmethod
    def infer(cls, x: TensorType, *others: Any, **attributes: Any) -> TensorType:
        """The type of `x`."""
        if attributes["p"] not in (1, 2):  # C5
            raise cls.error(f"p must be 1 or 2, got {attributes['p']}")
        return super().infer(x, *others, **attributes)

    @staticmethod
    @widely
    def reference(x: np.ndarray, axis: int, p: int) -> np.ndarray:
        """The formula."""
        norm = np.abs(x).sum(axis, keepdims=True)
        if p == 2:
            norm = np.sqrt(np.square(x).sum(axis, keepdims=True))
        return np.where(norm == 0, typed(0, x), x / norm)

    @staticmethod
    @widened
    def expand(x: ir.Value, axis: int, p: int) -> ir.Value:
        """The formula."""
        reduce = ty.reduce_l1 if p == 1 else ty.reduce_l2
        norm = Expression(reduce(x, axes=[axis], keepdims=True))
        # A norm of zero means x = 0, and 0 / 1 is what we want.
        safe = ty.where(norm.equal(0).value, ty.full((), 1, type_of(x).dtype), norm.value)
        return (Expression(x) / Expression(safe)).value


class LocalResponseNormOp(Normalization, name="local_response_norm"):
    """`y = x / (bias + alpha / size * s)**beta`, `s` the sum of `x**2` over `size` channels around.

    Channel `c` sums from `c - (size - 1) // 2` to `c + size // 2`. (C5) `x` has rank 2 or more.
    """

    x: Operand
    size: Int
    alpha: Float = 1e-4
    beta: Float = 0.75
    bias: Float = 1.0
    y: Result
    examples = (
        example((2, 5, 3), size=3, alpha=0.1),
        example((1, 4, 2, 2), size=2, alpha=0.5, beta=0.5, bias=2.0, dtype="f64"),
        example((1, 4), size=5, dtype="f16"),
    )

    @classmethod
    def infer(cls, x: TensorType, *others: Any, **attributes: Any) -> TensorType:
        """The type of `x`."""
        if x.rank < 2:  # C5
            raise cls.error(f"x must have rank 2 or more, got {x}")
        return super().infer(x, *others, **attributes)

    @staticmethod
    @widely
    def reference(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
        """The formula."""
        sums = np.zeros_like(x)
        for c in range(x.shape[1]):
            near = x[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1]
            sums[:, c] = np.square(near).sum(1)
        return x / np.power(typed(bias, x) + typed(alpha / size, x) * sums, typed(beta, x))

    @staticmethod
    @widened
    def expand(x: ir.Value, size: int, alpha: float, beta: float, bias: float) -> ir.Value:
        """The formula, the sum as one of `size` shifted slices."""
        shape = list(type_of(x).shape)
        before = (size - 1) // 2
        low, high = ([n if d == 1 else 0 for d in range(len(shape))] for n in (before, size // 2))
        padded = ty.pad(ty.square(x), low=low, high=high)
        total = None
        for k in range(size):
            starts = [k if d == 1 else 0 for d in range(len(shape))]
            part = Expression(ty.slice(padded, starts=starts, sizes=shape, steps=[1] * len(shape)))
            total = part if total is None else total + part
        assert total is not None
        base = total * (alpha / size) + bias
        return (Expression(x) / apply("power", base, beta)).value
