"""Maxima over sliding windows, and what all poolings share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty, windows
from tyc.dialects.building import type_of
from tyc.dialects.ods import Ints, Op, Operand, Result, Str, example
from tyc.dialects.types import TensorType, accumulator, dtype, i64
from tyc.dialects.windows import Windows, from_ncx, to_ncx

_K2: dict[str, Any] = {"kernel": [2, 2], "strides": [2, 2], "padding": [0] * 4, "dilations": [1, 1]}
_K3: dict[str, Any] = {
    "kernel": [3, 3],
    "strides": [2, 1],
    "padding": [1, 0, 1, 1],
    "dilations": [1, 1],
}
_DILATED: dict[str, Any] = {
    "kernel": [2, 3],
    "strides": [1, 1],
    "padding": [0, 1, 0, 1],
    "dilations": [2, 1],
}
_1D: dict[str, Any] = {"kernel": [3], "strides": [2], "padding": [1, 0], "dilations": [1]}
_3D: dict[str, Any] = {
    "kernel": [2, 1, 2],
    "strides": [1, 2, 1],
    "padding": [0] * 6,
    "dilations": [1] * 3,
}


NONE = 255
"""The tap of a window that has seen no element yet; a window has fewer taps."""


def has_taps(kernel: Sequence[int]) -> bool:
    """Whether a byte can number the taps of a window."""
    return math.prod(kernel) < NONE


def tile(shape: Sequence[int], w: Windows, layout: str) -> bool:
    """Whether windows cover an input of `shape` so that each element is in just one."""
    sizes = [shape[d] for d in windows.spatial_axes(layout, len(shape))]
    plain = not any((*w.low, *w.high)) and all(d == 1 for d in w.dilations)
    return plain and w.kernel == w.strides and not any(n % k for n, k in zip(sizes, w.kernel))


def pooled(
    op: type[Op],
    x: TensorType,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilations: Sequence[int],
    layout: str,
) -> TensorType:
    """The type of a pooling: one pixel a window. Raises `UserError` where attributes do not fit."""
    if layout not in windows.LAYOUTS:  # C1
        raise op.error(f"layout must be NCX or NXC, got {layout!r}")
    if x.rank not in (3, 4, 5) or x.dtype.kind == "bool":  # C2
        raise op.error(f"x must hold numbers and have rank 3 to 5, got {x}")
    sizes = [x.shape[d] for d in windows.spatial_axes(layout, x.rank)]
    w = windows.check_windows(op, sizes, kernel, strides, padding, dilations)  # C3
    channels = x.shape[windows.channel_axis(layout, x.rank)]
    return TensorType(windows.arrange(layout, x.shape[0], channels, w.outputs(sizes)), x.dtype)


def lowest(x: np.dtype) -> float | int:
    """The number below all others of a NumPy dtype: what padding holds for a maximum."""
    d = dtype(x)
    return -math.inf if d.is_float else int(np.iinfo(d.numpy).min)


class MaxPool(Op):
    """What both forms of `max_pool` share."""

    @staticmethod
    def best(x: np.ndarray, w: Windows) -> tuple[np.ndarray, np.ndarray]:
        """The largest value of each window of an NCX array, or NaN, and its flat spatial index."""
        flat = np.arange(math.prod(x.shape[2:])).reshape(1, 1, *x.shape[2:])
        values, places = None, None
        parts = zip(w.each_tap(x, lowest(x.dtype)), w.each_tap(flat, -1))
        for (_, seen), (_, at) in parts:
            if values is None or places is None:
                values, places = seen.copy(), np.broadcast_to(at, seen.shape).copy()
                continue
            better = (seen > values) | (seen != seen) | ((places < 0) & (at >= 0))
            values, places = np.where(better, seen, values), np.where(better, at, places)
        assert values is not None and places is not None
        return values, places


class MaxPoolOp(MaxPool, name="max_pool"):
    """The largest element of each window: `y[p] = max_k x[p*s + k*d - low]`, padding never wins.

    (C1) `layout` is NCX or NXC; (C2) `x` holds numbers and has rank 3 to 5; (C3) `kernel`,
    `strides`, `padding` and `dilations` fit the spatial rank, a window fits into the padded input.
    """

    x: Operand
    kernel: Ints
    strides: Ints
    padding: Ints
    dilations: Ints
    layout: Str = "NCX"
    y: Result
    examples = (
        example((1, 2, 4, 6), **_K2),
        example((2, 5, 6, 3), **_K3, layout="NXC"),
        example((1, 2, 5, 4), **_DILATED, dtype="f64"),
        example((1, 3, 7), **_1D, dtype="f16"),
        example((1, 2, 3, 4, 3), **_3D, dtype="bf16", gradient=False),
        example((1, 4, 4, 5), **_K2, layout="NXC", dtype="i8", low=-99, high=99),
        example((1, 1, 4, 4), **_K2, dtype="u8", high=200),
    )

    @classmethod
    def infer(
        cls,
        x: TensorType,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        layout: str,
    ) -> TensorType:
        """One pixel a window."""
        return pooled(cls, x, kernel, strides, padding, dilations, layout)

    @staticmethod
    def reference(
        x: np.ndarray,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        layout: str,
    ) -> np.ndarray:
        """The running maximum over taps."""
        w = Windows.of(kernel, strides, padding, dilations)
        return from_ncx(MaxPool.best(to_ncx(x, layout), w)[0], layout)

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx` is `g` at each window's first largest element, summed over windows."""
        kinds = {"kernel": list(self.kernel), "strides": list(self.strides)}
        kinds |= {"padding": list(self.padding), "dilations": list(self.dilations)}
        shape = list(type_of(self.x).shape)
        if not has_taps(self.kernel):
            _, indices = ty.max_pool_indices(self.x, layout=self.layout, **kinds)
            return ty.max_pool_gradient(indices, grad, shape=shape, layout=self.layout)
        taps = ty.max_pool_taps(self.x, layout=self.layout, **kinds)
        w = Windows.of(self.kernel, self.strides, self.padding, self.dilations)
        if tile(shape, w, self.layout):
            return ty.max_pool_spread(taps, grad, kernel=kinds["kernel"], layout=self.layout)
        return ty.max_pool_taps_gradient(taps, grad, shape=shape, layout=self.layout, **kinds)


class MaxPoolIndicesOp(MaxPool, name="max_pool_indices"):
    """`max_pool` and where it found each value: the flat index into `x`, the first of ties.

    (C1) `layout` is NCX or NXC; (C2) `x` holds numbers and has rank 3 to 5; (C3) `kernel`,
    `strides`, `padding` and `dilations` fit the spatial rank, a window fits into the padded input.
    """

    x: Operand
    kernel: Ints
    strides: Ints
    padding: Ints
    dilations: Ints
    layout: Str = "NCX"
    values: Result
    indices: Result
    examples = (
        example((2, 2, 4, 6), **_K2),
        example((2, 5, 6, 3), **_K3, layout="NXC"),
        example((1, 2, 5, 4), **_DILATED, dtype="i32", low=-3, high=3),
        example((2, 3, 7), **_1D, dtype="f64"),
        example((1, 2, 3, 4, 3), **_3D, dtype="f16"),
    )

    @classmethod
    def infer(
        cls,
        x: TensorType,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        layout: str,
    ) -> list[TensorType]:
        """One pixel a window, twice."""
        y = pooled(cls, x, kernel, strides, padding, dilations, layout)
        return [y, TensorType(y.shape, i64)]

    @staticmethod
    def reference(
        x: np.ndarray,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        layout: str,
    ) -> list[np.ndarray]:
        """The running maximum over taps, and its place made flat over the whole tensor."""
        image = to_ncx(x, layout)
        values, places = MaxPool.best(image, Windows.of(kernel, strides, padding, dilations))
        whole = to_ncx(np.arange(x.size).reshape(x.shape), layout)
        planes = whole.reshape(*image.shape[:2], -1)
        flat = np.take_along_axis(planes, places.reshape(*image.shape[:2], -1), 2)
        indices = flat.reshape(places.shape).astype(i64.numpy)
        return [from_ncx(values, layout), from_ncx(indices, layout)]

    def gradient(self, grad: ir.Value, _indices: ir.Value | None) -> ir.Value:
        """`dx[indices] += g`."""
        shape = list(type_of(self.x).shape)
        return ty.max_pool_gradient(self.indices, grad, shape=shape, layout=self.layout)


class MaxPoolGradientOp(Op, name="max_pool_gradient"):
    """`y.flat[indices[p]] += grad[p]` from zeros, where each image of `indices` names only its own
    elements of `y`: what `max_pool_indices` gives.

    (C1) `indices` is i64, has the shape of `grad`, and `shape` its batch and channels.
    """

    indices: Operand
    grad: Operand
    shape: Ints
    layout: Str = "NCX"
    y: Result
    examples = (
        example(
            np.array([[[0, 2], [5, 5]], [[6, 8], [11, 11]]]), (2, 2, 2), shape=[2, 2, 3]
        ),
        example(
            np.array([[[0, 3], [4, 5]], [[10, 7], [6, 9]]]), (2, 2, 2), shape=[2, 3, 2],
            layout="NXC", dtype="f64",
        ),
        example(np.array([[[0, 0]]]), (1, 1, 2), shape=[1, 1, 3], dtype="bf16"),
    )  # fmt: skip

    @classmethod
    def infer(
        cls, indices: TensorType, grad: TensorType, shape: Sequence[int], layout: str
    ) -> TensorType:
        """`shape` with the element type of `grad`."""
        channel = windows.channel_axis(layout, grad.rank)
        fits = len(shape) == grad.rank and all(shape[d] == grad.shape[d] for d in (0, channel))
        if indices.dtype != i64 or indices.shape != grad.shape or not fits:  # C1
            got = f"indices {indices}, grad {grad}, shape {list(shape)}"
            raise cls.error(f"indices, grad and shape must fit, got {got}")
        return TensorType(tuple(shape), grad.dtype)

    @staticmethod
    def reference(
        indices: np.ndarray, grad: np.ndarray, shape: Sequence[int], layout: str
    ) -> np.ndarray:
        """`numpy.add.at`."""
        y = np.zeros(math.prod(shape), accumulator(dtype(grad.dtype)).numpy)
        np.add.at(y, indices.reshape(-1), grad.reshape(-1).astype(y.dtype))
        return y.reshape(tuple(shape)).astype(grad.dtype)

    def gradient(self, grad: ir.Value) -> tuple[None, ir.Value]:
        """`dgrad[p] = g.flat[indices[p]]`."""
        flat = ty.reshape(grad, shape=[type_of(grad).size])
        return None, ty.gather(flat, self.indices, axis=0)
