"""Normalisations with one scale and one bias a channel: batch, instance and group norm."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, apply, widened
from tyc.dialects.ods import Float, Int, Operand, OptionalOperand, Result, example
from tyc.dialects.references import array, typed, widely
from tyc.dialects.ty.normalization import Normalization, affine, centered, centered_array, scaled
from tyc.dialects.types import TensorType, f32


def _per_channel(value: Any, rank: int, axis: int) -> Any:
    """An array or a value of shape [C] as [C, 1, ...], aligned to dimension `axis` of `rank`."""
    if value is None:
        return None
    ones = [1] * (rank - 1 - axis)
    if isinstance(value, np.ndarray):
        return value.reshape([-1, *ones])
    return ty.reshape(value, shape=[type_of(value).size, *ones])


class BatchNormOp(Normalization, name="batch_norm"):
    """`y = (x - mean) / sqrt(variance + epsilon) * scale + bias`, all four of shape [C].

    (C3) `channel_axis` is a dimension of `x`, and the four have its size.
    """

    x: Operand
    scale: Operand
    bias: Operand
    mean: Operand
    variance: Operand
    epsilon: Float = 1e-5
    channel_axis: Int = 1
    y: Result
    examples = (
        example((2, 3, 4, 2), (3,), (3,), (3,), array([0.5, 1, 2])),
        example((2, 3), (3,), (3,), (3,), array([0.5, 1, 2], "f64"), dtype="f64", epsilon=0.1),
        example((2, 4, 3), (3,), (3,), (3,), (3,), channel_axis=-1, low=0.5),
        example((2, 3, 1), (3,), (3,), (3,), (3,), dtype="f16", low=0.5),
    )

    @classmethod
    def infer(cls, x: TensorType, *others: TensorType | None, **attributes: Any) -> TensorType:
        """The type of `x`."""
        axis = attributes["channel_axis"]
        inside = -x.rank <= axis < x.rank
        if not inside or any(t.shape != (x.shape[axis],) for t in others if t):  # C3
            got = ", ".join(map(str, others))
            raise cls.error(f"operands must have the size of dimension {axis} of {x}, got {got}")
        return super().infer(x, *others, **attributes)

    @classmethod
    def operand_shape(cls, x: TensorType, **attributes: Any) -> tuple[int, ...]:
        """The size of the channel axis."""
        return (x.shape[attributes["channel_axis"]],)

    @staticmethod
    @widely
    def reference(x, scale, bias, mean, variance, epsilon, channel_axis) -> np.ndarray:
        """The formula."""
        axis = channel_axis % x.ndim
        channels = (_per_channel(v, x.ndim, axis) for v in (scale, bias, mean, variance))
        scale, bias, mean, variance = channels
        return (x - mean) / np.sqrt(variance + typed(epsilon, x)) * scale + bias

    @staticmethod
    @widened
    def expand(x, scale, bias, mean, variance, epsilon, channel_axis) -> ir.Value:
        """`x * a + (bias - mean * a)` with `a = scale / sqrt(variance + epsilon)`."""
        rank = type_of(x).rank
        a = Expression(scale) * apply("rsqrt", Expression(variance) + epsilon)
        b = Expression(bias) - Expression(mean) * a
        factors = (_per_channel(v.value, rank, channel_axis % rank) for v in (a, b))
        return affine(Expression(x), *factors)

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, ...]:
        """With `d = x - mean`, `r = 1 / sqrt(variance + epsilon)`, `t = sum(g)`, `u = sum(g * d)`:
        `dx = g * scale * r`, `dscale = u * r`, `dbias = t`, `dmean = -t * scale * r`,
        `dvariance = -u * scale * r**3 / 2`."""
        rank = type_of(self.x).rank
        axis = self.channel_axis % rank
        others = [d for d in range(rank) if d != axis]
        deviation = Expression(self.x) - Expression(_per_channel(self.mean, rank, axis))
        g, scale = Expression(grad), Expression(self.scale)
        r = apply("rsqrt", Expression(self.variance) + self.epsilon)
        factor = scale * r
        total = Expression(ty.reduce_sum(grad, axes=others))
        along = Expression(ty.reduce_sum((g * deviation).value, axes=others)) * r
        dx = g * Expression(_per_channel(factor.value, rank, axis))
        dvariance = along * factor * r * -0.5
        results = (dx, along, total, -(total * factor), dvariance)
        return tuple(v.value for v in results)


class BatchNormTrainingOp(Normalization, name="batch_norm_training"):
    """`y = (x - mean) / sqrt(variance + epsilon) * scale + bias` with the statistics of `x`.

    `mean` and `variance` (of all values of a channel, biased) are [C], as `scale` and `bias` are.
    The gradient needs `x` and the two results: sums over g and g * (x - mean), then one formula for
    each element (Ioffe and Szegedy, Batch Normalization, ICML 2015).

    (C3) `channel_axis` is a dimension of `x`; (C4) `scale` and `bias` have its size.
    """

    x: Operand
    scale: Operand
    bias: Operand
    epsilon: Float = 1e-5
    channel_axis: Int = 1
    y: Result
    mean: Result
    variance: Result
    examples = (
        example((4, 3, 3, 2), (3,), (3,)),
        example((5, 3), (3,), (3,), dtype="f64", epsilon=0.1),
        example((2, 4, 3), (3,), (3,), channel_axis=-1, dtype="f64"),
        example((3, 2, 4), (2,), (2,), dtype="f16"),
    )

    @classmethod
    def infer(cls, x: TensorType, *others: TensorType | None, **attributes: Any) -> Any:
        """The type of `x`, and twice [C]."""
        axis = attributes["channel_axis"]
        inside = -x.rank <= axis < x.rank
        if not inside or any(t.shape != (x.shape[axis],) for t in others if t):  # C3, C4
            got = ", ".join(map(str, others))
            raise cls.error(f"operands must have the size of dimension {axis} of {x}, got {got}")
        statistics = TensorType((x.shape[axis],), x.dtype)
        return [super().infer(x, *others, **attributes), statistics, statistics]

    @classmethod
    def operand_shape(cls, x: TensorType, **attributes: Any) -> tuple[int, ...]:
        """The size of the channel axis."""
        return (x.shape[attributes["channel_axis"]],)

    @staticmethod
    def reference(x, scale, bias, epsilon, channel_axis) -> list[np.ndarray]:
        """The formula; 16-bit floats by f32."""
        wide = np.float32 if x.dtype.itemsize == 2 else x.dtype
        v, axis = x.astype(wide), channel_axis % x.ndim
        axes = tuple(d for d in range(x.ndim) if d != axis)
        scale, bias = (_per_channel(a.astype(wide), x.ndim, axis) for a in (scale, bias))
        y = centered_array(v, axes, epsilon) * scale + bias
        return [a.astype(x.dtype) for a in (y, v.mean(axes), v.var(axes))]

    @staticmethod
    def expand(x, scale, bias, epsilon, channel_axis) -> list[ir.Value]:
        """`x * a + (bias - mean * a)` with `a = scale / sqrt(variance + epsilon)`, at least in f32.

        Not by `x - mean`, which only the variance then uses: so nothing of the size of `x` is kept.
        """
        kind, rank = type_of(x).dtype, type_of(x).rank
        axes = [d for d in range(rank) if d != channel_axis % rank]
        x, scale, bias = (_wide(v) for v in (x, scale, bias))
        mean = ty.reduce_mean(x.value, axes=axes)
        shift = x - Expression(_per_channel(mean, rank, channel_axis % rank))
        variance = ty.reduce_mean(apply("square", shift).value, axes=axes)
        a = scale * apply("rsqrt", Expression(variance) + epsilon)
        b = bias - Expression(mean) * a
        factors = (_per_channel(v.value, rank, channel_axis % rank) for v in (a, b))
        results = [affine(x, *factors), mean, variance]
        return [v if type_of(v).dtype == kind else ty.cast(v, to=kind) for v in results]

    def gradient(self, grad: Any, by_mean: Any, by_variance: Any) -> tuple[Any, Any, Any]:
        """`dx = a * (g - s / n - (x - mean) * r**2 * t / n)`, `dscale = r * t`, `dbias = s`, where

        `s = sum(g)`, `t = sum(g * (x - mean))`, `r = 1 / sqrt(variance + epsilon)`, and
        `a = r * scale`.
        """
        rank, kind = type_of(self.x).rank, type_of(self.x).dtype
        at = self.channel_axis % rank
        axes = [d for d in range(rank) if d != at]
        n = type_of(self.x).size // max(type_of(self.scale).size, 1)

        def channels(value: Expression) -> Expression:
            return Expression(_per_channel(value.value, rank, at))

        x, mean = _wide(self.x), _wide(self.mean)
        parts, slopes, offsets, scale, bias = [], [], [], None, None
        if grad is not None:
            g = _wide(grad)
            r = apply("rsqrt", _wide(self.variance) + self.epsilon)
            bias = Expression(ty.reduce_sum(g.value, axes=axes))
            scale = Expression(ty.reduce_sum((g * (x - channels(mean))).value, axes=axes)) * r
            a = _wide(self.scale) * r
            parts.append(g * channels(a))
            slopes.append(a * r * scale * (-1 / n))
            offsets.append(a * bias * (-1 / n))
        if by_mean is not None:
            offsets.append(_wide(by_mean) * (1 / n))
        if by_variance is not None:
            slopes.append(_wide(by_variance) * (2 / n))
        # All that is linear in x - mean as one product and one sum, as in the forward formula.
        if slopes:
            slope = functools.reduce(operator.add, slopes)
            parts.append(x * channels(slope))
            offsets.append(-(mean * slope))
        if not offsets:
            return None, None, None
        parts.append(channels(functools.reduce(operator.add, offsets)))
        dx = functools.reduce(operator.add, parts).value
        dx = ty.broadcast_to(dx, shape=list(type_of(self.x).shape))
        return _narrow(dx, kind), _narrow(scale, kind), _narrow(bias, kind)


def _wide(value: ir.Value) -> Expression:
    """At least f32."""
    narrow = type_of(value).dtype.bits == 16
    return Expression(ty.cast(value, to=f32) if narrow else value)


def _narrow(value: Any, kind: Any) -> ir.Value | None:
    """The value, if there is one, in the element type `kind`."""
    plain = value.value if isinstance(value, Expression) else value
    return plain if plain is None or type_of(plain).dtype == kind else ty.cast(plain, to=kind)


class ChannelNormalization(Normalization):
    """Normalises parts of each sample of [N, C, ...]; scale and bias have shape [C].

    (C3) `x` has rank 3 or more; (C4) scale and bias have shape [C].
    """

    @classmethod
    def infer(cls, x: TensorType, *others: TensorType | None, **attributes: Any) -> TensorType:
        """The type of `x`."""
        if x.rank < cls.lowest_rank:  # C3
            raise cls.error(f"x must have rank {cls.lowest_rank} or more, got {x}")
        for t in others:
            if t is not None and t.shape != (x.shape[1],):  # C4
                raise cls.error(f"scale and bias must have shape [{x.shape[1]}], got {t}")
        return super().infer(x, *others, **attributes)

    lowest_rank = 3

    @classmethod
    def operand_shape(cls, x: TensorType, **attributes: Any) -> tuple[int, ...]:
        """The size of the channel axis."""
        return (x.shape[1],)


class InstanceNormOp(ChannelNormalization, name="instance_norm"):
    """`y = (x - mean) / sqrt(variance + epsilon) * scale + bias` over each sample's channel."""

    x: Operand
    scale: OptionalOperand
    bias: OptionalOperand
    epsilon: Float = 1e-5
    y: Result
    examples = (
        example((2, 3, 4, 2), (3,), (3,)),
        example((2, 3, 5), (3,), None, dtype="f64", epsilon=0.1),
        example((1, 2, 6), None, None, dtype="f16"),
    )

    @staticmethod
    @widely
    def reference(x: Any, scale: Any, bias: Any, epsilon: float) -> np.ndarray:
        """The formula."""
        scale, bias = (_per_channel(v, x.ndim, 1) for v in (scale, bias))
        return scaled(centered_array(x, tuple(range(2, x.ndim)), epsilon), scale, bias)

    @staticmethod
    @widened
    def expand(x: Any, scale: Any, bias: Any, epsilon: float) -> ir.Value:
        """The formula."""
        rank = type_of(x).rank
        scale, bias = (_per_channel(v, rank, 1) for v in (scale, bias))
        return affine(centered(Expression(x), list(range(2, rank)), epsilon), scale, bias)


class GroupNormOp(ChannelNormalization, name="group_norm"):
    """`y = (x - mean) / sqrt(variance + epsilon) * scale + bias` over each group of channels.

    (C3) `x` has rank 2 or more; (C5) `groups` divides the number of channels.
    """

    x: Operand
    scale: OptionalOperand
    bias: OptionalOperand
    groups: Int
    epsilon: Float = 1e-5
    y: Result
    lowest_rank = 2
    examples = (
        example((2, 4, 3, 2), (4,), (4,), groups=2),
        example((2, 6), (6,), (6,), groups=3, dtype="f64", epsilon=0.1),
        example((1, 4, 5), (4,), None, groups=1, dtype="f64"),
        example((1, 4, 5), None, None, groups=2, dtype="f16"),
    )

    @classmethod
    def infer(cls, x: TensorType, *others: TensorType | None, **attributes: Any) -> TensorType:
        """The type of `x`."""
        groups = attributes["groups"]
        y = super().infer(x, *others, **attributes)
        if groups < 1 or x.shape[1] % groups:  # C5
            raise cls.error(f"groups must divide {x.shape[1]} channels, got {groups}")
        return y

    @staticmethod
    @widely
    def reference(x: Any, scale: Any, bias: Any, groups: int, epsilon: float) -> np.ndarray:
        """The formula on [N, groups, rest]."""
        scale, bias = (_per_channel(v, x.ndim, 1) for v in (scale, bias))
        grouped = x.reshape(x.shape[0], groups, -1)
        return scaled(centered_array(grouped, (2,), epsilon).reshape(x.shape), scale, bias)

    @staticmethod
    @widened
    def expand(x: Any, scale: Any, bias: Any, groups: int, epsilon: float) -> ir.Value:
        """The formula on [N, groups, rest]."""
        t = type_of(x)
        scale, bias = (_per_channel(v, t.rank, 1) for v in (scale, bias))
        rest = t.size // max(t.shape[0] * groups, 1)
        grouped = Expression(ty.reshape(x, shape=[t.shape[0], groups, rest]))
        y = ty.reshape(centered(grouped, [2], epsilon).value, shape=list(t.shape))
        return affine(Expression(y), scale, bias)
