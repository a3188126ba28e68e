"""VGG (Simonyan and Zisserman, 2014), with and without batch norms.

Parameters are named as in torchvision: `features.0.weight`, `classifier.6.bias`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike
from tyc.hub.models.model import ImageClassifier, kaiming_fan_out, normal_linear
from tyc.tensors import Tensor

# How many 3x3 convolutions each of the five stages has; a max pooling ends each.
VGG19 = (2, 2, 4, 4, 4)


class VGG(ImageClassifier):
    """Stages of 3x3 convolutions, the mean of 7x7 parts, three linear layers."""

    def __init__(
        self,
        depths: Sequence[int] = VGG19,
        batch_norm: bool = False,
        classes: int = 1000,
        width: int = 64,
        hidden: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        self.classes = classes
        self.features = nn.Sequential()
        channels = 3
        for stage, depth in enumerate(depths):
            outputs = min(width * 2**stage, width * 8)
            for _ in range(depth):
                self.features.append(nn.Conv2d(channels, outputs, 3, padding=1))
                if batch_norm:
                    self.features.append(nn.BatchNorm2d(outputs))
                self.features.append(nn.ReLU())
                channels = outputs
            self.features.append(nn.MaxPool2d(2, 2))
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 49, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )
        kaiming_fan_out(self)
        normal_linear(self, 0.01)

    def forward(self, x: TensorLike) -> Tensor:
        """Logits `[N, classes]`."""
        return self.classifier(F.flatten(self.avgpool(self.features(x)), 1))
