"""EfficientNet-B0 (Tan and Le, 2019): inverted residuals with squeeze and excitation.

Parameters are named as in torchvision: `features.1.0.block.1.fc1.weight`, `classifier.1.weight`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tyc import functional as F
from tyc import nn, random
from tyc.dispatch import TensorLike
from tyc.hub.models.mobilenet import conv_norm
from tyc.hub.models.model import ImageClassifier, kaiming_fan_out
from tyc.nn import init
from tyc.tensors import Tensor

# Expansion, kernel, stride of the first block, input channels, output channels, blocks.
B0 = ((1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3),
      (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1))  # fmt: skip


class SqueezeExcitation(nn.Module):
    """`x * sigmoid(fc2(silu(fc1(mean(x)))))`, a factor a channel."""

    def __init__(self, channels: int, squeezed: int) -> None:
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The type of `x`."""
        mean = F.adaptive_avg_pool2d(x, 1)
        return x * F.sigmoid(self.fc2(F.silu(self.fc1(mean))))


class StochasticDepth(nn.Module):
    """In training an image's branch is dropped with probability `p` (Huang et al., 2016)."""

    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """`x / (1 - p)` for the images that keep it, else 0."""
        if not self.training or not self.p:
            return x
        keep = random.uniform((x.shape[0], *[1] * (x.ndim - 1))) >= self.p
        return F.where(keep, x * (1 / (1 - self.p)), 0.0)


class MBConv(nn.Module):
    """1x1 to more channels, depthwise, squeeze and excitation, 1x1 back; a shortcut that fits."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, drop: float
    ) -> None:
        inner = inputs * expansion
        self.shortcut = stride == 1 and inputs == outputs
        self.block = nn.Sequential()
        if inner != inputs:
            self.block.append(conv_norm(inputs, inner, 1, activation=nn.SiLU()))
        self.block.append(conv_norm(inner, inner, kernel, stride, inner, nn.SiLU()))
        self.block.append(SqueezeExcitation(inner, max(1, inputs // 4)))
        self.block.append(conv_norm(inner, outputs, 1))
        self.drop = StochasticDepth(drop)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W] -> [N, outputs, H/stride, W/stride]`."""
        y = self.block(x)
        return x + self.drop(y) if self.shortcut else y


class EfficientNet(ImageClassifier):
    """A convolution, stages of `MBConv`, a 1x1, the mean, a linear layer."""

    def __init__(
        self,
        settings: Sequence[tuple[int, int, int, int, int, int]] = B0,
        classes: int = 1000,
        dropout: float = 0.2,
        stochastic_depth: float = 0.2,
    ) -> None:
        self.classes = classes
        channels = settings[0][3]
        self.features = nn.Sequential(conv_norm(3, channels, 3, 2, activation=nn.SiLU()))
        total, done = sum(s[-1] for s in settings), 0
        for expansion, kernel, stride, _, outputs, blocks in settings:
            stage = nn.Sequential()
            for i in range(blocks):
                step, drop = stride if i == 0 else 1, stochastic_depth * done / total
                stage.append(MBConv(channels, outputs, kernel, step, expansion, drop))
                channels, done = outputs, done + 1
            self.features.append(stage)
        last = 4 * channels
        self.features.append(conv_norm(channels, last, 1, activation=nn.SiLU()))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, classes))
        kaiming_fan_out(self)
        bound = classes**-0.5
        init.uniform_(self.classifier[1].weight, -bound, bound)
        init.zeros_(self.classifier[1].bias)

    def forward(self, x: TensorLike) -> Tensor:
        """Logits `[N, classes]`."""
        return self.classifier(F.mean(self.features(x), (2, 3)))
