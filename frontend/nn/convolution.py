"""Convolutions with their weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from tyc import functional as F
from tyc.dispatch import TensorLike
from tyc.frames import error
from tyc.functional.arguments import Sizes, repeated
from tyc.nn import init
from tyc.nn.module import Module
from tyc.tensors import DTypeLike, Parameter, Tensor


class _Convolution(Module):
    RANK: ClassVar[int]
    weight: Parameter
    bias: Parameter | None

    def _make(
        self,
        weight: tuple[int, int],
        kernel: Sizes,
        out_channels: int,
        groups: int,
        bias: bool,
        dtype: DTypeLike,
    ) -> None:
        sizes = repeated(kernel, self.RANK, "kernel")
        fan_in = weight[1] * math.prod(sizes)
        self.weight = Parameter(F.zeros((*weight, *sizes), dtype))
        init.lecun_uniform_(self.weight, fan_in)
        self.bias = Parameter(F.zeros(out_channels, dtype)) if bias else None
        if self.bias is not None:
            init.lecun_uniform_(self.bias, fan_in)

    def _check(self, in_channels: int, out_channels: int, groups: int) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise error(
                "groups must divide the channels, "
                f"got {groups} for {in_channels} and {out_channels} channels"
            )

    def extra_repr(self) -> str:
        """The weight's sizes and how it is applied."""
        shape = "x".join(map(str, self.weight.shape))
        return f"{shape}, stride={self.stride}, padding={self.padding}, groups={self.groups}"


class _Conv(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: DTypeLike = "f32",
    ) -> None:
        self._check(in_channels, out_channels, groups)
        self.stride, self.padding = stride, padding
        self.dilation, self.groups = dilation, groups
        shape = (out_channels, in_channels // groups)
        self._make(shape, kernel, out_channels, groups, bias, dtype)

    def _arguments(self, x: TensorLike) -> tuple[Any, ...]:
        how = (self.stride, self.padding, self.dilation, self.groups)
        return (x, self.weight, self.bias, *how)


class Conv1d(_Conv):
    """`conv1d` of `[N, C, L]` with a weight `[O, C/groups, K]`."""

    RANK = 1

    def forward(self, x: TensorLike) -> Tensor:
        """`conv1d(x, weight, bias, ...)`."""
        return F.conv1d(*self._arguments(x))


class Conv2d(_Conv):
    """`conv2d` of `[N, C, H, W]` with a weight `[O, C/groups, K, K]`."""

    RANK = 2

    def forward(self, x: TensorLike) -> Tensor:
        """`conv2d(x, weight, bias, ...)`."""
        return F.conv2d(*self._arguments(x))


class Conv3d(_Conv):
    """`conv3d` of `[N, C, D, H, W]` with a weight `[O, C/groups, K, K, K]`."""

    RANK = 3

    def forward(self, x: TensorLike) -> Tensor:
        """`conv3d(x, weight, bias, ...)`."""
        return F.conv3d(*self._arguments(x))


class _ConvTranspose(_Convolution):
    FUNCTION: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        dtype: DTypeLike = "f32",
    ) -> None:
        self._check(in_channels, out_channels, groups)
        self.stride, self.padding, self.output_padding = stride, padding, output_padding
        self.dilation, self.groups = dilation, groups
        shape = (in_channels, out_channels // groups)
        self._make(shape, kernel, out_channels, groups, bias, dtype)

    def forward(self, x: TensorLike) -> Tensor:
        """The function of that name."""
        return self.FUNCTION(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """`conv_transpose1d` of `[N, C, L]` with a weight `[C, O/groups, K]`."""

    RANK = 1
    FUNCTION = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """`conv_transpose2d` of `[N, C, H, W]` with a weight `[C, O/groups, K, K]`."""

    RANK = 2
    FUNCTION = staticmethod(F.conv_transpose2d)


class LocalConv2d(Module):
    """A convolution whose weight is another one at each place of the result.

    `weight` is `[groups, OH, OW, C/groups, K, K, O/groups]`, as MegEngine has it; there is no bias.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: Sizes,
        kernel: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        dtype: DTypeLike = "f32",
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise error(f"groups must divide {in_channels} and {out_channels}, got {groups}")
        sizes, taps = repeated(size, 2, "size"), repeated(kernel, 2, "kernel")
        self.stride, self.padding = repeated(stride, 2, "stride"), repeated(padding, 2, "padding")
        self.dilation = repeated(dilation, 2, "dilation")
        places = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(sizes, taps, self.stride, self.padding, self.dilation)
        ]
        inner, outer = in_channels // groups, out_channels // groups
        self.weight = Parameter(F.zeros((groups, *places, inner, *taps, outer), dtype))
        init.lecun_uniform_(self.weight, inner * math.prod(taps))

    def forward(self, x: TensorLike) -> Tensor:
        """`local_conv2d(x, weight, ...)`."""
        return F.local_conv2d(x, self.weight, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        """The weight's sizes and how it is applied."""
        shape = "x".join(map(str, self.weight.shape))
        return f"{shape}, stride={self.stride}, padding={self.padding}"
