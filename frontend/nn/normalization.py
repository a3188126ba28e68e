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
        if not self.training:
            statistics = (self.running_mean, self.running_var)
            return F.batch_norm(value, *statistics, self.weight, self.bias, self.epsilon)
        count = value.size // self.features
        if count < 2:
            raise error(f"training takes more than one value a channel, got {value.type}")
        y, mean, variance = F.batch_norm_training(value, self.weight, self.bias, self.epsilon)
        self._track(mean, variance * (count / (count - 1)))
        return y

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Moves the running statistics by `momentum` towards those of a batch."""
        keep, take = 1 - self.momentum, self.momentum
        self.running_mean = self.running_mean * keep + mean * take
        self.running_var = self.running_var * keep + variance * take
        self.num_batches_tracked = self.num_batches_tracked + 1

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.features}, epsilon={self.epsilon}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """Each channel of `[N, C]` or `[N, C, L]` normalized by its statistics."""

    RANKS = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of `[N, C, H, W]` normalized by its statistics."""

    RANKS = (4,)


class BatchNorm3d(_BatchNorm):
    """Each channel of `[N, C, D, H, W]` normalized by its statistics."""

    RANKS = (5,)


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


class _InstanceNorm(Module):
    RANK: ClassVar[int]
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
        value = as_tensor(x)
        if value.ndim != self.RANK or value.shape[1] != self.features:
            raise error(
                f"{type(self).__name__} takes rank {self.RANK} with {self.features} channels, "
                f"got {value.type}"
            )
        return F.instance_norm(value, self.weight, self.bias, self.epsilon)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.features}, epsilon={self.epsilon}"


class InstanceNorm1d(_InstanceNorm):
    """`instance_norm` of `[N, C, L]`: each channel of each sample by itself."""

    RANK = 3


class InstanceNorm2d(_InstanceNorm):
    """`instance_norm` of `[N, C, H, W]`: each channel of each image by itself."""

    RANK = 4


class InstanceNorm3d(_InstanceNorm):
    """`instance_norm` of `[N, C, D, H, W]`: each channel of each volume by itself."""

    RANK = 5


class LocalResponseNorm(Module):
    """`local_response_norm` over `size` channels around each."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: TensorLike) -> Tensor:
        """`local_response_norm(x, size, alpha, beta, k)`."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
