"""Fourier transforms of known length: a product with the matrix of roots of unity."""

from __future__ import annotations

from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.movement import sliced
from tyc.onnx.rules import Node, rule


@rule("DFT", since=17)
def dft_attribute(g: Graph, n: Node) -> Any:
    """`axis` as an attribute."""
    return _dft(g, n, n.inputs[0], n.get("axis", 1), (n.ints(1) or [None])[0])


@rule("DFT", since=20)
def dft(g: Graph, n: Node) -> Any:
    """`axis` as a known input."""
    return _dft(g, n, n.inputs[0], (n.ints(2) or [-2])[0], (n.ints(1) or [None])[0])


def _dft(g: Graph, n: Node, x: Any, axis: int, length: int | None) -> Any:
    """Of `[..., L, ..., 1 or 2]`: the last dimension is real and imaginary part."""
    rank = g.rank(x)
    axis = n.counted(axis, rank)
    inverse, onesided = bool(n.get("inverse", 0)), bool(n.get("onesided", 0))
    order = [i for i in range(rank) if i not in (axis, rank - 1)] + [axis, rank - 1]
    x = g.transpose(x, perm=order) if order != list(range(rank)) else x
    full = length
    if inverse and onesided:
        full = length or 2 * (g.shape(x)[-2] - 1)
        x = _conjugated_rest(g, x, full)
    y = transform(g, x, full or g.shape(x)[-2], inverse, onesided)
    back = [order.index(i) for i in range(rank)]
    return g.transpose(y, perm=back) if back != list(range(rank)) else y


def _conjugated_rest(g: Graph, x: Any, length: int) -> Any:
    """The whole spectrum of a real signal from its first half: `X[L - k] = conj(X[k])`."""
    shape, rank = list(g.shape(x)), g.rank(x)
    rest = length - shape[-2]
    sizes = [*shape[:-2], rest, 2]
    starts = [0] * (rank - 2) + [rest, 0]
    mirrored = g.slice(x, starts=starts, sizes=sizes, steps=[1] * (rank - 2) + [-1, 1])
    sign = np.array([1, -1], g.dtype(x).numpy)
    return g.concat([x, g.multiply(mirrored, sign)], axis=rank - 2)


def transform(g: Graph, x: Any, length: int, inverse: bool, onesided: bool) -> Any:
    """The transform along the last but one dimension, cut or padded with 0 to `length`."""
    shape = list(g.shape(x))
    parts, have = shape[-1], shape[-2]
    if have > length:
        shape[-2] = length
        x = sliced(g, x, [0] * len(shape), shape)
    used = min(have, length)
    x = g.reshape(x, shape=[*shape[:-2], used * parts])
    matrix = _matrix(used, length, parts, inverse, onesided).astype(g.dtype(x).numpy)
    rows = matrix.shape[1] // 2
    if len(shape) == 2:
        y = g.matmul(g.reshape(x, shape=[1, used * parts]), matrix)
    else:
        y = g.matmul(x, matrix)
    y = g.reshape(y, shape=[*shape[:-2], rows, 2])
    if inverse and onesided:
        return sliced(g, y, [0] * len(shape), [*shape[:-2], rows, 1])
    return y


def _matrix(used: int, length: int, parts: int, inverse: bool, onesided: bool) -> np.ndarray:
    """`[used * parts, outputs * 2]`: how each part of the input enters each part of the output."""
    outputs = length // 2 + 1 if onesided and not inverse else length
    # Reduced modulo the length in integers, so that large angles lose no digits.
    turns = np.outer(np.arange(used), np.arange(outputs)) % length / length
    angle = (2 if inverse else -2) * np.pi * turns
    cosine, sine = np.cos(angle), np.sin(angle)
    if inverse:
        cosine, sine = cosine / length, sine / length
    real = np.stack([cosine, sine], -1)
    imaginary = np.stack([-sine, cosine], -1)
    matrix = np.stack([real, imaginary][:parts], 1)
    return matrix.reshape(used * parts, outputs * 2)


@rule("STFT")
def stft(g: Graph, n: Node) -> Any:
    """The transform of windows of the signal, `frame_step` apart."""
    x, step, window = n.inputs[0], (n.ints(1) or [1])[0], n.input(2)
    length = (n.ints(3) or [g.shape(window)[0] if window is not None else 0])[0]
    if g.rank(x) == 2:
        x = g.reshape(x, shape=[*g.shape(x), 1])
    size = g.shape(x)[1]
    count = (size - length) // step + 1
    index = np.arange(count)[:, None] * step + np.arange(length)
    frames = g.gather(x, index.astype(np.int64), axis=1)
    if window is not None:
        frames = g.multiply(frames, g.reshape(window, shape=[length, 1]))
    return transform(g, frames, length, False, bool(n.get("onesided", 1)))
