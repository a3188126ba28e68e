"""Sums over sliding windows: means and norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty, windows
from tyc.dialects.building import type_of
from tyc.dialects.ods import Bool, Composite, Int, Ints, Op, Operand, Result, Str, example
from tyc.dialects.ty.pooling import pooled
from tyc.dialects.types import TensorType, accumulator, dtype
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


class AveragePoolOp(Op, name="average_pool"):
    """The mean of each window over the elements that count: those of `x`, and with
    `count_include_pad` the padding; never the `extra` cells that follow it.

    (C1) `layout` is NCX or NXC; (C2) `x` holds numbers and has rank 3 to 5; (C3) `kernel`,
    `strides`, `padding` and `dilations` fit the spatial rank, a window fits into the padded input;
    (C4) `x` is of floats; (C5) `extra` is empty or one number >= 0 a spatial dimension.
    """

    x: Operand
    kernel: Ints
    strides: Ints
    padding: Ints
    dilations: Ints
    count_include_pad: Bool = False
    layout: Str = "NCX"
    extra: Ints = []  # pyright: ignore[reportAssignmentType]
    y: Result
    examples = (
        example((1, 2, 4, 6), **_K2),
        example((2, 5, 6, 3), **_K3, layout="NXC"),
        example((1, 2, 5, 4), **_DILATED, count_include_pad=True, dtype="f64"),
        example((1, 2, 5, 5), **_K2, extra=[1, 1]),
        example((1, 5, 5, 2), **_K2, extra=[1, 0], count_include_pad=True, layout="NXC"),
        example((1, 3, 7), **_1D, dtype="f16"),
        example((1, 3, 7), **_1D, dtype="bf16"),
        example((1, 2, 3, 4, 3), **_3D),
        example((1, 1, 140), **_1D),
    )

    @staticmethod
    def whole(padding: Sequence[int], extra: Sequence[int]) -> list[int]:
        """`padding` with the `extra` cells added at the ends."""
        rank = len(padding) // 2
        more = [*[0] * rank, *(extra or [0] * rank)]
        return [p + e for p, e in zip(padding, more)]

    @staticmethod
    def counts(
        size: int, axis: int, w: Windows, count_include_pad: bool, extra: Sequence[int]
    ) -> np.ndarray:
        """How many taps of each window along one spatial axis of `size` count."""
        outputs = w.outputs([size] * w.rank)[axis]
        starts = np.arange(outputs) * w.strides[axis] - w.low[axis]
        taps = starts[:, None] + np.arange(w.kernel[axis]) * w.dilations[axis]
        low, high = 0, size
        if count_include_pad:
            low, high = -w.low[axis], size + w.high[axis] - (extra[axis] if extra else 0)
        return ((taps >= low) & (taps < high)).sum(1)

    @classmethod
    def infer(
        cls,
        x: TensorType,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        count_include_pad: bool,
        layout: str,
        extra: Sequence[int],
    ) -> TensorType:
        """One pixel a window."""
        if not x.dtype.is_float:  # C4
            raise cls.error(f"x must be of floats, got {x}", "cast it")
        if (extra and len(extra) != len(kernel)) or min([0, *extra]) < 0:  # C5
            raise cls.error(f"extra must be {len(kernel)} numbers >= 0, got {list(extra)}")
        whole = cls.whole(padding, extra) if len(padding) == 2 * len(kernel) else padding
        return pooled(cls, x, kernel, strides, whole, dilations, layout)  # C1 C2 C3

    @staticmethod
    def reference(
        x: np.ndarray,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        count_include_pad: bool,
        layout: str,
        extra: Sequence[int],
    ) -> np.ndarray:
        """The sum over taps divided by the product of the counts along each axis."""
        image = to_ncx(x, layout).astype(accumulator(dtype(x.dtype)).numpy)
        w = Windows.of(kernel, strides, AveragePoolOp.whole(padding, extra), dilations)
        y = np.asarray(sum(seen for _, seen in w.each_tap(image, 0)))
        for d, n in enumerate(image.shape[2:]):
            counts = AveragePoolOp.counts(n, d, w, count_include_pad, extra)
            y = y / counts.astype(y.dtype).reshape(-1, *[1] * (w.rank - 1 - d))
        return from_ncx(y, layout).astype(x.dtype)

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx[i] = sum over the windows p that hold i of g[p] / count[p]`."""
        x = type_of(self.x)
        axes = windows.spatial_axes(self.layout, x.rank)
        padding = AveragePoolOp.whole(self.padding, self.extra)
        w = Windows.of(self.kernel, self.strides, padding, self.dilations)
        for d, axis in enumerate(axes):
            counts = self.counts(x.shape[axis], d, w, self.count_include_pad, self.extra)
            # A sum is the mean of a whole window times its size: both factors go in at once.
            if (counts == counts[0]).all():
                factor = np.array(w.kernel[d] / counts[0], x.dtype.numpy)
                grad = grad if counts[0] == w.kernel[d] else ty.multiply(grad, _number(factor))
            else:
                grad = ty.divide(grad, self._shares(x, axis, d, w))
        spread = _placed(grad, x.shape, axes, w)
        ones, zeros = [1] * w.rank, [0] * (2 * w.rank)
        return ty.average_pool(
            spread, kernel=list(w.kernel), strides=ones, padding=zeros, dilations=list(w.dilations),
            count_include_pad=True, layout=self.layout,
        )  # fmt: skip

    def _shares(self, x: TensorType, axis: int, d: int, w: Windows) -> ir.Value:
        """The part of each window's taps that counts along one axis: the mean of ones."""
        inside = (w.low[d], w.high[d] - (self.extra[d] if self.extra else 0))
        size = x.shape[axis] + (sum(inside) if self.count_include_pad else 0)
        low = 0 if self.count_include_pad else w.low[d]
        last = (type_of(self.y).shape[axis] - 1) * w.strides[d] + w.extents[d]
        shape = [size if k == axis else 1 for k in range(x.rank)]
        one, zero = [1] * w.rank, [0] * w.rank

        def along(value: int, rest: list[int]) -> list[int]:
            return [value if k == d else n for k, n in enumerate(rest)]

        return ty.average_pool(
            ty.full(shape=shape, value=1.0, element=x.dtype),
            kernel=along(w.kernel[d], one),
            strides=along(w.strides[d], one),
            padding=along(low, zero) + along(max(last - low - size, 0), zero),
            dilations=along(w.dilations[d], one),
            count_include_pad=True,
            layout=self.layout,
        )


def _number(value: np.ndarray) -> ir.Value:
    return ty.constant(value=value)


def _placed(grad: ir.Value, shape: Sequence[int], axes: Sequence[int], w: Windows) -> ir.Value:
    """One gradient a window, put where plain windows over it end at the elements of `x`."""
    factors, low, high = [1] * len(shape), [0] * len(shape), [0] * len(shape)
    for d, axis in enumerate(axes):
        factors[axis] = w.strides[d]
        low[axis] = w.extents[d] - 1 - w.low[d]
        used = (type_of(grad).shape[axis] - 1) * w.strides[d] + 1
        high[axis] = shape[axis] + w.extents[d] - 1 - low[axis] - used
    inside = {"low": [max(n, 0) for n in low], "high": [max(n, 0) for n in high]}
    spread = ty.dilate(grad, factors=factors, **inside)
    if min(*low, *high) >= 0:
        return spread
    sizes = [n + min(a, 0) + min(b, 0) for n, a, b in zip(type_of(spread).shape, low, high)]
    starts = [max(-n, 0) for n in low]
    return ty.slice(spread, starts=starts, sizes=sizes, steps=[1] * len(sizes))


class LpPoolOp(Composite, name="lp_pool"):
    """The p-norm of each window: `y = (sum_k |x|^p)^(1/p)`.

    (C1) `x` is of floats; (C2) `p` is positive.
    """

    x: Operand
    kernel: Ints
    strides: Ints
    padding: Ints
    dilations: Ints
    p: Int = 2
    layout: Str = "NCX"
    y: Result
    examples = (
        example((1, 2, 4, 6), **_K2),
        example((2, 5, 6, 3), **_K3, p=1, layout="NXC", dtype="f64"),
        example((1, 3, 7), **_1D, p=3),
    )

    @staticmethod
    def expand(
        x: ir.Value,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        p: int,
        layout: str,
    ) -> ir.Value:
        """Power, mean times the number of taps, root."""
        t = type_of(x)
        if not t.dtype.is_float:  # C1
            raise LpPoolOp.error(f"x must be of floats, got {t}", "cast it")
        if p < 1:  # C2
            raise LpPoolOp.error(f"p must be 1 or more, got {p}")

        def number(value: float) -> ir.Value:
            return ty.constant(value=np.array(value, t.dtype.numpy))

        absolute = ty.absolute(x)
        power = absolute if p == 1 else ty.power(absolute, number(p))
        mean = ty.average_pool(
            power, kernel=kernel, strides=strides, padding=padding, dilations=dilations,
            count_include_pad=True, layout=layout,
        )  # fmt: skip
        total = ty.multiply(mean, number(math.prod(kernel)))
        return total if p == 1 else ty.power(total, number(1 / p))

    @staticmethod
    def reference(
        x: np.ndarray,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        p: int,
        layout: str,
    ) -> np.ndarray:
        """The sum of powers over taps."""
        image = to_ncx(np.abs(x), layout).astype(accumulator(dtype(x.dtype)).numpy) ** p
        w = Windows.of(kernel, strides, padding, dilations)
        total = np.asarray(sum(seen for _, seen in w.each_tap(image, 0)))
        return from_ncx(total ** (1 / p), layout).astype(x.dtype)
