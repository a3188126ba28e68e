"""U-Net (Ronneberger et al., 2015) with padding and batch norms.

Parameters are named as in the widely used Pytorch-UNet (github.com/milesial/Pytorch-UNet), in its
form with transposed convolutions: `inc.double_conv.0.weight`, `down1.maxpool_conv.1.double_conv.0`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike
from tyc.hub.models.model import Example, Model, images
from tyc.tensors import Tensor


class DoubleConv(nn.Module):
    """3x3, batch norm, ReLU, twice."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.double_conv = nn.Sequential()
        for channels in (inputs, outputs):
            self.double_conv.append(nn.Conv2d(channels, outputs, 3, padding=1, bias=False))
            self.double_conv.append(nn.BatchNorm2d(outputs))
            self.double_conv.append(nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W] -> [N, outputs, H, W]`."""
        return self.double_conv(x)


class Down(nn.Module):
    """The maximum of 2x2, then `DoubleConv`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W] -> [N, outputs, H/2, W/2]`."""
        return self.maxpool_conv(x)


class Up(nn.Module):
    """Twice the size by a transposed convolution, beside the map of that size: `DoubleConv`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.up = nn.ConvTranspose2d(inputs, inputs // 2, 2, 2)
        self.conv = DoubleConv(inputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """`[N, inputs, H, W], [N, inputs/2, 2H.., 2W..] -> [N, outputs, 2H.., 2W..]`."""
        y = self.up(x)
        rows, columns = (skip.shape[d] - y.shape[d] for d in (2, 3))
        if rows or columns:
            low = [0, 0, rows // 2, columns // 2]
            high = [0, 0, rows - rows // 2, columns - columns // 2]
            y = F.pad(y, list(zip(low, high)))
        return self.conv(F.concat([skip, y], 1))


class UNet(Model):
    """Four halvings and four doublings: `[N, channels, H, W] -> [N, classes, H, W]`."""

    SIZE = 256
    # Newer files tell which grey value stood for which class.
    IGNORED = r"mask_values"

    def __init__(self, channels: int = 3, classes: int = 2, width: int = 64) -> None:
        self.channels, self.classes = channels, classes
        sizes = [width * 2**i for i in range(5)]
        self.inc = DoubleConv(channels, width)
        for i, (fewer, more) in enumerate(pairwise(sizes), 1):
            setattr(self, f"down{i}", Down(fewer, more))
        for i, (more, fewer) in enumerate(pairwise(reversed(sizes)), 1):
            setattr(self, f"up{i}", Up(more, fewer))
        self.outc = nn.Sequential()
        self.outc.conv = nn.Conv2d(width, classes, 1)

    def forward(self, x: TensorLike) -> Tensor:
        """Logits of each pixel."""
        maps = [self.inc(x)]
        for i in range(1, 5):
            maps.append(getattr(self, f"down{i}")(maps[-1]))
        y = maps.pop()
        for i in range(1, 5):
            y = getattr(self, f"up{i}")(y, maps.pop())
        return self.outc(y)

    def example(self, batch: int = 1, size: int | None = None, dtype: str = "f32") -> Example:
        """Images `[N, channels, size, size]` and a class i64 for each pixel."""
        rng = np.random.default_rng(0)
        side = size or self.SIZE
        shape = (batch, side, side)
        pixels = images(rng, (batch, self.channels, side, side), dtype)
        return pixels, rng.integers(0, self.classes, shape)

    def loss(self, output: Tensor, target: TensorLike) -> Tensor:
        """Cross entropy, the mean over all pixels."""
        return F.cross_entropy(output, target, axis=1)
