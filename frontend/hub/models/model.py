"""What all models of the hub have: example inputs, a loss, and checkpoints under other names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tyc import functional as F
from tyc import nn
from tyc.nn import init
from tyc.tensors import Parameter, Tensor, element_type

Example = tuple[np.ndarray, np.ndarray]


class Model(nn.Module):
    """A module that can say what it is trained on, and reads checkpoints of other libraries.

    `RENAMED` are pairs of a regular expression and what it becomes, applied to each name of a
    checkpoint in order; names that `IGNORED` matches afterwards are left out.
    """

    SIZE: ClassVar[int]
    RENAMED: ClassVar[tuple[tuple[str, str], ...]] = ()
    IGNORED: ClassVar[str] = r"(?!)"

    def example(self, batch: int = 1, size: int | None = None, dtype: str = "f32") -> Example:
        """A random input of `forward` and a target of `loss`: `batch` items of side or length
        `size`, by default the one that the model is known with; floats are of `dtype`."""
        raise NotImplementedError

    def loss(self, output: Tensor, target: Any) -> Tensor:
        """The mean loss that the model is trained by, rank 0: cross entropy over the classes."""
        return F.cross_entropy(output, target, axis=-1)

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Takes the values of `state`, by our names or those of a standard checkpoint."""
        renamed = {}
        for name, value in state.items():
            for pattern, replacement in self.RENAMED:
                name = re.sub(pattern, replacement, name)
            if not re.fullmatch(self.IGNORED, name):
                renamed[name] = value
        super().load_state_dict(renamed, strict)


class ImageClassifier(Model):
    """`[N, 3, H, W] -> [N, classes]`."""

    SIZE = 224
    classes: int

    def example(self, batch: int = 1, size: int | None = None, dtype: str = "f32") -> Example:
        """Images `[N, 3, size, size]` and classes i64 `[N]`."""
        rng = np.random.default_rng(0)
        side = size or self.SIZE
        return images(rng, (batch, 3, side, side), dtype), rng.integers(0, self.classes, batch)


class LanguageModel(Model):
    """Tokens `[B, T] -> [B, T, vocabulary]`."""

    SIZE = 128
    vocabulary: int

    def example(self, batch: int = 1, size: int | None = None, dtype: str = "f32") -> Example:
        """Tokens i64 `[B, size]`, and as many to be told."""
        rng = np.random.default_rng(0)
        shape = (batch, size or self.SIZE)
        return rng.integers(0, self.vocabulary, shape), rng.integers(0, self.vocabulary, shape)

    def loss(self, output: Tensor, target: Any) -> Tensor:
        """Cross entropy, the mean over all positions."""
        rows = F.reshape(output, (-1, output.shape[-1]))
        return F.cross_entropy(rows, F.reshape(target, (-1,)))


def images(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Normally distributed pixels."""
    return rng.standard_normal(shape, np.float32).astype(element_type(dtype).numpy)


def kaiming_fan_out(module: nn.Module) -> None:
    """Normal weights with `std = sqrt(2 / fan_out)` and no bias, for convolutions below `module`.

    `fan_out` counts a group's outputs only, as in torchvision's models (He et al., 2015).
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            init.normal_(part.weight, 0.0, (2 / init.fans(part.weight)[1]) ** 0.5)
            if part.bias is not None:
                init.zeros_(part.bias)


def normal_linear(module: nn.Module, std: float) -> None:
    """Normal weights of linear layers and tables below `module`, biases 0."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            init.normal_(part.weight, 0.0, std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            init.zeros_(part.bias)


def table(shape: tuple[int, ...], std: float = 0.02) -> Parameter:
    """A normal parameter of its own, for positions and classes."""
    made = Parameter(F.zeros(shape))
    init.normal_(made, 0.0, std)
    return made
