"""The hub's models at sizes for tests: all layers, few channels.

Options are those of `tyc.hub.models.create`; `size` is the side of an image or the length of a
text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Small:
    """A model's options, batch and size."""

    options: dict[str, Any] = field(default_factory=dict)
    batch: int = 2
    size: int = 32


_IMAGE = {"width": 8, "classes": 7}
_TEXT = {"vocabulary": 50, "features": 24, "heads": 3, "positions": 16, "dropout": 0.0}
_NARROW_B0 = ((1, 3, 1, 8, 4, 1), (6, 3, 2, 4, 8, 2), (6, 5, 2, 8, 12, 2), (6, 3, 2, 12, 16, 3),
              (6, 5, 1, 16, 24, 3), (6, 5, 2, 24, 32, 4), (6, 3, 1, 32, 40, 1))  # fmt: skip

SMALL: dict[str, Small] = {
    "resnet18": Small(_IMAGE),
    "resnet34": Small(_IMAGE),
    "resnet50": Small(_IMAGE),
    "resnet101": Small({"width": 4, "classes": 7}),
    "resnet152": Small({"width": 4, "classes": 7}),
    "densenet121": Small({"growth": 4, "width": 8, "classes": 7}),
    "vgg19": Small({"width": 4, "hidden": 16, "classes": 7, "dropout": 0.0}),
    "vgg19_bn": Small({"width": 4, "hidden": 16, "classes": 7, "dropout": 0.0}),
    "mobilenet_v2": Small({"width": 0.25, "classes": 7, "dropout": 0.0}),
    "efficientnet_b0": Small(
        {"settings": _NARROW_B0, "classes": 7, "dropout": 0.0, "stochastic_depth": 0.0}
    ),
    "unet": Small({"width": 4}),
    "vit_base": Small({"features": 24, "heads": 3, "image": 32, "classes": 7}),
    "vit_tiny": Small({"features": 12, "heads": 3, "image": 32, "classes": 7}),
    "bert_base": Small(_TEXT, size=8),
    "bert_small": Small(_TEXT, size=8),
    "gpt2": Small(_TEXT, size=8),
    "gpt2_tiny": Small({"features": 12, "heads": 3, "dropout": 0.0}, size=8),
    "lstm": Small({"vocabulary": 50, "features": 12, "hidden": 12, "dropout": 0.0}, size=6),
}
