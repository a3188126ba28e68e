"""Random numbers: spread as they should be, and a function of the seed alone."""

from __future__ import annotations

import numpy as np

from tyc.dialects import ty

SHAPE = [40, 500]


def _uniform(*seed: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    return ty.UniformOp.reference(np.array(seed, np.int64), SHAPE, low, high, "f32")


def test_mean_and_variance_are_those_of_the_uniform_distribution() -> None:
    x = _uniform(1, 2, low=-1.0, high=3.0)
    assert -1 <= x.min() < -0.99
    assert 2.99 < x.max() < 3
    # Five standard errors of 20000 draws.
    assert abs(x.mean() - 1) < 5 * (16 / 12 / x.size) ** 0.5
    assert abs(x.var() - 16 / 12) < 0.05


def test_each_bin_gets_its_share() -> None:
    counts, _ = np.histogram(_uniform(5, 6), bins=20, range=(0, 1))
    chi_squared = float(((counts - 1000) ** 2 / 1000).sum())
    assert chi_squared < 44, "19 degrees of freedom, one chance in a thousand"


def test_neighbours_are_independent() -> None:
    x = _uniform(7, 8).reshape(-1)
    for lag in (1, 2, 500):
        assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 5 / x.size**0.5


def test_seeds_next_to_each_other_give_unrelated_numbers() -> None:
    first, *others = _uniform(0, 0), _uniform(1, 0), _uniform(0, 1)
    for other in others:
        assert abs(np.corrcoef(first.reshape(-1), other.reshape(-1))[0, 1]) < 5 / first.size**0.5
    assert (first == _uniform(0, 0)).all()
