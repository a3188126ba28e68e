"""Convolutions of any spatial rank from 1 to 3, and their transposes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty, windows
from tyc.dialects.building import type_of
from tyc.dialects.ods import (
    Int,
    Ints,
    Op,
    Operand,
    OptionalOperand,
    Result,
    Str,
    example,
)
from tyc.dialects.types import TensorType, accumulator, dtype
from tyc.dialects.windows import Windows, from_ncx, to_ncx

_PLAIN_1D: dict[str, Any] = {"strides": [1], "padding": [0, 0], "dilations": [1]}
_PLAIN_2D: dict[str, Any] = {"strides": [1, 1], "padding": [0, 0, 0, 0], "dilations": [1, 1]}
_PLAIN_3D: dict[str, Any] = {"strides": [1, 1, 1], "padding": [0] * 6, "dilations": [1, 1, 1]}


def check_operands(
    op: type[Op], x: TensorType, weight: TensorType, bias: TensorType | None, layout: str
) -> None:
    """Raises `UserError` unless the operands of a convolution fit in rank and element type."""
    if layout not in windows.LAYOUTS:  # C1
        raise op.error(f"layout must be NCX or NXC, got {layout!r}")
    if x.rank not in (3, 4, 5) or weight.rank != x.rank:  # C2
        raise op.error(
            f"x and weight must have one rank from 3 to 5, got {x} and {weight}",
            "add a batch dimension" if x.rank == weight.rank - 1 else "",
        )
    types = {t.dtype for t in (x, weight, bias) if t is not None}
    if len(types) > 1 or x.dtype.kind == "bool":  # C3
        got = ", ".join(str(t) for t in (x, weight, bias) if t is not None)
        raise op.error(f"operands must be numbers of one element type, got {got}", "cast them")


def spatial_sizes(x: TensorType, layout: str) -> list[int]:
    """The spatial sizes of an image tensor."""
    return [x.shape[d] for d in windows.spatial_axes(layout, x.rank)]


class ConvOp(Op, name="conv"):
    """Correlation: `y[n, o, p] = bias[o] + sum_{c, k} x[n, c, p*s + k*d - low] * weight[o, c, k]`.

    `x` is `[N, C, spatial...]` (NCX) or `[N, spatial..., C]` (NXC), `weight` always
    `[O, C / groups, kernel...]`. Sums of 16-bit floats are kept in f32, integers wrap.

    (C1) `layout` is NCX or NXC; (C2) `x` and `weight` have one rank from 3 to 5; (C3) all operands
    have one element type, a number; (C4) `groups` divides C and O, and `weight` has C / groups
    channels; (C5) `bias` has shape [O]; (C6) `strides`, `padding` and `dilations` fit the spatial
    rank, and a window fits into the padded input.
    """

    x: Operand
    weight: Operand
    bias: OptionalOperand
    strides: Ints
    padding: Ints
    dilations: Ints
    groups: Int = 1
    layout: Str = "NCX"
    y: Result
    examples = (
        example((1, 3, 5, 6), (4, 3, 3, 3), None, **_PLAIN_2D),
        example(
            (2, 3, 6, 5), (4, 3, 3, 2), (4,), strides=[2, 1], padding=[1, 0, 2, 1], dilations=[1, 2]
        ),
        example(
            (1, 7, 5, 3), (8, 3, 3, 3), (8,), strides=[2, 1], padding=[1] * 4, dilations=[1, 1],
            layout="NXC",
        ),
        example((1, 4, 3, 3), (6, 2, 1, 1), None, **_PLAIN_2D, groups=2, dtype="f64"),
        example(
            (1, 5, 5, 4), (6, 2, 3, 3), (6,), strides=[1, 1], padding=[0, 1, 1, 0],
            dilations=[1, 1], groups=2, layout="NXC",
        ),
        example(
            (2, 4, 5, 5), (4, 1, 3, 3), (4,), strides=[2, 2], padding=[1] * 4, dilations=[1, 1],
            groups=4,
        ),
        example(
            (1, 5, 5, 9), (9, 1, 3, 3), None, strides=[1, 1], padding=[1] * 4, dilations=[1, 1],
            groups=9, layout="NXC",
        ),
        example((1, 2, 4, 4), (4, 1, 3, 3), None, **_PLAIN_2D, groups=2),
        example((2, 3, 8), (5, 3, 4), (5,), strides=[2], padding=[1, 2], dilations=[1]),
        example((1, 8, 3), (2, 3, 3), None, **_PLAIN_1D, layout="NXC", dtype="f64"),
        example((1, 2, 3, 4, 3), (3, 2, 2, 2, 2), (3,), **_PLAIN_3D),
        example((1, 4, 3, 3, 2), (3, 2, 2, 3, 1), None, **_PLAIN_3D, layout="NXC"),
        example((1, 1, 1, 1), (1, 1, 1, 1), (1,), **_PLAIN_2D),
        example((1, 3, 4, 4), (2, 3, 3, 3), (2,), **_PLAIN_2D, dtype="f16", tolerance=2e-2),
        example((1, 3, 4, 4), (2, 3, 3, 3), None, **_PLAIN_2D, dtype="bf16", tolerance=1e-1),
        example((1, 2, 4, 4), (3, 2, 2, 2), (3,), **_PLAIN_2D, dtype="i32", low=-5, high=5),
    )  # fmt: skip

    @classmethod
    def infer(
        cls,
        x: TensorType,
        weight: TensorType,
        bias: TensorType | None,
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        groups: int,
        layout: str,
    ) -> TensorType:
        """One pixel a window, O channels."""
        check_operands(cls, x, weight, bias, layout)  # C1 C2 C3
        channels, outputs = x.shape[windows.channel_axis(layout, x.rank)], weight.shape[0]
        if groups < 1 or channels % groups or outputs % groups:  # C4
            raise cls.error(f"groups must divide {channels} and {outputs} channels, got {groups}")
        if weight.shape[1] * groups != channels:  # C4
            raise cls.error(
                f"weight must have {channels // groups} channels for x {x}, groups={groups}, "
                f"got {weight}"
            )
        if bias is not None and bias.shape != (outputs,):  # C5
            raise cls.error(f"bias must have shape [{outputs}], got {bias}")
        sizes, kernel = spatial_sizes(x, layout), weight.shape[2:]
        w = windows.check_windows(cls, sizes, kernel, strides, padding, dilations)  # C6
        return TensorType(windows.arrange(layout, x.shape[0], outputs, w.outputs(sizes)), x.dtype)

    @staticmethod
    def reference(
        x: np.ndarray,
        weight: np.ndarray,
        bias: np.ndarray | None,
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        groups: int,
        layout: str,
    ) -> np.ndarray:
        """One small matrix product a tap and group."""
        wide = accumulator(dtype(x.dtype)).numpy
        image, filters = to_ncx(x, layout).astype(wide), weight.astype(wide)
        filters = filters.reshape(groups, -1, *weight.shape[1:])
        w = Windows.of(weight.shape[2:], strides, padding, dilations)
        pixels = w.outputs(image.shape[2:])
        y = np.zeros((len(x), weight.shape[0], *pixels), wide)
        for k, seen in w.each_tap(image, 0):
            grouped = seen.reshape(len(x), groups, -1, *pixels)
            y += np.einsum("ngc...,goc->ngo...", grouped, filters[(..., *k)]).reshape(y.shape)
        if bias is not None:
            y = y + bias.astype(wide).reshape(-1, *[1] * w.rank)
        return from_ncx(y, layout).astype(x.dtype)

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value | None]:
        """`dx = conv_transpose(g, weight)`, `dweight` = x correlated with g, `dbias = sum g`."""
        x, weight = type_of(self.x), type_of(self.weight)
        strides, padding, dilations = list(self.strides), list(self.padding), list(self.dilations)
        w = Windows.of(weight.shape[2:], strides, padding, dilations)
        sizes = spatial_sizes(x, self.layout)
        reached = [
            (n - 1) * s + e - lo - hi
            for n, s, e, lo, hi in zip(w.outputs(sizes), w.strides, w.extents, w.low, w.high)
        ]
        rest = [n - r for n, r in zip(sizes, reached)]
        common = {"strides": strides, "padding": padding, "dilations": dilations}
        common |= {"groups": self.groups, "layout": self.layout}
        dx = ty.conv_transpose(grad, self.weight, None, output_padding=rest, **common)
        dw = ty.conv_weight_gradient(self.x, grad, kernel=list(weight.shape[2:]), **common)
        order = [x.rank - 1, x.rank - 2, *range(x.rank - 2)]
        dweight = ty.transpose(dw, perm=order)
        if self.bias is None:
            return dx, dweight, None
        channel = windows.channel_axis(self.layout, x.rank)
        axes = [d for d in range(x.rank) if d != channel]
        return dx, dweight, ty.reduce_sum(grad, axes=axes, keepdims=False)


class ConvWeightGradientOp(Op, name="conv_weight_gradient"):
    """The gradient of a convolution in its weight, the output channels last:
    `y[k, c, o] = sum_{n, p} x[n, c, p*s + k*d - low] * grad[n, o, p]`, shape
    `[kernel..., C / groups, O]`.

    (C1) `layout` is NCX or NXC; (C2) `x` and `grad` have one rank from 3 to 5; (C3) both have one
    element type, a number; (C4) `groups` divides C and O; (C5) `grad` has the shape that the
    convolution has.
    """

    x: Operand
    grad: Operand
    kernel: Ints
    strides: Ints
    padding: Ints
    dilations: Ints
    groups: Int = 1
    layout: Str = "NCX"
    y: Result
    examples = (
        example((2, 3, 5, 6), (2, 4, 3, 4), kernel=[3, 3], **_PLAIN_2D),
        example(
            (2, 6, 5, 3), (2, 3, 5, 4), kernel=[3, 2], strides=[2, 1], padding=[1, 0, 1, 1],
            dilations=[1, 1], layout="NXC",
        ),
        example((1, 4, 5, 5), (1, 6, 3, 3), kernel=[3, 3], **_PLAIN_2D, groups=2, dtype="f64"),
        example((1, 5, 5, 4), (1, 3, 3, 6), kernel=[3, 3], **_PLAIN_2D, groups=2, layout="NXC"),
        example(
            (1, 4, 4, 4), (1, 4, 2, 2), kernel=[3, 3], strides=[2, 2], padding=[1] * 4,
            dilations=[1, 1], groups=4,
        ),
        example((1, 4, 4, 3), (1, 2, 2, 3), kernel=[3, 3], **_PLAIN_2D, groups=3, layout="NXC"),
        example((2, 3, 8), (2, 5, 3), kernel=[3], strides=[2], padding=[0, 1], dilations=[2]),
        example((1, 2, 3, 4, 3), (1, 3, 2, 3, 2), kernel=[2, 2, 2], **_PLAIN_3D),
        example(
            (1, 2, 4, 4), (1, 2, 3, 3), kernel=[2, 2], **_PLAIN_2D, dtype="f16", tolerance=2e-2,
        ),
    )  # fmt: skip

    @classmethod
    def infer(
        cls,
        x: TensorType,
        grad: TensorType,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        groups: int,
        layout: str,
    ) -> TensorType:
        """`[kernel..., C / groups, O]`."""
        check_operands(cls, x, grad, None, layout)  # C1 C2 C3
        channel = windows.channel_axis(layout, x.rank)
        channels, outputs = x.shape[channel], grad.shape[channel]
        if groups < 1 or channels % groups or outputs % groups:  # C4
            raise cls.error(f"groups must divide {channels} and {outputs} channels, got {groups}")
        sizes = spatial_sizes(x, layout)
        w = windows.check_windows(cls, sizes, kernel, strides, padding, dilations)
        expected = windows.arrange(layout, x.shape[0], outputs, w.outputs(sizes))
        if grad.shape != expected:  # C5
            raise cls.error(f"grad must have shape {list(expected)}, got {grad}")
        return TensorType((*kernel, channels // groups, outputs), x.dtype)

    @staticmethod
    def reference(
        x: np.ndarray,
        grad: np.ndarray,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        groups: int,
        layout: str,
    ) -> np.ndarray:
        """One small matrix product a tap and group."""
        wide = accumulator(dtype(x.dtype)).numpy
        image, g = to_ncx(x, layout).astype(wide), to_ncx(grad, layout).astype(wide)
        pixels = math.prod(g.shape[2:])
        g = g.reshape(g.shape[0], groups, -1, pixels)
        y = np.zeros((*kernel, image.shape[1] // groups, groups * g.shape[2]), wide)
        for k, seen in Windows.of(kernel, strides, padding, dilations).each_tap(image, 0):
            grouped = seen.reshape(seen.shape[0], groups, -1, pixels)
            tap = np.einsum("ngcp,ngop->cgo", grouped, g)
            y[k] = tap.reshape(tap.shape[0], -1)
        return y.astype(x.dtype)

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, ir.Value]:
        """`dx = conv_transpose(grad, g)`, `dgrad = conv(x, g)` with `g` as a weight."""
        x, g = type_of(self.x), type_of(grad)
        weight = ty.transpose(grad, perm=[g.rank - 1, g.rank - 2, *range(g.rank - 2)])
        common = {"strides": list(self.strides), "padding": list(self.padding)}
        common |= {"dilations": list(self.dilations), "groups": self.groups, "layout": self.layout}
        w = Windows.of(self.kernel, self.strides, self.padding, self.dilations)
        sizes = spatial_sizes(x, self.layout)
        parts = zip(sizes, w.outputs(sizes), w.strides, w.extents, w.low, w.high)
        rest = [n - ((p - 1) * s + e - lo - hi) for n, p, s, e, lo, hi in parts]
        dx = ty.conv_transpose(self.grad, weight, None, output_padding=rest, **common)
        return dx, ty.conv(self.x, weight, None, **common)
