"""Normalizations with their scales and statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tyc import functional as F
from tyc.dispatch import TensorLike, as_tensor
from tyc.frames import error
from tyc.functional.arguments import integers
from tyc.nn.module import Module
from tyc.tensors import DTypeLike, Parameter, Tensor


def _affine(
    module: Module, shape: Sequence[int], wanted: bool, bias: bool, dtype: DTypeLike
) -> None:
    sizes = tuple(shape)
    module.register_parameter("weight", Parameter(F.ones(sizes, dtype)) if wanted else None)
    module.register_parameter("bias", Parameter(F.zeros(sizes, dtype)) if wanted and bias else None)


class _BatchNorm(Module):
    RANKS: ClassVar[tuple[int, ...]]
    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        features: int,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        dtype: DTypeLike = "f32",
    ) -> None:
        self.features, self.epsilon, self.momentum = features, epsilon, momentum
        _affine(self, (features,), affine, affine, dtype)
        self.register_buffer("running_mean", F.zeros(features, dtype))
        self.register_buffer("running_var", F.ones(features, dtype))
        self.register_buffer("num_batches_tracked", np.int64(0))

    def forward(self, x: TensorLike) -> Tensor:
        """By the running statistics, or in training by the batch's, which then update them."""
        value = as_tensor(x)
        if value.ndim not in self.RANKS or value.shape[1] != self.features:
            ranks = " or ".join(map(str, self.RANKS))
            raise error(
                f"{type(self).__name__} takes rank {ranks} with {self.features} channels, "
                f"got {value.type}"
            )
        statistics = self._batch(value) if self.training else (self.running_mean, self.running_var)
        return F.batch_norm(value, *statistics, self.weight, self.bias, self.epsilon)

    def _batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        axes = [d for d in range(x.ndim) if d != 1]
        count = x.size // self.features
        if count < 2:
            raise error(f"training takes more than one value a channel, got {x.type}")
        mean, variance = F.mean(x, axes), F.var(x, axes)
        keep, take = 1 - self.momentum, self.momentum
        unbiased = variance * (count / (count - 1))
        self.running_mean = self.running_mean * keep + mean * take
        self.running_var = self.running_var * keep + unbiased * take
        self.num_batches_tracked = self.num_batches_tracked + 1
        return mean, variance

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.features}, epsilon={self.epsilon}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """Each channel of `[N, C]` or `[N, C, L]` normalized by its statistics."""

    RANKS = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of `[N, C, H, W]` normalized by its statistics."""

    RANKS = (4,)


class LayerNorm(Module):
    """`layer_norm` over the last dimensions, which have sizes `shape`."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        shape: int | Sequence[int],
        epsilon: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        dtype: DTypeLike = "f32",
    ) -> None:
        self.shape, self.epsilon = integers(shape, "shape"), epsilon
        _affine(self, self.shape, affine, affine and bias, dtype)

    def forward(self, x: TensorLike) -> Tensor:
        """`layer_norm(x, weight, bias)`."""
        value = as_tensor(x)
        if value.shape[-len(self.shape) :] != self.shape:
            raise error(f"x must end in sizes {self.shape}, got {value.type}")
        return F.layer_norm(value, self.weight, self.bias, -len(self.shape), self.epsilon)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.shape}, epsilon={self.epsilon}"


class RMSNorm(Module):
    """`rms_norm` over the last dimensions, which have sizes `shape`."""

    weight: Parameter | None

    def __init__(
        self, shape: int | Sequence[int], epsilon: float = 1e-5, dtype: DTypeLike = "f32"
    ) -> None:
        self.shape, self.epsilon = integers(shape, "shape"), epsilon
        self.weight = Parameter(F.ones(self.shape, dtype))

    def forward(self, x: TensorLike) -> Tensor:
        """`rms_norm(x, weight)`."""
        return F.rms_norm(x, self.weight, -len(self.shape), self.epsilon)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.shape}, epsilon={self.epsilon}"


class GroupNorm(Module):
    """`group_norm` of `[N, C, ...]` over each of `groups` groups of channels."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        groups: int,
        channels: int,
        epsilon: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = "f32",
    ) -> None:
        if channels % groups:
            raise error(f"groups must divide the channels, got {groups} for {channels} channels")
        self.groups, self.channels, self.epsilon = groups, channels, epsilon
        _affine(self, (channels,), affine, affine, dtype)

    def forward(self, x: TensorLike) -> Tensor:
        """`group_norm(x, groups, weight, bias)`."""
        return F.group_norm(x, self.groups, self.weight, self.bias, self.epsilon)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.groups}, {self.channels}, epsilon={self.epsilon}"


class InstanceNorm2d(Module):
    """`instance_norm` of `[N, C, H, W]`: each channel of each image by itself."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        features: int,
        epsilon: float = 1e-5,
        affine: bool = False,
        dtype: DTypeLike = "f32",
    ) -> None:
        self.features, self.epsilon = features, epsilon
        _affine(self, (features,), affine, affine, dtype)

    def forward(self, x: TensorLike) -> Tensor:
        """`instance_norm(x, weight, bias)`."""
        return F.instance_norm(x, self.weight, self.bias, self.epsilon)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.features}, epsilon={self.epsilon}"
