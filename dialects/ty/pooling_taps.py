"""The gradient of max pooling from one byte a window: which of its taps was the largest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty, windows
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, where
from tyc.dialects.ods import Composite, Ints, Op, Operand, Result, Str, example
from tyc.dialects.ty.indexing import zeros_like
from tyc.dialects.ty.pooling import NONE, has_taps, lowest, pooled
from tyc.dialects.types import TensorType, accumulator, dtype, u8
from tyc.dialects.windows import Windows, from_ncx, to_ncx

_K2: dict[str, Any] = {"kernel": [2, 2], "strides": [2, 2], "padding": [0] * 4, "dilations": [1, 1]}
_K3: dict[str, Any] = {
    "kernel": [3, 3],
    "strides": [2, 1],
    "padding": [1, 0, 1, 1],
    "dilations": [1, 1],
}
_1D: dict[str, Any] = {"kernel": [3], "strides": [2], "padding": [1, 0], "dilations": [2]}
_TAPS = np.array([[[[0, 3], [1, 2]]]], "u1")


class MaxPoolTapsOp(Op, name="max_pool_taps"):
    """Which tap `max_pool` takes in each window, in row-major order: the first of the largest, or
    the last NaN.

    (C1) `layout` is NCX or NXC; (C2) `x` holds numbers and has rank 3 to 5; (C3) `kernel`,
    `strides`, `padding` and `dilations` fit the spatial rank, a window fits into the padded input
    and (C4) has fewer than 255 taps.
    """

    x: Operand
    kernel: Ints
    strides: Ints
    padding: Ints
    dilations: Ints
    layout: Str = "NCX"
    y: Result
    examples = (
        example((2, 2, 4, 6), **_K2),
        example((2, 5, 6, 3), **_K3, layout="NXC"),
        example(np.array([[[np.nan, 1, np.nan, -np.inf, -np.inf]]], "f4"), **_1D),
        example((1, 3, 7), **_1D, dtype="f64"),
        example((1, 4, 4, 5), **_K2, layout="NXC", dtype="i8", low=-3, high=3),
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
        """One byte a window."""
        y = pooled(cls, x, kernel, strides, padding, dilations, layout)  # C1 C2 C3
        if not has_taps(kernel):  # C4
            raise cls.error(f"a window must have fewer than {NONE} taps, got {list(kernel)}")
        return TensorType(y.shape, u8)

    @staticmethod
    def reference(
        x: np.ndarray,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        layout: str,
    ) -> np.ndarray:
        """The running maximum over taps; padding never wins."""
        image, w = to_ncx(x, layout), Windows.of(kernel, strides, padding, dilations)
        inside = w.each_tap(np.ones((1, 1, *image.shape[2:]), bool), False)
        best, taps = None, None
        for number, ((_, seen), (_, real)) in enumerate(
            zip(w.each_tap(image, lowest(x.dtype)), inside)
        ):
            if best is None or taps is None:
                best, taps = seen.copy(), np.full(seen.shape, NONE, np.uint8)
            better = real & ((seen > best) | (seen != seen) | (taps == NONE))
            best, taps = np.where(better, seen, best), np.where(better, number, taps)
        assert taps is not None
        return from_ncx(taps.astype(np.uint8), layout)


class MaxPoolSpreadOp(Composite, name="max_pool_spread"):
    """`y[p * k + t] = taps[p] == t ? grad[p] : 0`: the gradient of a max pooling whose windows
    cover each element of its input once.

    (C1) `taps` is u8 and has the shape of `grad`; (C2) `kernel` fits the spatial rank.
    """

    taps: Operand
    grad: Operand
    kernel: Ints
    layout: Str = "NCX"
    y: Result
    examples = (
        example(_TAPS, (1, 1, 2, 2), kernel=[2, 2]),
        example(_TAPS, (1, 1, 2, 2), kernel=[2, 3], layout="NXC", dtype="f64"),
    )

    @classmethod
    def infer(
        cls, taps: TensorType, grad: TensorType, kernel: Sequence[int], layout: str
    ) -> TensorType:
        """Each spatial dimension as often as the kernel has taps along it."""
        if taps.dtype != u8 or taps.shape != grad.shape:  # C1
            raise cls.error(f"taps must be u8 in the shape of grad, got {taps} and {grad}")
        if len(kernel) != grad.rank - 2:  # C2
            raise cls.error(f"kernel must have {grad.rank - 2} sizes, got {list(kernel)}")
        shape = list(grad.shape)
        for d, k in zip(windows.spatial_axes(layout, grad.rank), kernel):
            shape[d] *= k
        return TensorType(tuple(shape), grad.dtype)

    @staticmethod
    def reference(
        taps: np.ndarray, grad: np.ndarray, kernel: Sequence[int], layout: str
    ) -> np.ndarray:
        """A strided part for each tap."""
        g, t = to_ncx(grad, layout), to_ncx(taps, layout)
        y = np.zeros((*g.shape[:2], *(n * k for n, k in zip(g.shape[2:], kernel))), grad.dtype)
        for number, at in enumerate(np.ndindex(*kernel)):
            steps = (slice(a, None, k) for a, k in zip(at, kernel))
            y[(..., *steps)] = np.where(t == number, g, 0)
        return from_ncx(y, layout)

    @staticmethod
    def expand(taps: ir.Value, grad: ir.Value, kernel: list[int], layout: str) -> ir.Value:
        """A comparison with the number of each tap, on dimensions of their own."""
        shape = list(type_of(grad).shape)
        axes = windows.spatial_axes(layout, len(shape))
        apart, numbers, whole = [], [], list(shape)
        for d, n in enumerate(shape):
            k = kernel[axes.index(d)] if d in axes else 1
            apart += [n, 1] if d in axes else [n]
            numbers += [1, k] if d in axes else [1]
            whole[d] = n * k
        tap = np.arange(math.prod(kernel), dtype=np.uint8).reshape(numbers)
        here = ty.equal(ty.reshape(taps, shape=apart), ty.constant(value=tap))
        value = Expression(ty.reshape(grad, shape=apart))
        return ty.reshape(where(Expression(here), value, 0, like=value).value, shape=whole)


class MaxPoolTapsGradientOp(Op, name="max_pool_taps_gradient"):
    """`y[p * s + k * d - low] += grad[p]` from zeros, where `k` is the tap number `taps[p]`.

    (C1) `taps` is u8 and has the shape of `grad`; (C2) `grad` has one element for each window of
    `shape`.
    """

    taps: Operand
    grad: Operand
    shape: Ints
    kernel: Ints
    strides: Ints
    padding: Ints
    dilations: Ints
    layout: Str = "NCX"
    y: Result
    examples = (
        example(_TAPS, (1, 1, 2, 2), shape=[1, 1, 4, 4], **_K2),
        example(
            np.array([[[[3], [4], [7]], [[0], [1], [4]]]], "u1"), (1, 2, 3, 1), shape=[1, 3, 4, 1],
            **_K3, layout="NXC", dtype="f64",
        ),
        example(np.array([[[1, 2, 0]]], "u1"), (1, 1, 3), shape=[1, 1, 8], **_1D, dtype="bf16"),
    )  # fmt: skip

    @classmethod
    def infer(
        cls,
        taps: TensorType,
        grad: TensorType,
        shape: Sequence[int],
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        layout: str,
    ) -> TensorType:
        """`shape` with the element type of `grad`."""
        if taps.dtype != u8 or taps.shape != grad.shape:  # C1
            raise cls.error(f"taps must be u8 in the shape of grad, got {taps} and {grad}")
        y = TensorType(tuple(shape), grad.dtype)
        if pooled(cls, y, kernel, strides, padding, dilations, layout).shape != grad.shape:  # C2
            raise cls.error(f"grad must have an element for each window of {y}, got {grad}")
        return y

    @staticmethod
    def reference(
        taps: np.ndarray,
        grad: np.ndarray,
        shape: Sequence[int],
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        layout: str,
    ) -> np.ndarray:
        """The parts of `x` that windows see at each tap are views: they are added to."""
        w = Windows.of(kernel, strides, padding, dilations)
        sizes = [shape[d] for d in windows.spatial_axes(layout, len(shape))]
        g, t = to_ncx(grad, layout), to_ncx(taps, layout)
        padded = [n + lo + hi for n, lo, hi in zip(sizes, w.low, w.high)]
        y = np.zeros((*g.shape[:2], *padded), accumulator(dtype(grad.dtype)).numpy)
        for number, at in enumerate(np.ndindex(*kernel)):
            y[_seen(w, at, g.shape[2:])] += np.where(t == number, g, 0)
        inside = y[(..., *(slice(lo, lo + n) for lo, n in zip(w.low, sizes)))]
        return from_ncx(inside, layout).astype(grad.dtype)

    def gradient(self, grad: ir.Value) -> tuple[None, ir.Value]:
        """`dgrad[p] = g` where the window of `p` found its maximum."""
        w = Windows.of(self.kernel, self.strides, self.padding, self.dilations)
        axes, rank = windows.spatial_axes(self.layout, len(self.shape)), len(self.shape)
        low, high = [0] * rank, [0] * rank
        for d, lo, hi in zip(axes, w.low, w.high):
            low[d], high[d] = lo, hi
        padded = ty.pad(grad, low=low, high=high)
        sizes, steps = list(type_of(self.grad).shape), [1] * rank
        total = Expression(zeros_like(self.grad))
        for number, at in enumerate(np.ndindex(*w.kernel)):
            starts = [0] * rank
            for d, k, dilation, stride in zip(axes, at, w.dilations, w.strides):
                starts[d], steps[d] = k * dilation, stride
            part = Expression(ty.slice(padded, starts=starts, sizes=sizes, steps=steps))
            here = Expression(self.taps).equal(number)
            total = where(here, part, total, like=part)
        return None, total.value


def _seen(w: Windows, at: Sequence[int], outputs: Sequence[int]) -> tuple:
    starts = [i * d for i, d in zip(at, w.dilations)]
    parts = zip(starts, outputs, w.strides)
    return (..., *(slice(b, b + (n - 1) * s + 1, s) for b, n, s in parts))
