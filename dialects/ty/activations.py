"""Activation functions: elementwise, each one kept whole with its formula on scalars."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.expressions import Expression, apply, chain, number_like, where
from tyc.dialects.ods import Example, Float, Op, Str, example
from tyc.dialects.references import array, typed, widely
from tyc.dialects.ty.elementwise import FLOATS, NUMBERS, Binary, Unary
from tyc.dialects.ty.transcendental import erf, sigmoid
from tyc.dialects.types import TensorType


class Activation(Unary):
    """`y = f(x)` on floats."""

    kinds = FLOATS


def _examples(**attributes: Any) -> tuple[Example, ...]:
    """Each float type, and far out, where exponentials over- or underflow."""
    far = array([-120, -20, 0, 20, 120])
    shapes = (
        example((2, 5), low=-4, high=4),
        example((7,), dtype="f64", low=-4, high=4),
        example((5,), dtype="f16", low=-4, high=4),
        example((), dtype="bf16", low=-4, high=4),
        example(far, gradient=False),
    )
    return tuple(replace(e, attributes=attributes) for e in shapes)


def _wide(function: Callable) -> Any:
    return staticmethod(widely(function))


class ReluOp(Activation, name="relu"):
    """Rectifies: `y = max(x, 0)`; the gradient at 0 is 0."""

    kinds = NUMBERS
    examples = (*_examples(), example((9,), dtype="i32"), example((0, 3)))
    scalar = staticmethod(lambda x: s.maximum(x, 0))
    reference = staticmethod(lambda x: np.maximum(x, typed(0, x)))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = y > 0 ? g : 0`."""
        y = Expression(self.y)
        return where(y > 0, Expression(grad), 0, like=y).value


class LeakyReluOp(Activation, name="leaky_relu"):
    """`y = x >= 0 ? x : alpha * x`."""

    alpha: Float = 0.01
    examples = (*_examples(), *_examples(alpha=0.2))
    scalar = staticmethod(lambda x, alpha: s.where(x >= 0, x, x * alpha))
    reference = _wide(lambda x, alpha: np.where(x >= 0, x, x * typed(alpha, x)))
    gradient = chain(lambda x, y, alpha: where(x >= 0, 1, alpha, like=x))


class PreluOp(Binary, name="prelu"):
    """`y = a >= 0 ? a : b * a`, where `b` is the learned slope."""

    kinds = FLOATS
    examples = (
        example((2, 3, 4), (3, 1)),
        example((2, 3), (), dtype="f64"),
        example((5,), (5,), dtype="f16"),
    )
    scalar = staticmethod(lambda a, b: s.where(a >= 0, a, a * b))
    reference = _wide(lambda a, b: np.where(a >= 0, a, a * b))
    gradient = chain(
        lambda a, b, y: (where(a >= 0, 1, b, like=a), where(a >= 0, 0, a, like=a)),
    )


class EluOp(Activation, name="elu"):
    """`y = x > 0 ? x : alpha * (e**x - 1)`."""

    alpha: Float = 1.0
    examples = (*_examples(), *_examples(alpha=0.5))
    scalar = staticmethod(lambda x, alpha: s.where(x > 0, x, s.function("expm1", x) * alpha))
    reference = _wide(lambda x, alpha: np.where(x > 0, x, typed(alpha, x) * np.expm1(x)))
    gradient = chain(lambda x, y, alpha: where(x > 0, 1, y + alpha, like=x))


class SeluOp(Activation, name="selu"):
    """`y = gamma * (x > 0 ? x : alpha * (e**x - 1))`."""

    alpha: Float = 1.67326319217681884765625
    gamma: Float = 1.05070102214813232421875
    examples = (*_examples(), *_examples(alpha=0.5, gamma=2.0))
    gradient = chain(
        lambda x, y, alpha, gamma: where(x > 0, gamma, y + alpha * gamma, like=x),
    )

    @staticmethod
    def scalar(x: s.Scalar, alpha: float, gamma: float) -> s.Scalar:
        """The formula."""
        return s.where(x > 0, x, s.function("expm1", x) * alpha) * gamma

    @staticmethod
    @widely
    def reference(x: np.ndarray, alpha: float, gamma: float) -> np.ndarray:
        """The formula."""
        return typed(gamma, x) * np.where(x > 0, x, typed(alpha, x) * np.expm1(x))


class CeluOp(Activation, name="celu"):
    """`y = x > 0 ? x : alpha * (e**(x / alpha) - 1)`."""

    alpha: Float = 1.0
    examples = (*_examples(), *_examples(alpha=0.5))
    scalar = staticmethod(
        lambda x, alpha: s.where(x > 0, x, s.function("expm1", x / alpha) * alpha),
    )
    reference = _wide(
        lambda x, alpha: np.where(x > 0, x, typed(alpha, x) * np.expm1(x / typed(alpha, x))),
    )
    gradient = chain(lambda x, y, alpha: where(x > 0, 1, y * (1 / alpha) + 1, like=x))


_TANH_SCALE, _TANH_CUBIC = math.sqrt(2 / math.pi), 0.044715


def _check_approximate(op: type[Op], attributes: dict[str, Any]) -> None:
    if attributes["approximate"] not in ("none", "tanh"):
        raise op.error(f'approximate must be "none" or "tanh", got {attributes}')


class GeluOp(Activation, name="gelu"):
    """`y = x * P(X <= x)` for a normal `X`: `y = x / 2 * (1 + erf(x / sqrt(2)))`.

    `approximate="tanh"`: `y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`.
    (C4) `approximate` is "none" or "tanh".
    """

    approximate: Str = "none"
    examples = (*_examples(), *_examples(approximate="tanh"))

    @classmethod
    def check(cls, *types: TensorType, **attributes: Any) -> None:
        """Raises `UserError` for a wrong type or approximation."""
        super().check(*types)
        _check_approximate(cls, attributes)  # C4

    @staticmethod
    @widely
    def reference(x: np.ndarray, approximate: str) -> np.ndarray:
        """The formula."""
        half, one = typed(0.5, x), typed(1, x)
        if approximate == "none":
            return half * x * (one + erf(x * typed(math.sqrt(0.5), x)))
        inner = typed(_TANH_SCALE, x) * (x + typed(_TANH_CUBIC, x) * x * x * x)
        return half * x * (one + np.tanh(inner))

    @staticmethod
    def scalar(x: s.Scalar, approximate: str) -> s.Scalar:
        """The formula."""
        if approximate == "none":
            return 0.5 * x * (1 + s.erf(x * math.sqrt(0.5)))
        inner = x * (1 + _TANH_CUBIC * (x * x)) * _TANH_SCALE
        return 0.5 * x * (1 + s.tanh(inner))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = g * gelu'(x)`."""
        return ty.gelu_gradient(self.x, grad, approximate=self.approximate)


class GeluGradientOp(Binary, name="gelu_gradient"):
    """`y = b * gelu'(a)`, with `gelu'(a) = P(X <= a) + a * p(a)` for a normal `X` of density `p`.

    `approximate="tanh"`: the derivative of that form. (C4) `approximate` is "none" or "tanh".
    """

    kinds = FLOATS
    approximate: Str = "none"
    examples = tuple(
        example(*[shape] * 2, dtype=kind, low=-4, high=4, approximate=how)
        for how in ("none", "tanh")
        for shape, kind in (((2, 5), "f32"), ((7,), "f64"), ((5,), "f16"), ((), "bf16"))
    )

    @classmethod
    def check(cls, *types: TensorType, **attributes: Any) -> None:
        """Raises `UserError` for a wrong type or approximation."""
        super().check(*types)
        _check_approximate(cls, attributes)  # C4

    @staticmethod
    @widely
    def reference(a: np.ndarray, b: np.ndarray, approximate: str) -> np.ndarray:
        """The formula."""
        x, half, one = a, typed(0.5, a), typed(1, a)
        if approximate == "none":
            density = np.exp(-half * x * x) * typed(math.sqrt(0.5 / math.pi), x)
            return b * (half * (one + erf(x * typed(math.sqrt(0.5), x))) + x * density)
        cubic, scale = typed(_TANH_CUBIC, x), typed(_TANH_SCALE, x)
        t = np.tanh(scale * (x + cubic * x * x * x))
        slope = scale * (one + typed(3, x) * cubic * x * x)
        return b * (half * (one + t) + half * x * (one - t * t) * slope)

    @staticmethod
    def scalar(a: s.Scalar, b: s.Scalar, approximate: str) -> s.Scalar:
        """The formula."""
        if approximate == "none":
            density = s.exp(a * a * -0.5) * math.sqrt(0.5 / math.pi)
            return b * (0.5 * (1 + s.erf(a * math.sqrt(0.5))) + a * density)
        square = a * a
        t = s.tanh(a * (1 + _TANH_CUBIC * square) * _TANH_SCALE)
        slope = _TANH_SCALE * (1 + (3 * _TANH_CUBIC) * square)
        return b * (0.5 * (1 + t) + 0.5 * a * (1 - t * t) * slope)

    @staticmethod
    def _partials(a: Any, b: Any, y: Any, approximate: str) -> Any:
        one = number_like(1, a.value)
        first = Expression(ty.gelu_gradient(a.value, one, approximate=approximate))
        if approximate == "none":
            density = apply("exp", a * a * -0.5) * math.sqrt(0.5 / math.pi)
            return b * (density * (2 - a * a)), first
        t = apply("tanh", a * (1 + _TANH_CUBIC * (a * a)) * _TANH_SCALE)
        slope = _TANH_SCALE * (1 + 3 * _TANH_CUBIC * (a * a))
        bend = 6 * _TANH_CUBIC * _TANH_SCALE * a
        return b * ((1 - t * t) * (slope + 0.5 * a * (bend - 2 * t * slope * slope))), first

    gradient = chain(_partials)


class SiluOp(Activation, name="silu"):
    """`y = x * sigmoid(x)`, also called swish."""

    examples = _examples()
    scalar = staticmethod(lambda x: x / (1 + s.exp(-x)))
    reference = _wide(lambda x: x * sigmoid(x))
    gradient = chain(lambda x, y: apply("sigmoid", x) * (1 + x - y))


class HardSigmoidOp(Activation, name="hard_sigmoid"):
    """`y = clip(alpha * x + beta, 0, 1)`."""

    alpha: Float = 1 / 6
    beta: Float = 0.5
    examples = (*_examples(), *_examples(alpha=0.2, beta=0.4))
    scalar = staticmethod(
        lambda x, alpha, beta: s.minimum(s.maximum(x * alpha + beta, 0), 1),
    )
    reference = _wide(
        lambda x, alpha, beta: np.clip(typed(alpha, x) * x + typed(beta, x), 0, 1).astype(x.dtype),
    )
    gradient = chain(
        lambda x, y, alpha, beta: where((y > 0) & (y < 1), alpha, 0, like=x),
    )


class HardSwishOp(Activation, name="hard_swish"):
    """`y = x * clip(x / 6 + 1 / 2, 0, 1)`."""

    examples = _examples()
    scalar = staticmethod(lambda x: x * s.minimum(s.maximum(x * (1 / 6) + 0.5, 0), 1))
    reference = _wide(lambda x: x * np.clip(x * typed(1 / 6, x) + typed(0.5, x), 0, 1))
    gradient = chain(
        lambda x, y: where(x <= -3, 0, where(x >= 3, 1, x * (1 / 3) + 0.5, like=x), like=x),
    )


def _softplus(x: s.Scalar) -> s.Scalar:
    return s.maximum(x, 0) + s.function("log1p", s.exp(-s.absolute(x)))


class SoftplusOp(Activation, name="softplus"):
    """`y = log(1 + e**x)`."""

    examples = _examples()
    scalar = staticmethod(_softplus)
    reference = _wide(lambda x: np.logaddexp(typed(0, x), x))
    gradient = chain(lambda x, y: apply("sigmoid", x))


class SoftsignOp(Activation, name="softsign"):
    """`y = x / (1 + |x|)`."""

    examples = _examples()
    scalar = staticmethod(lambda x: x / (1 + s.absolute(x)))
    reference = _wide(lambda x: x / (typed(1, x) + np.abs(x)))
    gradient = chain(lambda x, y: apply("square", 1 / (1 + apply("absolute", x))))


class MishOp(Activation, name="mish"):
    """`y = x * tanh(log(1 + e**x))`."""

    examples = _examples()
    reference = _wide(lambda x: x * np.tanh(np.logaddexp(typed(0, x), x)))

    @staticmethod
    def scalar(x: s.Scalar) -> s.Scalar:
        """The formula."""
        return x * s.tanh(_softplus(x))

    @staticmethod
    def _derivative(x: Any, y: Any) -> Any:
        t = apply("tanh", apply("softplus", x))
        return t + x * (1 - t * t) * apply("sigmoid", x)

    gradient = chain(_derivative)


class ThresholdedReluOp(Activation, name="thresholded_relu"):
    """`y = x > alpha ? x : 0`."""

    alpha: Float = 1.0
    examples = (*_examples(), *_examples(alpha=-0.5))
    scalar = staticmethod(lambda x, alpha: s.where(x > alpha, x, 0))
    reference = _wide(lambda x, alpha: np.where(x > typed(alpha, x), x, typed(0, x)))
    gradient = chain(lambda x, y, alpha: where(x > alpha, 1, 0, like=x))


class ShrinkOp(Activation, name="shrink"):
    """`y = x + bias` below `-threshold`, `x - bias` above `threshold`, 0 between."""

    bias: Float = 0.0
    threshold: Float = 0.5
    examples = (*_examples(), *_examples(bias=0.5, threshold=1.5))
    gradient = chain(
        lambda x, y, bias, threshold: where(apply("absolute", x) > threshold, 1, 0, like=x),
    )

    @staticmethod
    @widely
    def reference(x: np.ndarray, bias: float, threshold: float) -> np.ndarray:
        """The formula."""
        b, limit = typed(bias, x), typed(threshold, x)
        return np.where(x < -limit, x + b, np.where(x > limit, x - b, typed(0, x)))

    @staticmethod
    def scalar(x: s.Scalar, bias: float, threshold: float) -> s.Scalar:
        """The formula."""
        return s.where(x < -threshold, x + bias, s.where(x > threshold, x - bias, 0))


class HardTanhOp(Activation, name="hard_tanh"):
    """`y = min(max(x, low), high)`."""

    low: Float = -1.0
    high: Float = 1.0
    examples = (*_examples(), *_examples(low=-0.5, high=2.0))
    scalar = staticmethod(lambda x, low, high: s.minimum(s.maximum(x, low), high))
    reference = _wide(lambda x, low, high: np.clip(x, typed(low, x), typed(high, x)))
    gradient = chain(
        lambda x, y, low, high: where((x > low) & (x < high), 1, 0, like=x),
    )
