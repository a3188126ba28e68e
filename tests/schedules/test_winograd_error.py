"""The bounds of Winograd's rounding errors, measured against f64 for inputs of several kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from programs import program
from winograd_kernels import PLAIN, execute, schedule

from tyc.compiler.codegen import jit
from tyc.compiler.schedules.convolution_winograd_transform import (
    ERROR_BOUND,
    PAIRS,
    RESULT_BOUND,
)
from tyc.dialects import ty

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

INPUTS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "uniform": lambda rng, shape: rng.uniform(0, 1, shape),
    "relu": lambda rng, shape: np.maximum(rng.standard_normal(shape), 0),
    "offset": lambda rng, shape: 10 + rng.standard_normal(shape),
    "heavy": lambda rng, shape: rng.standard_normal(shape) ** 5,
    "small": lambda rng, shape: rng.standard_normal(shape) * 1e-20,
}


def plain(x: Any, weight: Any) -> Any:
    """A convolution alone, without padding."""
    return ty.conv(x, weight, None, **{**PLAIN, "padding": [0, 0, 0, 0]})


def direct(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The convolution in f64."""
    windows = sliding_window_view(x.astype(np.float64), (3, 3), (1, 2))
    return np.tensordot(windows, weight.astype(np.float64), ([3, 4, 5], [1, 2, 3]))


@pytest.mark.parametrize("channels", [4, 96, 512])
@pytest.mark.parametrize("m", sorted(PAIRS))
def test_error_is_within_its_bounds(m: int, channels: int) -> None:
    shapes = (1, 14, 14, channels), (16, channels, 3, 3)
    with program(plain, *shapes) as made:
        scheduled = schedule(made, (m, m), constants=(1,))
        assert scheduled is not None
        task = jit.load(scheduled)
    for seed, (name, draw) in enumerate(INPUTS.items()):
        rng = np.random.default_rng(seed)
        x = draw(rng, shapes[0]).astype(np.float32)
        weight = rng.standard_normal(shapes[1]).astype(np.float32)
        wanted, sums = direct(x, weight), direct(np.abs(x), np.abs(weight))
        (found,) = execute(scheduled, task, [x, weight], [wanted.shape], 1)
        error = np.abs(found - wanted).max()
        assert error <= ERROR_BOUND[m] * sums.max(), name
        assert error <= RESULT_BOUND[m] * np.abs(wanted).max(), name


def test_larger_tiles_are_less_exact() -> None:
    assert ERROR_BOUND[2] < ERROR_BOUND[4] < ERROR_BOUND[6] < 1e-4
    assert RESULT_BOUND[2] < RESULT_BOUND[4] < RESULT_BOUND[6] < 1e-4
