"""DenseNet (Huang et al., 2016): each layer reads all maps before it.

Parameters are named as in torchvision: `features.denseblock1.denselayer1.norm1.weight`; its files
on the hub have the older `norm.1`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike
from tyc.hub.models.model import ImageClassifier, kaiming_fan_out
from tyc.nn import init
from tyc.tensors import Tensor


class DenseLayer(nn.Module):
    """`growth` new maps of all those before: norm, ReLU, 1x1; norm, ReLU, 3x3."""

    def __init__(self, inputs: int, growth: int, bottleneck: int) -> None:
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, bottleneck * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bottleneck * growth)
        self.conv2 = nn.Conv2d(bottleneck * growth, growth, 3, 1, 1, bias=False)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """The new maps of all maps so far."""
        y = self.conv1(F.relu(self.norm1(F.concat(maps, 1))))
        return self.conv2(F.relu(self.norm2(y)))


class DenseBlock(nn.ModuleDict):
    """Layers whose results are all kept side by side."""

    def __init__(self, layers: int, inputs: int, growth: int, bottleneck: int) -> None:
        for i in range(layers):
            setattr(self, f"denselayer{i + 1}", DenseLayer(inputs + i * growth, growth, bottleneck))

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W] -> [N, inputs + layers * growth, H, W]`."""
        maps = [x]
        for layer in self.children():
            maps.append(layer(maps))
        return F.concat(maps, 1)


class Transition(nn.Module):
    """Half the channels and half the size: norm, ReLU, 1x1, mean of 2x2."""

    def __init__(self, inputs: int) -> None:
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W] -> [N, inputs/2, H/2, W/2]`."""
        return self.pool(self.conv(F.relu(self.norm(x))))


class DenseNet(ImageClassifier):
    """Dense blocks with transitions between them."""

    RENAMED = ((r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2."),)

    def __init__(
        self,
        depths: Sequence[int] = (6, 12, 24, 16),
        growth: int = 32,
        width: int = 64,
        bottleneck: int = 4,
        classes: int = 1000,
    ) -> None:
        self.classes = classes
        parts = nn.Sequential()
        parts.conv0 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        parts.norm0, parts.relu0 = nn.BatchNorm2d(width), nn.ReLU()
        parts.pool0 = nn.MaxPool2d(3, 2, 1)
        channels = width
        for i, depth in enumerate(depths, 1):
            setattr(parts, f"denseblock{i}", DenseBlock(depth, channels, growth, bottleneck))
            channels += depth * growth
            if i < len(depths):
                setattr(parts, f"transition{i}", Transition(channels))
                channels //= 2
        parts.norm5 = nn.BatchNorm2d(channels)
        self.features = parts
        self.classifier = nn.Linear(channels, classes)
        kaiming_fan_out(self)
        if self.classifier.bias is not None:
            init.zeros_(self.classifier.bias)

    def forward(self, x: TensorLike) -> Tensor:
        """Logits `[N, classes]`."""
        y = F.relu(self.features(x))
        return self.classifier(F.flatten(F.adaptive_avg_pool2d(y, 1), 1))
