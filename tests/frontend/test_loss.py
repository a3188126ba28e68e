"""Losses against their formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tyc import functional as F

RNG = np.random.default_rng(3)
A = RNG.standard_normal((6, 5)).astype(np.float32)
B = RNG.uniform(0.05, 0.95, (6, 5)).astype(np.float32)
CLASSES = RNG.integers(0, 5, 6)
LOGS = A - np.log(np.exp(A).sum(1, keepdims=True))


def close(got: Any, expected: Any) -> None:
    assert np.asarray(got).shape == np.shape(expected)
    np.testing.assert_allclose(np.asarray(got), expected, 1e-5, 1e-5)


def huber(a: Any, b: Any) -> Any:
    d = np.abs(a - b)
    return np.where(d < 1, d * d / 2, d - 0.5)


def entropy(p: Any, t: Any) -> Any:
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


LOSSES = [
    (F.mse_loss, A, B, (A - B) ** 2),
    (F.l1_loss, A, B, np.abs(A - B)),
    (F.huber_loss, A, B, huber(A, B)),
    (F.binary_cross_entropy, B, B[::-1], entropy(B, B[::-1])),
    (F.binary_cross_entropy_with_logits, A, B, entropy(1 / (1 + np.exp(-A)), B)),
    (F.kl_div, LOGS, np.log(B), B * (np.log(B) - LOGS)),
    (F.nll_loss, LOGS, CLASSES, -LOGS[np.arange(6), CLASSES]),
    (F.cross_entropy, A, CLASSES, -LOGS[np.arange(6), CLASSES]),
    (F.cross_entropy, A, B, -(LOGS * B).sum(1)),
]


@pytest.mark.parametrize(("f", "a", "b", "expected"), LOSSES, ids=[f.__name__ for f, *_ in LOSSES])
def test_loss(f: Any, a: Any, b: Any, expected: Any) -> None:
    close(f(a, b), expected.mean())
    close(f(a, b, reduction="sum"), expected.sum())
    close(f(a, b, reduction="none"), expected)


def test_cross_entropy_with_smoothing() -> None:
    target = np.eye(5, dtype=np.float32)[CLASSES] * 0.9 + 0.02
    close(F.cross_entropy(A, CLASSES, label_smoothing=0.1), -(LOGS * target).sum(1).mean())


def test_cross_entropy_of_images() -> None:
    images = RNG.standard_normal((2, 3, 4, 4)).astype(np.float32)
    classes = RNG.integers(0, 3, (2, 4, 4))
    logs = images - np.log(np.exp(images).sum(1, keepdims=True))
    picked = np.take_along_axis(logs, classes[:, None], 1)
    close(F.cross_entropy(images, classes), -picked.mean())
    close(F.cross_entropy(images.transpose(0, 2, 3, 1), classes, axis=-1), -picked.mean())


def test_binary_cross_entropy_is_finite() -> None:
    sure = np.array([0.0, 1.0], np.float32)
    close(F.binary_cross_entropy(sure, sure[::-1].copy(), reduction="none"), [100.0, 100.0])
    large = np.array([1000.0, -1000.0], np.float32)
    close(F.binary_cross_entropy_with_logits(large, sure[::-1].copy(), "none"), [0.0, 0.0])
