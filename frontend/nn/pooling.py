"""Poolings, shapes and resizing as modules."""

from __future__ import annotations

from tyc import functional as F
from tyc.dispatch import TensorLike
from tyc.functional.arguments import Sizes
from tyc.nn.module import Module
from tyc.tensors import Tensor


class MaxPool2d(Module):
    """The maximum over windows of `[N, C, H, W]`."""

    def __init__(
        self,
        kernel: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, x: TensorLike) -> Tensor:
        """`max_pool2d(x, kernel, ...)`."""
        how = (self.stride, self.padding, self.dilation, self.ceil_mode)
        return F.max_pool2d(x, self.kernel, *how)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.kernel}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean over windows of `[N, C, H, W]`."""

    def __init__(
        self,
        kernel: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: TensorLike) -> Tensor:
        """`avg_pool2d(x, kernel, ...)`."""
        how = (self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return F.avg_pool2d(x, self.kernel, *how)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.kernel}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """The mean over as many windows as make an `output` of the given size."""

    def __init__(self, output: Sizes) -> None:
        self.output = output

    def forward(self, x: TensorLike) -> Tensor:
        """`adaptive_avg_pool2d(x, output)`."""
        return F.adaptive_avg_pool2d(x, self.output)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.output}"


class Flatten(Module):
    """Dimensions `start..end` as one; by default all but the first."""

    def __init__(self, start: int = 1, end: int = -1) -> None:
        self.start, self.end = start, end

    def forward(self, x: TensorLike) -> Tensor:
        """`flatten(x, start, end)`."""
        return F.flatten(x, self.start, self.end)

    def extra_repr(self) -> str:
        """Dimensions."""
        return f"{self.start}, {self.end}"


class PixelShuffle(Module):
    """`[N, C*f*f, H, W] -> [N, C, H*f, W*f]`."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def forward(self, x: TensorLike) -> Tensor:
        """`pixel_shuffle(x, factor)`."""
        return F.pixel_shuffle(x, self.factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"{self.factor}"


class Upsample(Module):
    """`interpolate` to `size` or by `scale`."""

    def __init__(
        self,
        size: Sizes | None = None,
        scale: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
    ) -> None:
        self.size, self.scale = size, scale
        self.mode, self.align_corners = mode, align_corners

    def forward(self, x: TensorLike) -> Tensor:
        """`interpolate(x, size, scale, mode, align_corners)`."""
        return F.interpolate(x, self.size, self.scale, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        """How."""
        return f"size={self.size}, scale={self.scale}, mode={self.mode!r}"
