"""Resizing that is a matrix for each dimension: antialiased, or of a cropped box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tyc.onnx.graph import Graph

Weights = Callable[[np.ndarray], np.ndarray]


def linear(distance: np.ndarray) -> np.ndarray:
    """The triangle of width 2."""
    return np.clip(1 - np.abs(distance), 0, 1)


def cubic(a: float) -> Weights:
    """Keys' kernel of width 4 with coefficient `a`."""

    def weights(distance: np.ndarray) -> np.ndarray:
        x = np.abs(distance)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0))

    return weights


def matrix(
    positions: np.ndarray, size: int, kernel: Weights, scale: float, outside: bool
) -> np.ndarray:
    """`[outputs, size]`: the weights of `kernel`, stretched by 1 / scale, around each position.

    With `outside` neighbours beyond the edge count for the edge, else they are left out.
    """
    reach = int(np.ceil(2 / scale)) + 1
    out = np.zeros((len(positions), size))
    for row, position in enumerate(positions):
        near = np.arange(int(np.floor(position)) - reach, int(np.floor(position)) + reach + 1)
        weights = kernel((near - position) * scale)
        if not outside:
            weights = np.where((near >= 0) & (near < size), weights, 0)
        np.add.at(out[row], np.clip(near, 0, size - 1), weights / weights.sum())
    return out


def positions_half_pixel(outputs: int, scale: float) -> np.ndarray:
    """Where the centres of the new pixels lie among the old ones."""
    return (np.arange(outputs) + 0.5) / scale - 0.5


def positions_in_box(outputs: int, size: int, start: float, end: float) -> np.ndarray:
    """Where the new pixels lie when the box [start, end] (of 1) becomes the whole image."""
    if outputs == 1:
        return np.array([0.5 * (start + end) * (size - 1)])
    return start * (size - 1) + np.arange(outputs) * (end - start) * (size - 1) / (outputs - 1)


def apply(g: Graph, x: Any, matrices: Sequence[np.ndarray | None]) -> Any:
    """`x` times a matrix along every dimension that has one."""
    rank, kind = g.rank(x), g.dtype(x).numpy
    for axis, weights in enumerate(matrices):
        if weights is None:
            continue
        order = [i for i in range(rank) if i != axis] + [axis]
        back = [order.index(i) for i in range(rank)]
        y = g.transpose(x, perm=order)
        shape = g.shape(y)
        y = g.reshape(y, shape=[-(-g.type(y).size // shape[-1]), shape[-1]])
        y = g.matmul(y, np.ascontiguousarray(weights.T, kind))
        x = g.transpose(g.reshape(y, shape=[*shape[:-1], len(weights)]), perm=back)
    return x
