"""Shapes, new tensors and indexing functions against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def same(got: Any, expected: Any) -> None:
    result = np.asarray(got)
    assert result.shape == np.shape(expected)
    np.testing.assert_array_equal(result, expected)


def test_shapes() -> None:
    same(F.reshape(X, (4, -1)), X.reshape(4, 6))
    same(F.flatten(X, 1), X.reshape(2, 12))
    same(F.flatten(np.float32(3)), [3])
    same(F.transpose(X), X.T)
    same(F.permute(X, (1, -1, 0)), X.transpose(1, 2, 0))
    same(F.swapaxes(X, 0, -1), X.swapaxes(0, -1))
    for source, destination in [(0, 2), (2, 0), (-1, 1), (1, 1)]:
        same(F.moveaxis(X, source, destination), np.moveaxis(X, source, destination))
    same(F.expand_dims(X, (0, 2)), np.expand_dims(X, (0, 2)))
    same(F.squeeze(X[None, :, :1]), X[:, 0])
    same(F.squeeze(X[None, :, :1], 0), X[:, :1])
    same(F.broadcast_to(X[:1], (5, 2, 3, 4)), np.broadcast_to(X[:1], (5, 2, 3, 4)))


def test_joins_and_cuts() -> None:
    same(F.concat([X, X[:, :1]], 1), np.concatenate([X, X[:, :1]], 1))
    for axis in (0, 1, -1):
        same(F.stack([X, -X], axis), np.stack([X, -X], axis))
    for got, part in zip(F.split(X, 2, -1), np.split(X, 2, -1)):
        same(got, part)
    for got, part in zip(F.split(X, (1, 3), -1), np.split(X, [1], -1)):
        same(got, part)
    assert [p.shape[1] for p in F.chunk(X, 2, 1)] == [2, 1]
    same(F.narrow(X, 2, 1, 2), X[:, :, 1:3])
    same(F.slice(X, (1, 2, 3), (1, 2, 2), (1, -1, -2)), X[1:, 2:0:-1, 3::-2])


def test_repetition_and_order() -> None:
    same(F.tile(X, (2, 1, 3)), np.tile(X, (2, 1, 3)))
    same(F.tile(X, (2, 1, 1, 2)), np.tile(X, (2, 1, 1, 2)))
    same(F.repeat(X, 3, 1), np.repeat(X, 3, 1))
    same(F.flip(X), np.flip(X))
    same(F.flip(X, (0, -1)), np.flip(X, (0, -1)))
    for shift in (1, -1, 5, 0):
        same(F.roll(X, shift, 2), np.roll(X, shift, 2))
    same(F.tril(X, 1), np.tril(X, 1))
    same(F.triu(X, -1), np.triu(X, -1))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pad(mode: Any) -> None:
    pairs = [(1, 0), (2, 1), (0, 3)]
    same(F.pad(X, pairs, mode), np.pad(X, pairs, mode))
    same(F.pad(X, [(1, 2)], mode), np.pad(X, [(0, 0), (0, 0), (1, 2)], mode))


def test_pad_with_a_value() -> None:
    same(F.pad(X, 1, value=7), np.pad(X, 1, constant_values=7))


def test_pixels() -> None:
    x = np.arange(48, dtype=np.float32).reshape(1, 8, 2, 3)
    parts = x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 4, 6)
    same(F.pixel_shuffle(x, 2), parts)
    same(F.pixel_unshuffle(parts, 2), x)


def test_new_tensors() -> None:
    same(F.zeros((2, 3)), np.zeros((2, 3)))
    same(F.ones(3, tyc.int32), np.ones(3, np.int32))
    same(F.full((2,), 2.5), np.full(2, 2.5))
    same(F.full_like(X, 2), np.full_like(X, 2))
    assert F.zeros_like(X > 0).dtype == tyc.bool_
    assert F.ones_like(X).shape == X.shape
    same(F.arange(5), np.arange(5))
    same(F.arange(2, 8, 3), np.arange(2, 8, 3))
    same(F.arange(1.0, 2.0, 0.25), np.arange(1, 2, 0.25))
    assert F.arange(3, dtype="f32").dtype == tyc.float32
    same(F.linspace(0, 1, 5), np.linspace(0, 1, 5))
    same(F.eye(2, 3), np.eye(2, 3))


def test_new_tensors_in_a_trace() -> None:
    def make() -> Any:
        return F.zeros((2, 3)), F.arange(80), F.arange(1, 9, 2), F.linspace(0, 1, 5), F.eye(9)

    for got, expected in zip(tyc.trace(make)(), make()):
        same(got, expected)
    text = tyc.trace(make).ir()
    assert "ty.full" in text and "ty.iota" in text


INDICES = np.array([[0, -1], [2, 1]])


def test_gathers() -> None:
    for axis in (1, -1):
        same(F.take(X, INDICES, axis), np.take(X, INDICES, axis))
    same(F.take(X, 1), X[1])
    along = np.argsort(-X, 1)
    same(F.take_along_axis(X, along, 1), np.take_along_axis(X, along, 1))
    same(F.gather_nd(X, np.array([[0, 1], [1, 2]])), X[[0, 1], [1, 2]])
    same(F.embedding(INDICES, X[0]), X[0][INDICES])


def test_scatters() -> None:
    expected = X.copy()
    indices = np.zeros((2, 1, 4), np.int64)
    np.put_along_axis(expected, indices, 9, 1)
    same(F.scatter(X, indices, np.full((2, 1, 4), 9, np.float32), 1), expected)
    added = X.copy()
    added[:, 0] += 9
    same(F.scatter(X, indices, np.full((2, 1, 4), 9, np.float32), 1, "add"), added)
    whole = X.copy()
    whole[1, 2] = -1
    same(F.scatter_nd(X, np.array([[1, 2]]), np.full((1, 4), -1, np.float32)), whole)
    same(F.set_item(X, (1, 2), -1.0), whole)


def test_one_hot() -> None:
    same(F.one_hot(np.array([0, 2]), 3), np.eye(3)[[0, 2]])
    same(F.one_hot(np.array([0, 2]), 3, 0, tyc.int32), np.eye(3)[[0, 2]].T)


def test_order() -> None:
    x = np.random.default_rng(0).permutation(24).reshape(4, 6).astype(np.float32)
    values, indices = F.topk(x, 2, 1)
    same(values, -np.sort(-x, 1)[:, :2])
    same(indices, np.argsort(-x, 1)[:, :2])
    same(F.topk(x, 2, 0, largest=False)[0], np.sort(x, 0)[:2])
    same(F.sort(x)[0], np.sort(x))
    same(F.argsort(x, 0, descending=True), np.argsort(-x, 0))
