"""Reductions, matrix products and normalizations against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F

RNG = np.random.default_rng(5)
X = RNG.standard_normal((2, 3, 4)).astype(np.float32)


def close(got: Any, expected: Any, tolerance: float = 1e-5) -> None:
    result = np.asarray(got)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result, expected, tolerance, tolerance)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), [1, -1], (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(axis: Any, keepdims: bool) -> None:
    numpy_axis = tuple(axis) if isinstance(axis, list) else axis
    how: dict[str, Any] = {"axis": numpy_axis, "keepdims": keepdims}
    for name in ("sum", "mean", "max", "min", "prod", "var", "std"):
        close(getattr(F, name)(X, axis, keepdims), getattr(np, name)(X, **how))
    for name in ("any", "all"):
        close(getattr(F, name)(X > 0, axis, keepdims), getattr(np, name)(X > 0, **how))
    close(F.logsumexp(X, axis, keepdims), np.log(np.sum(np.exp(X), **how)))
    close(F.norm(X, 1, axis, keepdims), np.sum(np.abs(X), **how))
    close(F.norm(X, 2, axis, keepdims), np.sqrt(np.sum(X**2, **how)))


def test_var_with_a_correction() -> None:
    close(F.var(X, 1, correction=1), X.var(1, ddof=1))
    close(F.std(X, correction=1), X.std(ddof=1))


def test_sum_counts_booleans() -> None:
    counted = F.sum(X > 0, 1)
    assert counted.dtype == tyc.int64
    close(counted, (X > 0).sum(1))
    close(F.count_nonzero(X > 0), np.count_nonzero(X > 0))


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_positions(axis: int | None) -> None:
    for keepdims in (False, True):
        for ours, numpys in ((F.argmax, np.argmax), (F.argmin, np.argmin)):
            got = ours(X, axis, keepdims)
            assert got.dtype == tyc.int64
            close(got, numpys(X, axis=axis, keepdims=keepdims))


def test_cumulative_sums() -> None:
    close(F.cumsum(X, 1), np.cumsum(X, 1))
    close(F.cumsum(X, -1, reverse=True), np.cumsum(X[..., ::-1], -1)[..., ::-1])
    close(F.cumsum(X, 0, exclusive=True), np.cumsum(X, 0) - X)


def test_average() -> None:
    weights = np.abs(X)
    close(F.average(X, weights, 1), np.average(X, 1, weights))


A, B = X, RNG.standard_normal((2, 4, 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("a", "b"),
    [(A, B), (A[0], B[0]), (A[0, 0], B[0]), (A[0], B[0, :, 0]), (A[0, 0], B[0, :, 0]), (A, B[0]),
     (A[0], B), (A[:, None], B), (A[0, 0], B), (A, B[0, :, 0])],
)  # fmt: skip
def test_matmul(a: np.ndarray, b: np.ndarray) -> None:
    close(F.matmul(a, b), a @ b)


def test_linear() -> None:
    weight, bias = B[0].T, B[0, 0]
    close(F.linear(X, weight, bias), X @ weight.T + bias)
    close(F.linear(X[0, 0], weight), X[0, 0] @ weight.T)


def test_outer() -> None:
    close(F.outer(X[0, 0], B[0, 0]), np.outer(X[0, 0], B[0, 0]))


@pytest.mark.parametrize(
    "equation",
    ["ij,jk->ik", "ij,kj->ik", "bij,bjk->bik", "bij,bkj->bik", "ij,kl->ikjl", "ijk,j->ik",
     "ij,ij->", "ij,jk", "ij->ji", "ijk->k", "bhsd,bhtd->bhst", "i,i->i", "ij,ij->ij"],
)  # fmt: skip
def test_einsum(equation: str) -> None:
    sizes = dict(zip("bhijklstd", (2, 3, 2, 3, 4, 5, 3, 4, 2)))
    inputs = equation.split("->")[0].split(",")
    arrays = [RNG.standard_normal([sizes[c] for c in s]).astype(np.float32) for s in inputs]
    close(F.einsum(equation, *arrays), np.einsum(equation, *arrays))


def test_softmax() -> None:
    for axis in (0, 1, -1):
        powers = np.exp(X)
        close(F.softmax(X, axis), powers / powers.sum(axis, keepdims=True))
        close(F.log_softmax(X, axis), np.log(powers / powers.sum(axis, keepdims=True)))


def _normal(x: np.ndarray, axes: tuple[int, ...], epsilon: float = 1e-5) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def test_layer_and_rms_norm() -> None:
    weight, bias = X[0, 0], X[0, 1]
    close(F.layer_norm(X), _normal(X, (2,)))
    close(F.layer_norm(X, weight, bias), _normal(X, (2,)) * weight + bias)
    close(F.layer_norm(X, X[0], None, axis=1), _normal(X, (1, 2)) * X[0])
    root = np.sqrt((X**2).mean(-1, keepdims=True) + 1e-5)
    close(F.rms_norm(X, weight), X / root * weight)


def test_batch_instance_and_group_norm() -> None:
    x = RNG.standard_normal((2, 4, 3, 3)).astype(np.float32)
    c = np.arange(1, 5, dtype=np.float32)
    wide = c[:, None, None]
    expected = (x - wide) / np.sqrt(2 * wide + 1e-5)
    close(F.batch_norm(x, c, 2 * c), expected)
    close(F.batch_norm(x, c, 2 * c, c, -c), expected * wide - wide)
    close(F.instance_norm(x, c, c), _normal(x, (2, 3)) * wide + wide)
    groups = _normal(x.reshape(2, 2, 18), (2,)).reshape(x.shape)
    close(F.group_norm(x, 2), groups)
    close(F.group_norm(x, 2, c, c), groups * wide + wide)


def test_normalize() -> None:
    close(F.normalize(X, 1), X / np.sqrt((X**2).sum(1, keepdims=True)))
    close(F.normalize(X, 1, p=1), X / np.abs(X).sum(1, keepdims=True))


def test_local_response_norm() -> None:
    x = RNG.standard_normal((1, 4, 2, 2)).astype(np.float32)
    sums = [(x[:, max(c - 1, 0) : c + 2] ** 2).sum(1) for c in range(4)]
    expected = x / (2 + 0.1 / 3 * np.stack(sums, 1)) ** 0.75
    close(F.local_response_norm(x, 3, 0.1, 0.75, 2.0), expected)


def test_attention() -> None:
    q, k = (RNG.standard_normal((2, 3, n, 8)).astype(np.float32) for n in (4, 5))

    def attend(scores: np.ndarray) -> np.ndarray:
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True) @ k

    scores = q @ k.swapaxes(-1, -2) / np.sqrt(8)
    close(F.scaled_dot_product_attention(q, k, k), attend(scores))
    close(F.scaled_dot_product_attention(q, k, k, scale=0.5), attend(scores * np.sqrt(8) / 2))
    seen = np.tri(4, 5, dtype=bool)
    masked = np.where(seen, scores, -np.inf)
    close(F.scaled_dot_product_attention(q, k, k, seen), attend(masked))
    close(F.scaled_dot_product_attention(q, k, k, causal=True), attend(masked))
    close(F.scaled_dot_product_attention(q, k, k, seen * np.float32(2)), attend(scores + 2 * seen))
