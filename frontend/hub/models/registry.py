"""The models by name."""

from __future__ import annotations

import builtins
import difflib
from collections.abc import Callable
from functools import partial
from typing import Any

from tyc.frames import error
from tyc.hub.models.bert import Bert
from tyc.hub.models.densenet import DenseNet
from tyc.hub.models.efficientnet import EfficientNet
from tyc.hub.models.gpt2 import GPT2
from tyc.hub.models.lstm import LSTM
from tyc.hub.models.mobilenet import MobileNetV2
from tyc.hub.models.model import Model
from tyc.hub.models.resnet import BasicBlock, Bottleneck, ResNet
from tyc.hub.models.unet import UNet
from tyc.hub.models.vgg import VGG
from tyc.hub.models.vit import VisionTransformer

_MODELS: dict[str, Callable[..., Model]] = {
    "resnet18": partial(ResNet, BasicBlock, (2, 2, 2, 2)),
    "resnet34": partial(ResNet, BasicBlock, (3, 4, 6, 3)),
    "resnet50": partial(ResNet, Bottleneck, (3, 4, 6, 3)),
    "resnet101": partial(ResNet, Bottleneck, (3, 4, 23, 3)),
    "resnet152": partial(ResNet, Bottleneck, (3, 8, 36, 3)),
    "densenet121": DenseNet,
    "vgg19": VGG,
    "vgg19_bn": partial(VGG, batch_norm=True),
    "mobilenet_v2": MobileNetV2,
    "efficientnet_b0": EfficientNet,
    "unet": UNet,
    "vit_base": VisionTransformer,
    "vit_tiny": partial(VisionTransformer, features=192, heads=3),
    "bert_base": Bert,
    "bert_small": partial(Bert, features=512, layers=4, heads=8),
    "gpt2": GPT2,
    "gpt2_tiny": partial(GPT2, vocabulary=256, features=64, layers=2, heads=4, positions=128),
    "lstm": LSTM,
}


def list() -> builtins.list[str]:
    """All names that `create` takes.

    >>> list()[:3]
    ['bert_base', 'bert_small', 'densenet121']
    """
    return sorted(_MODELS)


def create(name: str, **options: Any) -> Model:
    """A new model with random parameters, in training mode.

    `options` are those of the model's class, such as `classes` and `width` of `ResNet`, or
    `layers`, `features` and `vocabulary` of `GPT2`. Raises `UserError` for an unknown name or
    option.
    """
    make = _MODELS.get(name)
    if make is None:
        near = difflib.get_close_matches(name, _MODELS, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see tyc.hub.models.list()"
        raise error(f"the hub must have the model, got {name!r}", hint)
    try:
        return make(**options)
    except TypeError as raised:
        raise error(f"{name} takes other options: {raised}") from None
