"""ResNet (He et al., 2015), version 1.5: a bottleneck's 3x3 convolution has its stride.

Parameters are named as in torchvision: `layer1.0.conv1.weight`, `layer1.0.downsample.0.weight`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike
from tyc.hub.models.model import ImageClassifier, kaiming_fan_out
from tyc.tensors import Tensor


class BasicBlock(nn.Module):
    """`relu(x + bn(conv3x3(relu(bn(conv3x3(x))))))`; the shortcut is a 1x1 where shapes differ."""

    EXPANSION: ClassVar[int] = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width * self.EXPANSION, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W] -> [N, width, H/stride, W/stride]`."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1 to `width` channels, 3x3 with the stride, 1x1 to `4 * width`, and the shortcut."""

    EXPANSION: ClassVar[int] = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        outputs = width * self.EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W] -> [N, 4 * width, H/stride, W/stride]`."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    if stride == 1 and inputs == outputs:
        return None
    convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class ResNet(ImageClassifier):
    """A 7x7 convolution, a max pooling, four stages of blocks, the mean, a linear layer."""

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        classes: int = 1000,
        width: int = 64,
    ) -> None:
        self.classes = classes
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, depth in enumerate(depths):
            layer = nn.Sequential()
            for i in range(depth):
                inner = width * 2**stage
                layer.append(block(channels, inner, 2 if stage and not i else 1))
                channels = inner * block.EXPANSION
            setattr(self, f"layer{stage + 1}", layer)
        self.stages = len(depths)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)
        kaiming_fan_out(self)

    def forward(self, x: TensorLike) -> Tensor:
        """Logits `[N, classes]`."""
        y = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            y = getattr(self, f"layer{stage + 1}")(y)
        return self.fc(F.flatten(self.avgpool(y), 1))
