"""Random tensors of NumPy's generator, the same ones in each process until `seed` says otherwise.

Numbers are drawn when Python runs, so that a recorded program would repeat its first ones for ever:
inside of a trace that is an error. Draw outside, and hand the tensor in.
"""

from __future__ import annotations

import numpy as np

from tyc.dispatch import STATE
from tyc.frames import error
from tyc.functional.arguments import Sizes, integers
from tyc.tensors import DTypeLike, Tensor, element_type


class _State:
    generator = np.random.default_rng(0)


def seed(value: int) -> None:
    """Starts the sequence of random numbers that belongs to `value`."""
    _State.generator = np.random.default_rng(value)


def generator() -> np.random.Generator:
    """The generator that all random functions draw from."""
    if STATE.recorder is not None:
        raise error(
            "random numbers cannot be drawn while a program is recorded",
            "draw them outside of the traced function and pass them as an argument",
        )
    return _State.generator


def uniform(
    shape: Sizes = (), low: float = 0.0, high: float = 1.0, dtype: DTypeLike = "f32"
) -> Tensor:
    """Evenly distributed in `low <= y < high`."""
    values = generator().uniform(low, high, integers(shape, "shape"))
    return Tensor(np.asarray(values).astype(element_type(dtype).numpy))


def normal(
    shape: Sizes = (), mean: float = 0.0, std: float = 1.0, dtype: DTypeLike = "f32"
) -> Tensor:
    """Normally distributed around `mean` with standard deviation `std`."""
    values = generator().normal(mean, std, integers(shape, "shape"))
    return Tensor(np.asarray(values).astype(element_type(dtype).numpy))


def integers_below(high: int, shape: Sizes = (), low: int = 0, dtype: DTypeLike = "i64") -> Tensor:
    """Evenly distributed integers in `low <= y < high`."""
    values = generator().integers(low, high, integers(shape, "shape"))
    return Tensor(np.asarray(values).astype(element_type(dtype).numpy))


def permutation(count: int) -> Tensor:
    """The i64 numbers `0..count-1` in random order."""
    return Tensor(generator().permutation(count).astype(np.int64))
