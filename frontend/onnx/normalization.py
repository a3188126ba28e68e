"""Normalizations."""

from __future__ import annotations

from typing import Any

from tyc.onnx.graph import Graph
from tyc.onnx.rules import MICROSOFT, Node, rule


@rule("BatchNormalization")
def batch_norm(g: Graph, n: Node) -> Any:
    """By stored statistics, or by the batch's own with `training_mode` (three outputs)."""
    if n.get("spatial", 1) != 1:
        n.fail("spatial must be 1, got 0")
    epsilon = n.get("epsilon", 1e-5)
    if n.get("training_mode", 0):
        return _batch_norm_training(g, n, epsilon)
    x, scale, bias, mean, variance = n.inputs
    return g.batch_norm(x, scale, bias, mean, variance, epsilon=epsilon, channel_axis=1)


def _batch_norm_training(g: Graph, n: Node, epsilon: float) -> list[Any]:
    """Batch statistics over all dimensions but the channel's, and the running ones updated."""
    x, scale, bias, mean, variance = n.inputs
    momentum = n.get("momentum", 0.9)
    axes = [i for i in range(g.rank(x)) if i != 1]
    now = g.reduce_mean(x, axes=axes, keepdims=True)
    spread = g.reduce_mean(g.square(g.subtract(x, now)), axes=axes, keepdims=False)
    now = g.reshape(now, shape=[g.shape(x)[1]])
    y = g.batch_norm(x, scale, bias, now, spread, epsilon=epsilon, channel_axis=1)

    def running(old: Any, new: Any) -> Any:
        kept = g.multiply(old, g.number(momentum, old))
        return g.add(kept, g.multiply(new, g.number(1 - momentum, new)))

    return [y, running(mean, now), running(variance, spread)]


@rule("InstanceNormalization")
def instance_norm(g: Graph, n: Node) -> Any:
    """Over space, for each sample and channel."""
    return g.instance_norm(*n.inputs, epsilon=n.get("epsilon", 1e-5))


@rule("GroupNormalization", since=18)
def group_norm_by_group(g: Graph, n: Node) -> Any:
    """Opset 18: scale and bias hold one number a group."""
    x, scale, bias = n.inputs
    channels, groups = g.shape(x)[1], n.get("num_groups")

    def spread(v: Any) -> Any:
        wide = g.broadcast_to(g.reshape(v, shape=[groups, 1]), shape=[groups, channels // groups])
        return g.reshape(wide, shape=[channels])

    return g.group_norm(
        x, spread(scale), spread(bias), groups=groups, epsilon=n.get("epsilon", 1e-5)
    )


@rule("GroupNormalization", since=21)
def group_norm(g: Graph, n: Node) -> Any:
    """Scale and bias hold one number a channel."""
    x, scale, bias = n.inputs
    epsilon, groups = n.get("epsilon", 1e-5), n.get("num_groups")
    if not _narrow(g, x) or n.get("stash_type", 1) != 1:
        return g.group_norm(x, scale, bias, groups=groups, epsilon=epsilon)
    kind = g.dtype(x)
    wide = (g.cast(v, to="f32") for v in (x, scale, bias))
    return g.cast(g.group_norm(*wide, groups=groups, epsilon=epsilon), to=kind)


def _narrow(g: Graph, x: Any) -> bool:
    return g.dtype(x).bits < 32


@rule("LayerNormalization")
def layer_norm(g: Graph, n: Node) -> Any:
    """Over the dimensions from `axis` on; also its mean and inverse deviation where asked for."""
    x = n.inputs[0]
    axis, epsilon = n.axis(g.rank(x), -1), n.get("epsilon", 1e-5)
    y = _in_f32(g, n, "layer_norm", axis, epsilon)
    if not n.wants(1) and not n.wants(2):
        return y
    return [y, *_statistics(g, x, axis, epsilon)]


def _statistics(g: Graph, x: Any, axis: int, epsilon: float) -> tuple[Any, Any]:
    """The mean and the inverse deviation, in f32 at least."""
    axes = list(range(axis, g.rank(x)))
    x = g.cast(x, to="f32") if _narrow(g, x) else x
    mean = g.reduce_mean(x, axes=axes, keepdims=True)
    variance = g.reduce_mean(g.square(g.subtract(x, mean)), axes=axes, keepdims=True)
    return mean, g.rsqrt(g.add(variance, g.number(epsilon, variance)))


def _in_f32(g: Graph, n: Node, op: str, axis: int, epsilon: float) -> Any:
    """A norm whose first stage runs in f32 for narrow floats (`stash_type` 1), the scaling not."""
    x, scale, bias = n.inputs[0], n.input(1), n.input(2)
    norm = getattr(g, op)
    operands = (scale, bias) if op == "layer_norm" else (scale,)
    if not _narrow(g, x) or n.get("stash_type", 1) != 1:
        return norm(x, *operands, axis=axis, epsilon=epsilon)
    wide = norm(g.cast(x, to="f32"), *[None] * len(operands), axis=axis, epsilon=epsilon)
    y = g.cast(wide, to=g.dtype(x))
    y = y if scale is None else g.multiply(y, scale)
    return y if bias is None or op != "layer_norm" else g.add(y, bias)


@rule("RMSNormalization")
@rule("SimplifiedLayerNormalization")
@rule("SimplifiedLayerNormalization", domain=MICROSOFT)
def rms_norm(g: Graph, n: Node) -> Any:
    """By the root mean square over the dimensions from `axis` on."""
    axis = n.axis(g.rank(n.inputs[0]), -1)
    return _in_f32(g, n, "rms_norm", axis, n.get("epsilon", 1e-5))


@rule("LayerNormalization", domain=MICROSOFT)
def layer_norm_microsoft(g: Graph, n: Node) -> Any:
    """The same as the standard operator."""
    return layer_norm(g, n)


@rule("SkipLayerNormalization", domain=MICROSOFT)
def skip_layer_norm(g: Graph, n: Node) -> Any:
    """Layer norm of `x + skip + bias`; the sum is output 3."""
    x, skip, scale = n.inputs[:3]
    total = _skip_sum(g, x, skip, n.input(4))
    y = g.layer_norm(total, scale, n.input(3), axis=-1, epsilon=n.get("epsilon", 1e-12))
    return [y, None, None, total]


@rule("SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def skip_rms_norm(g: Graph, n: Node) -> Any:
    """RMS norm of `x + skip + bias`; the sum is output 3."""
    x, skip, scale = n.inputs[:3]
    total = _skip_sum(g, x, skip, n.input(3))
    y = g.rms_norm(total, scale, axis=-1, epsilon=n.get("epsilon", 1e-12))
    return [y, None, None, total]


def _skip_sum(g: Graph, x: Any, skip: Any, bias: Any) -> Any:
    total = g.add(x, skip)
    return total if bias is None else g.add(total, bias)


@rule("LRN")
def local_response_norm(g: Graph, n: Node) -> Any:
    """`x / (bias + alpha / size * sum of squares over channels nearby) ** beta`."""
    return g.local_response_norm(
        n.inputs[0], size=n.get("size"), alpha=n.get("alpha", 1e-4), beta=n.get("beta", 0.75),
        bias=n.get("bias", 1.0),
    )  # fmt: skip


@rule("LpNormalization")
def lp_normalize(g: Graph, n: Node) -> Any:
    """`x` over its p-norm along an axis."""
    return g.lp_normalize(n.inputs[0], axis=n.get("axis", -1), p=n.get("p", 2))
