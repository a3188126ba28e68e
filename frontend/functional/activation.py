"""Activations: functions of floats, element by element."""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import error
from tyc.functional.elementwise import clip, multiply, negative
from tyc.functional.movement import reshape, split
from tyc.functional.transcendental import sigmoid
from tyc.tensors import Tensor


def relu(x: TensorLike) -> Tensor:
    """`y = max(x, 0)`."""
    return apply(ty.ReluOp, x)


def relu6(x: TensorLike) -> Tensor:
    """`y = min(max(x, 0), 6)`."""
    return clip(x, 0.0, 6.0)


def leaky_relu(x: TensorLike, alpha: float = 0.01) -> Tensor:
    """`y = x` above 0, else `alpha * x`."""
    return apply(ty.LeakyReluOp, x, alpha=alpha)


def prelu(x: TensorLike, slope: TensorLike) -> Tensor:
    """`y = x` above 0, else `slope * x`; a `slope` of rank 1 goes along dimension 1 of `x`."""
    value, factor = as_tensor(x), as_tensor(slope)
    if factor.ndim == 1 and value.ndim > 2:
        factor = reshape(factor, (factor.shape[0], *[1] * (value.ndim - 2)))
    return apply(ty.PreluOp, value, factor)


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """`y = x` above 0, else `alpha * (e ** x - 1)`."""
    return apply(ty.EluOp, x, alpha=alpha)


def selu(x: TensorLike) -> Tensor:
    """`y = gamma * elu(x, alpha)` with the two constants that keep mean and variance."""
    return apply(ty.SeluOp, x, alpha=1.6732632423543772, gamma=1.0507009873554805)


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """`y = x` above 0, else `alpha * (e ** (x / alpha) - 1)`."""
    return apply(ty.CeluOp, x, alpha=alpha)


def gelu(x: TensorLike, approximate: str = "none") -> Tensor:
    """`y = x * (1 + erf(x / sqrt(2))) / 2`, or its form by `tanh`."""
    if approximate not in ("none", "tanh"):
        raise error(f"approximate must be 'none' or 'tanh', got {approximate!r}")
    return apply(ty.GeluOp, x, approximate=approximate)


def silu(x: TensorLike) -> Tensor:
    """`y = x * sigmoid(x)`."""
    return apply(ty.SiluOp, x)


def hard_sigmoid(x: TensorLike, alpha: float = 1 / 6, beta: float = 0.5) -> Tensor:
    """`y = min(max(alpha * x + beta, 0), 1)`."""
    return apply(ty.HardSigmoidOp, x, alpha=alpha, beta=beta)


def hard_swish(x: TensorLike) -> Tensor:
    """`y = x * hard_sigmoid(x)`."""
    return apply(ty.HardSwishOp, x)


def hard_tanh(x: TensorLike, low: float = -1.0, high: float = 1.0) -> Tensor:
    """`y = min(max(x, low), high)`."""
    return apply(ty.HardTanhOp, x, low=float(low), high=float(high))


def softplus(x: TensorLike) -> Tensor:
    """`y = ln(1 + e ** x)`."""
    return apply(ty.SoftplusOp, x)


def softsign(x: TensorLike) -> Tensor:
    """`y = x / (1 + |x|)`."""
    return apply(ty.SoftsignOp, x)


def mish(x: TensorLike) -> Tensor:
    """`y = x * tanh(softplus(x))`."""
    return apply(ty.MishOp, x)


def thresholded_relu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """`y = x` above `alpha`, else 0."""
    return apply(ty.ThresholdedReluOp, x, alpha=alpha)


def shrink(x: TensorLike, bias: float = 0.0, threshold: float = 0.5) -> Tensor:
    """`y = x - bias` above `threshold`, `x + bias` below `-threshold`, else 0."""
    return apply(ty.ShrinkOp, x, bias=bias, threshold=threshold)


def log_sigmoid(x: TensorLike) -> Tensor:
    """`y = ln(sigmoid(x)) = -softplus(-x)`."""
    return negative(softplus(negative(x)))


def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """`y = a * sigmoid(b)`, `a` and `b` the halves of `x` along `axis`."""
    value = as_tensor(x)
    a, b = split(value, 2, axis)
    return multiply(a, sigmoid(b))
