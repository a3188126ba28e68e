"""Functions that we and PyTorch both have, with f64 operands: (name, ours, theirs, operands).

Imported only where torch is; `ours` takes tensors of ours, `theirs` of torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from tyc import functional as F

T = torch.nn.functional
Case = tuple[str, Callable[..., Any], Callable[..., Any], list[np.ndarray]]
RNG = np.random.default_rng(17)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def between(low: float, high: float, *shape: int) -> np.ndarray:
    return RNG.uniform(low, high, shape)


# Ties, as ReLU and quantization make them: max and min must share or choose as PyTorch does.
TIED = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, 1.0], [0.0, -1.0, 0.0, -2.0]])
ONES = np.array([0, 2, 1, 2])
INDEX = np.array([[0, 2, 2], [1, 1, 0]])
MASK = np.array([[True, False, True, True], [True, True, False, True], [False, True, True, True]])
CAUSAL = np.tril(np.ones((4, 5), bool))


def same(name: str, ours: Any = None, theirs: Any = None, low: float = -2, high: float = 2) -> Case:
    """An elementwise function of one operand, found by its name in both."""
    mine = ours or getattr(F, name)
    other = theirs or getattr(torch, name, None) or getattr(T, name)
    return name, mine, other, [between(low, high, 3, 5)]


UNARY: list[Case] = [
    *(same(n) for n in ("exp", "exp2", "expm1", "sigmoid", "sin", "cos", "sinh", "cosh", "tanh")),
    *(same(n) for n in ("atan", "asinh", "erf", "square", "absolute", "relu", "relu6", "elu")),
    *(same(n) for n in ("selu", "celu", "gelu", "silu", "mish", "softplus", "softsign")),
    *(same(n, low=0.2) for n in ("log", "log2", "sqrt", "rsqrt", "reciprocal")),
    *(same(n, low=-0.9, high=0.9) for n in ("log1p", "asin", "acos", "atanh", "tan")),
    same("acosh", low=1.2, high=3),
    same("log_sigmoid", theirs=T.logsigmoid),
    # PyTorch's own has 1/6 in f32.
    same("hard_sigmoid", theirs=lambda x: T.relu6(x + 3) / 6, low=-4, high=4),
    same("hard_swish", theirs=T.hardswish, low=-4, high=4),
    same("hard_tanh", theirs=T.hardtanh),
    same("leaky_relu"),
    same("gelu_tanh", lambda x: F.gelu(x, "tanh"), lambda x: T.gelu(x, approximate="tanh")),
    same("clip", lambda x: F.clip(x, -1.0, 0.5), lambda x: torch.clip(x, -1.0, 0.5)),
    ("relu_at_0", F.relu, torch.relu, [TIED]),
    ("absolute_at_0", F.absolute, torch.abs, [TIED]),
    ("prelu", F.prelu, T.prelu, [normal(2, 3, 4), normal(3)]),
    ("glu", lambda x: F.glu(x, 1), lambda x: T.glu(x, 1), [normal(2, 6)]),
]
BINARY: list[Case] = [
    ("add", F.add, torch.add, [normal(2, 3), normal(3)]),
    ("multiply", F.multiply, torch.multiply, [normal(2, 1, 3), normal(4, 1)]),
    ("divide", F.divide, torch.divide, [normal(2, 3), between(0.5, 2, 3)]),
    ("power", F.power, torch.pow, [between(0.5, 2, 2, 3), normal(3)]),
    ("power_of_negative", lambda a: F.power(a, 3.0), lambda a: torch.pow(a, 3.0), [normal(5)]),
    ("power_of_0", lambda a: F.power(a, 3.0), lambda a: torch.pow(a, 3.0), [np.zeros(3)]),
    ("maximum", F.maximum, torch.maximum, [normal(3, 4), normal(3, 4)]),
    ("maximum_tied", F.maximum, torch.maximum, [TIED, TIED[:, ::-1].copy()]),
    ("minimum_tied", F.minimum, torch.minimum, [TIED, TIED[::-1].copy()]),
    ("atan2", F.atan2, torch.atan2, [normal(3, 4), normal(3, 4)]),
    ("fmod", F.fmod, torch.fmod, [normal(3, 4) * 3, between(0.5, 1, 3, 4)]),
    ("remainder", F.remainder, torch.remainder, [normal(3, 4) * 3, between(0.5, 1, 3, 4)]),
    ("where", lambda a, b: F.where(MASK, a, b),
     lambda a, b: torch.where(torch.tensor(MASK), a, b), [normal(3, 4), normal(4)]),
]  # fmt: skip
REDUCTION: list[Case] = [
    ("sum", lambda x: F.sum(x, (0, 2)), lambda x: torch.sum(x, (0, 2)), [normal(2, 3, 4)]),
    ("mean", lambda x: F.mean(x, 1), lambda x: torch.mean(x, 1), [normal(2, 3, 4)]),
    ("max_tied", lambda x: F.max(x, 1), lambda x: torch.amax(x, 1), [TIED]),
    ("min_tied", lambda x: F.min(x, (0, 1)), lambda x: torch.amin(x, (0, 1)), [TIED]),
    ("prod", lambda x: F.prod(x, 1), lambda x: torch.prod(x, 1), [normal(3, 4)]),
    ("prod_one_0", lambda x: F.prod(x, 1), lambda x: torch.prod(x, 1), [TIED]),
    ("var", lambda x: F.var(x, 1, correction=1), lambda x: torch.var(x, 1), [normal(3, 4)]),
    ("std", lambda x: F.std(x, 0, correction=1), lambda x: torch.std(x, 0), [normal(3, 4)]),
    ("logsumexp", lambda x: F.logsumexp(x, 1), lambda x: torch.logsumexp(x, 1), [TIED]),
    ("norm", lambda x: F.norm(x, 2, 1), lambda x: torch.norm(x, 2, 1), [normal(3, 4)]),
    ("norm_1", lambda x: F.norm(x, 1, 1), lambda x: torch.norm(x, 1, 1), [normal(3, 4)]),
    ("norm_at_0", lambda x: F.norm(x, 2, 1), lambda x: torch.norm(x, 2, 1), [np.zeros((2, 3))]),
    ("cumsum", lambda x: F.cumsum(x, 1), lambda x: torch.cumsum(x, 1), [normal(3, 4)]),
    ("softmax", lambda x: F.softmax(x, 1), lambda x: T.softmax(x, 1), [normal(2, 3, 4)]),
    ("log_softmax", lambda x: F.log_softmax(x, 0), lambda x: T.log_softmax(x, 0), [normal(3, 4)]),
    ("normalize", lambda x: F.normalize(x, 1), lambda x: T.normalize(x, dim=1), [normal(3, 4)]),
]
MOVEMENT: list[Case] = [
    ("sort", lambda x: F.sort(x, 1)[0], lambda x: torch.sort(x, 1)[0], [normal(3, 5)]),
    ("topk", lambda x: F.topk(x, 2, 1)[0], lambda x: torch.topk(x, 2, 1)[0], [normal(3, 5)]),
    ("take", lambda x: F.take(x, ONES, 0), lambda x: x[torch.tensor(ONES)], [normal(3, 4)]),
    ("take_along_axis", lambda x: F.take_along_axis(x, INDEX, 1),
     lambda x: torch.gather(x, 1, torch.tensor(INDEX)), [normal(2, 3)]),
    ("embedding", lambda w: F.embedding(INDEX, w),
     lambda w: T.embedding(torch.tensor(INDEX), w), [normal(4, 3)]),
    ("pad_reflect", lambda x: F.pad(x, [(0, 0), (2, 1)], "reflect"),
     lambda x: T.pad(x, (2, 1), "reflect"), [normal(3, 5)]),
    ("roll", lambda x: F.roll(x, 2, 1), lambda x: torch.roll(x, 2, 1), [normal(3, 5)]),
    ("flip", lambda x: F.flip(x, 1), lambda x: torch.flip(x, [1]), [normal(3, 5)]),
    ("tile", lambda x: F.tile(x, (2, 3)), lambda x: torch.tile(x, (2, 3)), [normal(2, 3)]),
    ("repeat", lambda x: F.repeat(x, 2, 1), lambda x: torch.repeat_interleave(x, 2, 1),
     [normal(2, 3)]),
    ("tril", F.tril, torch.tril, [normal(4, 4)]),
    ("slice", lambda x: x[1:, ::2], lambda x: x[1:, ::2], [normal(3, 5)]),
    ("concat", lambda a, b: F.concat([a, b, a], 1), lambda a, b: torch.cat([a, b, a], 1),
     [normal(2, 3), normal(2, 2)]),
    ("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), lambda x: T.pixel_shuffle(x, 2),
     [normal(1, 8, 2, 3)]),
]  # fmt: skip


def resize(mode: str, corners: bool = False, scale: float = 2.0) -> Case:
    options = {} if mode == "nearest" else {"align_corners": corners}
    return (
        f"{mode}_{corners}_{scale}",
        lambda x: F.interpolate(x, scale=scale, mode=mode, align_corners=corners),
        lambda x: T.interpolate(x, scale_factor=scale, mode=mode, **options),
        [normal(1, 2, 5, 4)],
    )


def pool(name: str, *arguments: Any, **options: Any) -> Case:
    function = getattr(F, name)
    other = getattr(T, name)
    given = f"{name}_{arguments}{''.join(map(str, options))}"
    return (
        given,
        lambda x: function(x, *arguments, **options),
        lambda x: other(x, *arguments, **options),
        [normal(2, 3, 7, 6)],
    )


WINDOWS: list[Case] = [
    # Places are computed in f32 for all element types, so only those that f32 holds agree.
    *(resize("bilinear", False, scale) for scale in (2.0, 0.5)),
    resize("bilinear", True, 1.8),
    resize("nearest"),
    resize("bicubic"),
    pool("max_pool2d", 3, 2, 1),
    pool("max_pool2d", 3, 2, 1, ceil_mode=True),
    pool("max_pool2d", 2, 1, 0, 2),
    pool("avg_pool2d", 3, 2, 1),
    pool("avg_pool2d", 3, 2, 1, ceil_mode=True),
    pool("avg_pool2d", 3, 2, 1, ceil_mode=True, count_include_pad=False),
    pool("adaptive_avg_pool2d", (3, 4)),
    pool("adaptive_max_pool2d", (3, 4)),
    ("max_pool2d_tied", lambda x: F.max_pool2d(x, 2, 1), lambda x: T.max_pool2d(x, 2, 1),
     [np.zeros((1, 1, 4, 4))]),
    ("conv2d", lambda x, w, b: F.conv2d(x, w, b, 2, 1, 1, 2),
     lambda x, w, b: T.conv2d(x, w, b, 2, 1, 1, 2),
     [normal(2, 4, 7, 6), normal(6, 2, 3, 3), normal(6)]),
    ("conv2d_dilated", lambda x, w: F.conv2d(x, w, None, (1, 2), (2, 0), 2),
     lambda x, w: T.conv2d(x, w, None, (1, 2), (2, 0), 2),
     [normal(1, 3, 7, 9), normal(4, 3, 3, 2)]),
    ("conv1d", lambda x, w: F.conv1d(x, w, None, 3), lambda x, w: T.conv1d(x, w, None, 3),
     [normal(2, 3, 11), normal(4, 3, 2)]),
    ("conv3d", lambda x, w: F.conv3d(x, w, None, 2, 1), lambda x, w: T.conv3d(x, w, None, 2, 1),
     [normal(1, 2, 5, 4, 5), normal(3, 2, 3, 3, 3)]),
    ("conv_transpose2d", lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1, 2),
     lambda x, w, b: T.conv_transpose2d(x, w, b, 2, 1, 1, 2),
     [normal(1, 4, 3, 4), normal(4, 2, 3, 3), normal(4)]),
]  # fmt: skip


def attend(causal: bool, mask: np.ndarray | None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Our attention and torch's."""
    attention = T.scaled_dot_product_attention
    other = None if mask is None else torch.tensor(mask)
    return (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask, causal),
        lambda q, k, v: attention(q, k, v, other, is_causal=causal),
    )


QKV = [normal(2, 3, 4, 6), normal(2, 3, 5, 6), normal(2, 3, 5, 7)]
NETWORK: list[Case] = [
    ("linear", F.linear, T.linear, [normal(2, 3, 4), normal(5, 4), normal(5)]),
    ("matmul", F.matmul, torch.matmul, [normal(2, 1, 3, 4), normal(5, 4, 2)]),
    ("einsum", lambda a, b: F.einsum("bij,bkj->ki", a, b),
     lambda a, b: torch.einsum("bij,bkj->ki", a, b), [normal(2, 3, 4), normal(2, 5, 4)]),
    ("attention", *attend(False, None), QKV),
    ("attention_causal", *attend(True, None), QKV),
    ("attention_mask", *attend(False, CAUSAL), QKV),
    ("attention_bias", *attend(False, normal(3, 4, 5)), QKV),
    ("layer_norm", lambda x, w, b: F.layer_norm(x, w, b),
     lambda x, w, b: T.layer_norm(x, (4,), w, b), [normal(2, 3, 4), normal(4), normal(4)]),
    ("rms_norm", lambda x, w: F.rms_norm(x, w), lambda x, w: T.rms_norm(x, (4,), w, 1e-5),
     [normal(2, 3, 4), normal(4)]),
    ("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b),
     lambda x, w, b: T.group_norm(x, 2, w, b), [normal(2, 4, 3, 3), normal(4), normal(4)]),
    ("instance_norm", lambda x, w, b: F.instance_norm(x, w, b),
     lambda x, w, b: T.instance_norm(x, weight=w, bias=b), [normal(2, 3, 4, 4), normal(3),
                                                            normal(3)]),
    ("batch_norm", lambda x, w, b: F.batch_norm(x, ONES[:3] * 0.1, ONES[:3] + 1.0, w, b),
     lambda x, w, b: T.batch_norm(x, torch.tensor(ONES[:3] * 0.1), torch.tensor(ONES[:3] + 1.0),
                                  w, b), [normal(2, 3, 4), normal(3), normal(3)]),
    ("batch_norm_training", lambda x, w, b: F.batch_norm_training(x, w, b)[0],
     lambda x, w, b: T.batch_norm(x, None, None, w, b, True),
     [normal(4, 3, 2, 2), normal(3), normal(3)]),
    ("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.5),
     lambda x: T.local_response_norm(x, 3, 0.5), [normal(2, 5, 3)]),
]  # fmt: skip


def loss(name: str, target: np.ndarray, theirs: Any = None, **options: Any) -> Case:
    function, other = getattr(F, name), theirs or getattr(T, name)
    return (
        name + "".join(options),
        lambda x: function(x, target, **options),
        lambda x: other(x, torch.tensor(target), **options),
        [between(0.1, 0.9, 4, 3)],
    )


SIGNS = np.where(normal(4, 3) > 0, 1.0, -1.0)
LOSS: list[Case] = [
    *(loss(n, between(0.1, 0.9, 4, 3)) for n in ("mse_loss", "l1_loss", "smooth_l1_loss")),
    loss("huber_loss", normal(4, 3), delta=0.7),
    loss("smooth_l1_loss", normal(4, 3), beta=0.3),
    loss("binary_cross_entropy", between(0.1, 0.9, 4, 3)),
    loss("binary_cross_entropy_with_logits", between(0.1, 0.9, 4, 3)),
    loss("cross_entropy", ONES),
    loss("cross_entropy", ONES, label_smoothing=0.1),
    loss("cross_entropy", between(0.1, 0.9, 4, 3), reduction="sum"),
    loss("nll_loss", ONES),
    # PyTorch warns of its own mean.
    loss("kl_div", normal(4, 3),
         lambda x, t: T.kl_div(x, t, reduction="sum", log_target=True) / x.numel()),
    loss("hinge_loss", SIGNS, lambda x, t: torch.relu(1 - x * t).mean()),
    ("cosine_similarity", F.cosine_similarity, T.cosine_similarity, [normal(4, 3), normal(4, 3)]),
    ("cosine_embedding_loss", lambda a, b: F.cosine_embedding_loss(a, b, SIGNS[:, 0].copy()),
     lambda a, b: T.cosine_embedding_loss(a, b, torch.tensor(SIGNS[:, 0])),
     [normal(4, 3), normal(4, 3)]),
    ("triplet_margin_loss", F.triplet_margin_loss, T.triplet_margin_loss,
     [normal(4, 3), normal(4, 3), normal(4, 3)]),
]  # fmt: skip

CASES = [*UNARY, *BINARY, *REDUCTION, *MOVEMENT, *WINDOWS, *NETWORK, *LOSS]
