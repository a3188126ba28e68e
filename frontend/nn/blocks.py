"""A convolution with what mostly follows it, under MegEngine's names."""

from __future__ import annotations

from typing import Any

from tyc import functional as F
from tyc.dispatch import TensorLike
from tyc.nn.convolution import Conv2d
from tyc.nn.module import Module
from tyc.nn.normalization import BatchNorm2d
from tyc.tensors import Tensor


class ConvRelu2d(Conv2d):
    """`relu(conv2d(x))`."""

    def forward(self, x: TensorLike) -> Tensor:
        """Convolution, then ReLU."""
        return F.relu(super().forward(x))


class ConvBn2d(Module):
    """`bn(conv(x))`: a `Conv2d` and a `BatchNorm2d` of these names.

    Options are those of `Conv2d`, and `epsilon` and `momentum` of the batch norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Any,
        *arguments: Any,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        **options: Any,
    ) -> None:
        self.conv = Conv2d(in_channels, out_channels, kernel, *arguments, **options)
        self.bn = BatchNorm2d(out_channels, epsilon, momentum)

    def forward(self, x: TensorLike) -> Tensor:
        """Convolution, then batch norm."""
        return self.bn(self.conv(x))


class ConvBnRelu2d(ConvBn2d):
    """`relu(bn(conv(x)))`."""

    def forward(self, x: TensorLike) -> Tensor:
        """Convolution, batch norm, ReLU."""
        return F.relu(super().forward(x))
