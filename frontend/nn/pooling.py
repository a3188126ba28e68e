"""Poolings, shapes and resizing as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tyc import functional as F
from tyc.dispatch import TensorLike
from tyc.functional.arguments import Sizes
from tyc.nn.module import Module
from tyc.tensors import Tensor


class _MaxPool(Module):
    FUNCTION: ClassVar[Callable[..., Tensor]]

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
        """The function of that name."""
        how = (self.stride, self.padding, self.dilation, self.ceil_mode)
        return self.FUNCTION(x, self.kernel, *how)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.kernel}, stride={self.stride}, padding={self.padding}"


class MaxPool1d(_MaxPool):
    """The maximum over windows of `[N, C, L]`."""

    FUNCTION = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum over windows of `[N, C, H, W]`."""

    FUNCTION = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The maximum over windows of `[N, C, D, H, W]`."""

    FUNCTION = staticmethod(F.max_pool3d)


class _AvgPool(Module):
    FUNCTION: ClassVar[Callable[..., Tensor]]

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
        """The function of that name."""
        how = (self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return self.FUNCTION(x, self.kernel, *how)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.kernel}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean over windows of `[N, C, L]`."""

    FUNCTION = staticmethod(F.avg_pool1d)


class AvgPool2d(_AvgPool):
    """The mean over windows of `[N, C, H, W]`."""

    FUNCTION = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean over windows of `[N, C, D, H, W]`."""

    FUNCTION = staticmethod(F.avg_pool3d)


class _AdaptivePool(Module):
    FUNCTION: ClassVar[Callable[..., Tensor]]

    def __init__(self, output: Sizes) -> None:
        self.output = output

    def forward(self, x: TensorLike) -> Tensor:
        """The function of that name."""
        return self.FUNCTION(x, self.output)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.output}"


class AdaptiveAvgPool1d(_AdaptivePool):
    """The mean over as many windows of `[N, C, L]` as make an `output` of the given size."""

    FUNCTION = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptivePool):
    """The mean over as many windows of `[N, C, H, W]` as make an `output` of the given size."""

    FUNCTION = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveMaxPool2d(_AdaptivePool):
    """The maximum over as many windows as make an `output` of the given size."""

    FUNCTION = staticmethod(F.adaptive_max_pool2d)


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


class PixelUnshuffle(Module):
    """`[N, C, H*f, W*f] -> [N, C*f*f, H, W]`."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def forward(self, x: TensorLike) -> Tensor:
        """`pixel_unshuffle(x, factor)`."""
        return F.pixel_unshuffle(x, self.factor)

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
