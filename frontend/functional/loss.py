"""Losses, of floats. `reduction` is `mean`, `sum` or `none` over all elements."""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.frames import error
from tyc.functional.activation import relu, softplus
from tyc.functional.arguments import one_axis
from tyc.functional.elementwise import (
    absolute,
    clip,
    greater,
    less,
    multiply,
    sqrt,
    square,
    subtract,
    where,
)
from tyc.functional.indexing import take_along_axis
from tyc.functional.movement import expand_dims, squeeze
from tyc.functional.normalization import log_softmax
from tyc.functional.reduction import mean, norm, sum, sum_square
from tyc.functional.transcendental import exp, log
from tyc.tensors import Tensor


def _reduced(x: Tensor, reduction: str) -> Tensor:
    if reduction not in ("mean", "sum", "none"):
        raise error(f"reduction must be mean, sum or none, got {reduction!r}")
    return mean(x) if reduction == "mean" else sum(x) if reduction == "sum" else x


def _pair(prediction: TensorLike, target: TensorLike) -> tuple[Tensor, Tensor]:
    a, b = as_tensors((prediction, target))
    if a.type != b.type:
        raise error(f"prediction and target must have one type, got {a.type} and {b.type}")
    return a, b


def mse_loss(prediction: TensorLike, target: TensorLike, reduction: str = "mean") -> Tensor:
    """`(prediction - target) ** 2`."""
    a, b = _pair(prediction, target)
    return _reduced(square(subtract(a, b)), reduction)


def l1_loss(prediction: TensorLike, target: TensorLike, reduction: str = "mean") -> Tensor:
    """`|prediction - target|`."""
    a, b = _pair(prediction, target)
    return _reduced(absolute(subtract(a, b)), reduction)


def huber_loss(
    prediction: TensorLike, target: TensorLike, delta: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """`d**2 / 2` where `d = |prediction - target| < delta`, else `delta * (d - delta / 2)`."""
    a, b = _pair(prediction, target)
    distance = absolute(subtract(a, b))
    near = multiply(square(distance), 0.5)
    far = multiply(subtract(distance, 0.5 * delta), delta)
    return _reduced(where(less(distance, delta), near, far), reduction)


def smooth_l1_loss(
    prediction: TensorLike, target: TensorLike, beta: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """`d**2 / (2 * beta)` where `d = |prediction - target| < beta`, else `d - beta / 2`.

    Girshick, Fast R-CNN, ICCV 2015; `beta` 0 is `l1_loss`.
    """
    if beta < 0:
        raise error(f"beta must be 0 or more, got {beta}")
    if beta == 0:
        return l1_loss(prediction, target, reduction)
    return huber_loss(prediction, target, beta, reduction) / beta


def hinge_loss(
    prediction: TensorLike, target: TensorLike, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """`max(0, margin - prediction * target)`, `target` 1 or -1."""
    a, b = _pair(prediction, target)
    return _reduced(relu(margin - multiply(a, b)), reduction)


def squared_hinge_loss(
    prediction: TensorLike, target: TensorLike, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """`max(0, margin - prediction * target) ** 2`, `target` 1 or -1."""
    return _reduced(square(hinge_loss(prediction, target, margin, "none")), reduction)


def cosine_similarity(a: TensorLike, b: TensorLike, axis: int = 1, epsilon: float = 1e-8) -> Tensor:
    """`sum(a * b) / sqrt(max(|a|**2, e**2) * max(|b|**2, e**2))` along `axis`, `e = epsilon`."""
    x, y = _pair(a, b)
    at = one_axis(axis, x.ndim)
    squares = (clip(sum_square(v, at), epsilon * epsilon) for v in (x, y))
    return sum(multiply(x, y), at) / sqrt(multiply(*squares))


def cosine_embedding_loss(
    a: TensorLike,
    b: TensorLike,
    target: TensorLike,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """`1 - c` where `target` is 1, `max(0, c - margin)` where it is -1.

    `c` is the cosine of `a` and `b`, `[N, D]`; `target` is `[N]`.
    """
    cosine, same = _pair(cosine_similarity(a, b), target)
    return _reduced(where(greater(same, 0.0), 1.0 - cosine, relu(cosine - margin)), reduction)


def triplet_margin_loss(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    margin: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """`max(0, |anchor - positive| - |anchor - negative| + margin)`, norms along the last axis.

    Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015; 1e-6 is added to each difference, so that
    the norm has a gradient where two are equal (as PyTorch does).
    """
    a, b = _pair(anchor, positive)
    _, c = _pair(anchor, negative)
    near, far = (norm(subtract(a, v) + 1e-6, 2, -1) for v in (b, c))
    return _reduced(relu(near - far + margin), reduction)


def _check_classes(scores: Tensor, classes: Tensor, axis: int) -> None:
    if classes.shape != scores.shape[:axis] + scores.shape[axis + 1 :]:
        raise error(
            f"target must have the shape of the scores without axis {axis}, "
            f"got {classes.type} for {scores.type}"
        )


def nll_loss(
    log_probabilities: TensorLike, target: TensorLike, axis: int = 1, reduction: str = "mean"
) -> Tensor:
    """`-log_probabilities[target]` along `axis`; `target` holds class indices, without `axis`."""
    scores, classes = as_tensor(log_probabilities), as_tensor(target)
    at = one_axis(axis, scores.ndim)
    _check_classes(scores, classes, at)
    picked = take_along_axis(scores, expand_dims(classes, at), at)
    return _reduced(-squeeze(picked, at), reduction)


def cross_entropy(
    logits: TensorLike,
    target: TensorLike,
    axis: int = 1,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """`-sum(t * log_softmax(logits))` along `axis`.

    `t` is `target`: class indices (integers, without `axis`) or probabilities (the shape of the
    logits). `label_smoothing` mixes in that much of the uniform distribution.
    """
    scores, classes = as_tensor(logits), as_tensor(target)
    at = one_axis(axis, scores.ndim)
    if classes.dtype.is_integer and not label_smoothing:
        _check_classes(scores, classes, at)
        return _reduced(apply(ty.CrossEntropyOp, scores, classes, axis=at), reduction)
    logs = log_softmax(scores, at)
    if classes.dtype.is_integer:
        loss = nll_loss(logs, classes, at, "none")
    else:
        likely, weight = _pair(logs, classes)
        loss = -sum(multiply(weight, likely), at)
    if label_smoothing:
        loss = loss * (1 - label_smoothing) - mean(logs, at) * label_smoothing
    return _reduced(loss, reduction)


def binary_cross_entropy(
    probability: TensorLike, target: TensorLike, reduction: str = "mean"
) -> Tensor:
    """`-(t * ln(p) + (1 - t) * ln(1 - p))`, logarithms not below -100."""
    p, t = _pair(probability, target)
    yes, no = clip(log(p), -100.0), clip(log(subtract(1.0, p)), -100.0)
    return _reduced(-(t * yes + (1.0 - t) * no), reduction)


def binary_cross_entropy_with_logits(
    logits: TensorLike, target: TensorLike, reduction: str = "mean"
) -> Tensor:
    """`max(x, 0) - x * t + ln(1 + e ** -|x|)`: `binary_cross_entropy` of `sigmoid(x)`."""
    x, t = _pair(logits, target)
    return _reduced(relu(x) - x * t + softplus(-absolute(x)), reduction)


def kl_div(log_prediction: TensorLike, log_target: TensorLike, reduction: str = "mean") -> Tensor:
    """`e ** t * (t - p)` of log-probabilities."""
    p, t = _pair(log_prediction, log_target)
    return _reduced(exp(t) * (t - p), reduction)
