"""MobileNetV2 (Sandler et al., 2018): depthwise convolutions between narrow maps.

Parameters are named as in torchvision: `features.1.conv.0.0.weight`, `classifier.1.weight`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike
from tyc.hub.models.model import ImageClassifier, kaiming_fan_out, normal_linear
from tyc.tensors import Tensor

# Expansion, output channels, blocks, stride of the first block.
V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
      (6, 320, 1, 1))  # fmt: skip


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    activation: nn.Module | None = None,
) -> nn.Sequential:
    """A convolution that keeps the size at stride 1, a batch norm, an activation where given."""
    padding = (kernel - 1) // 2
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    parts = nn.Sequential(convolution, nn.BatchNorm2d(outputs))
    if activation is not None:
        parts.append(activation)
    return parts


class InvertedResidual(nn.Module):
    """1x1 to `expansion` times the channels, 3x3 depthwise, 1x1 back; a shortcut where it fits."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        inner = inputs * expansion
        self.shortcut = stride == 1 and inputs == outputs
        self.conv = nn.Sequential()
        if expansion != 1:
            self.conv.append(conv_norm(inputs, inner, 1, activation=nn.ReLU6()))
        self.conv.append(conv_norm(inner, inner, 3, stride, inner, nn.ReLU6()))
        self.conv.append(nn.Conv2d(inner, outputs, 1, bias=False))
        self.conv.append(nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W] -> [N, outputs, H/stride, W/stride]`."""
        return x + self.conv(x) if self.shortcut else self.conv(x)


class MobileNetV2(ImageClassifier):
    """A convolution, inverted residuals, a 1x1, the mean, a linear layer."""

    def __init__(
        self,
        settings: Sequence[tuple[int, int, int, int]] = V2,
        classes: int = 1000,
        width: float = 1.0,
        dropout: float = 0.2,
    ) -> None:
        self.classes = classes
        channels, last = _rounded(32 * width), _rounded(1280 * max(1.0, width))
        self.features = nn.Sequential(conv_norm(3, channels, 3, 2, activation=nn.ReLU6()))
        for expansion, size, blocks, stride in settings:
            outputs = _rounded(size * width)
            for i in range(blocks):
                step = stride if i == 0 else 1
                self.features.append(InvertedResidual(channels, outputs, step, expansion))
                channels = outputs
        self.features.append(conv_norm(channels, last, 1, activation=nn.ReLU6()))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, classes))
        kaiming_fan_out(self)
        normal_linear(self, 0.01)

    def forward(self, x: TensorLike) -> Tensor:
        """Logits `[N, classes]`."""
        return self.classifier(F.mean(self.features(x), (2, 3)))


def _rounded(channels: float, divisor: int = 8) -> int:
    """A multiple of `divisor` that is at least nine tenths of `channels`."""
    near = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * channels else near
