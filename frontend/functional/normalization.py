"""Normalizations, of floats."""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import error
from tyc.functional.arguments import floating, one_axis
from tyc.functional.creation import full
from tyc.tensors import Tensor


def softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """`y = e ** x / sum(e ** x)` along `axis`."""
    value = floating(x, "softmax")
    return apply(ty.SoftmaxOp, value, axis=one_axis(axis, value.ndim))


def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """`y = x - ln(sum(e ** x))` along `axis`."""
    value = floating(x, "log_softmax")
    return apply(ty.LogSoftmaxOp, value, axis=one_axis(axis, value.ndim))


def layer_norm(
    x: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    axis: int = -1,
    epsilon: float = 1e-5,
) -> Tensor:
    """`y = (x - mean) / sqrt(var + epsilon) * weight + bias` over dimensions `axis` to the last."""
    value = floating(x, "layer_norm")
    at = one_axis(axis, value.ndim)
    return apply(ty.LayerNormOp, value, weight, bias, axis=at, epsilon=epsilon)


def rms_norm(
    x: TensorLike, weight: TensorLike | None = None, axis: int = -1, epsilon: float = 1e-5
) -> Tensor:
    """`y = x / sqrt(mean(x**2) + epsilon) * weight` over dimensions `axis` to the last."""
    value = floating(x, "rms_norm")
    at = one_axis(axis, value.ndim)
    return apply(ty.RmsNormOp, value, weight, axis=at, epsilon=epsilon)


def batch_norm(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    epsilon: float = 1e-5,
    channel_axis: int = 1,
) -> Tensor:
    """`y = (x - mean) / sqrt(variance + epsilon) * weight + bias` with given statistics.

    The four are `[C]`, `C` the size of `channel_axis`.
    """
    value = floating(x, "batch_norm")
    at = one_axis(channel_axis, value.ndim, "channel_axis")
    channels, kind = (value.shape[at],), value.dtype
    scale = full(channels, 1.0, kind) if weight is None else weight
    shift = full(channels, 0.0, kind) if bias is None else bias
    return apply(
        ty.BatchNormOp, value, scale, shift, mean, variance, epsilon=epsilon, channel_axis=at
    )


def batch_norm_training(
    x: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    epsilon: float = 1e-5,
    channel_axis: int = 1,
) -> tuple[Tensor, Tensor, Tensor]:
    """`x` normalized by its own mean and variance over all dimensions but `channel_axis`.

    Also the mean and the (biased) variance, `[C]` like `weight` and `bias`. Gradients flow through
    the statistics.
    """
    value = floating(x, "batch_norm_training")
    at = one_axis(channel_axis, value.ndim, "channel_axis")
    channels, kind = (value.shape[at],), value.dtype
    scale = full(channels, 1.0, kind) if weight is None else weight
    shift = full(channels, 0.0, kind) if bias is None else bias
    y, mean, variance = apply(
        ty.BatchNormTrainingOp, value, scale, shift, epsilon=epsilon, channel_axis=at
    )
    return y, mean, variance


def instance_norm(
    x: TensorLike,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """`x[n, c]` normalized over its spatial dimensions; `weight` and `bias` are `[C]`."""
    return apply(ty.InstanceNormOp, floating(x, "instance_norm"), weight, bias, epsilon=epsilon)


def group_norm(
    x: TensorLike,
    groups: int,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """`x` of shape `[N, C, ...]`, normalized over each of `groups` equal groups of channels."""
    value = floating(x, "group_norm")
    return apply(ty.GroupNormOp, value, weight, bias, groups=groups, epsilon=epsilon)


def local_response_norm(
    x: TensorLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """`y = x / (k + alpha / size * sum of x**2 over size channels around) ** beta`."""
    value = floating(x, "local_response_norm")
    return apply(ty.LocalResponseNormOp, value, size=size, alpha=alpha, beta=beta, bias=k)


def normalize(x: TensorLike, axis: int = -1, p: int = 2) -> Tensor:
    """`y = x / norm(x, p)` along `axis`, `p` 1 or 2."""
    value = as_tensor(x)
    if p not in (1, 2):
        raise error(f"p must be 1 or 2, got {p!r}")
    return apply(ty.LpNormalizeOp, value, axis=one_axis(axis, value.ndim), p=p)
