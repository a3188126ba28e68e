"""Transposed convolutions: what a convolution's gradient does to its input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mlir import ir

from tyc.dialects import ty, windows
from tyc.dialects.building import type_of
from tyc.dialects.ods import Composite, Int, Ints, Operand, OptionalOperand, Result, Str, example
from tyc.dialects.ty.convolution import check_operands, spatial_sizes
from tyc.dialects.types import TensorType, accumulator, dtype
from tyc.dialects.windows import Windows, from_ncx, to_ncx

_PLAIN_2D = {
    "strides": [1, 1],
    "padding": [0] * 4,
    "dilations": [1, 1],
    "output_padding": [0, 0],
}


class ConvTransposeOp(Composite, name="conv_transpose"):
    """Spreads windows: `y[n, o, p*s + k*d - low] += x[n, c, p] * weight[c, o, k]`, plus `bias[o]`.

    `weight` is `[C, O / groups, kernel...]`; `output_padding` adds to the end of each dimension.

    (C1) `layout` is NCX or NXC; (C2) `x` and `weight` have one rank from 3 to 5; (C3) all operands
    have one element type, a number; (C4) `groups` divides C, and `weight` has C rows; (C5) `bias`
    has shape [O]; (C6) the lists fit the spatial rank; (C7) the result is not empty.
    """

    x: Operand
    weight: Operand
    bias: OptionalOperand
    strides: Ints
    padding: Ints
    dilations: Ints
    output_padding: Ints
    groups: Int = 1
    layout: Str = "NCX"
    y: Result
    examples = (
        example((1, 3, 3, 4), (3, 4, 3, 3), None, **_PLAIN_2D),
        example((1, 3, 3, 2), (3, 2, 2, 2), (2,), **{**_PLAIN_2D, "strides": [2, 2]}),
        example(
            (2, 3, 2, 3), (3, 4, 2, 2), None, **{**_PLAIN_2D, "strides": [2, 2]}, layout="NXC"
        ),
        example(
            (2, 4, 3, 3), (4, 3, 3, 2), (6,), strides=[2, 3], padding=[1, 0, 1, 1],
            dilations=[1, 2], output_padding=[1, 0], groups=2,
        ),
        example(
            (1, 3, 2, 4), (4, 1, 3, 3), (2,), strides=[2, 1], padding=[1] * 4, dilations=[1, 1],
            output_padding=[1, 0], groups=2, layout="NXC", dtype="f64",
        ),
        example(
            (1, 2, 4), (2, 3, 1), None, strides=[2], padding=[1, 1], dilations=[1],
            output_padding=[1],
        ),
        example(
            (1, 2, 2, 2, 1), (2, 1, 2, 1, 2), None, strides=[1, 2, 1], padding=[0] * 6,
            dilations=[1, 1, 1], output_padding=[0, 0, 0],
        ),
        example((1, 2, 3, 3), (2, 2, 3, 3), None, **_PLAIN_2D, dtype="f16", tolerance=2e-2),
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
        output_padding: Sequence[int],
        groups: int,
        layout: str,
    ) -> TensorType:
        """The size whose convolution has the size of `x`, O channels."""
        check_operands(cls, x, weight, bias, layout)  # C1 C2 C3
        channels, rank = x.shape[windows.channel_axis(layout, x.rank)], x.rank - 2
        if groups < 1 or channels % groups or weight.shape[0] != channels:  # C4
            got = f"x {x}, weight {weight}, groups={groups}"
            raise cls.error(f"weight must have {channels} rows and groups divide them, got {got}")
        outputs = weight.shape[1] * groups
        if bias is not None and bias.shape != (outputs,):  # C5
            raise cls.error(f"bias must have shape [{outputs}], got {bias}")
        lists = (strides, dilations, output_padding, padding[:rank], padding[rank:])
        if any(len(v) != rank for v in lists) or min(*strides, *dilations) < 1:  # C6
            got = f"strides {list(strides)}, dilations {list(dilations)}, padding {list(padding)}"
            raise cls.error(
                f"strides, dilations, output_padding must be {rank} numbers, padding {2 * rank}, "
                f"got {got}, output_padding {list(output_padding)}"
            )
        sizes = _sizes(spatial_sizes(x, layout), weight.shape[2:], lists)
        if min(sizes) < 1:  # C7
            raise cls.error(f"the result must not be empty, got sizes {sizes}", "pad less")
        return TensorType(windows.arrange(layout, x.shape[0], outputs, sizes), x.dtype)

    @staticmethod
    def expand(
        x: ir.Value,
        weight: ir.Value,
        bias: ir.Value | None,
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        output_padding: Sequence[int],
        groups: int,
        layout: str,
    ) -> ir.Value:
        """A matrix product where windows do not overlap, else a convolution of the spread `x`."""
        kernel = list(type_of(weight).shape[2:])
        plain = list(strides) == kernel and groups == 1 and max(dilations) == 1
        if plain and not any(padding) and not any(output_padding):
            return _disjoint(x, weight, bias, layout)
        w = Windows.of(kernel, strides, padding, dilations)
        low = [e - 1 - lo for e, lo in zip(w.extents, w.low)]
        high = [e - 1 - hi + o for e, hi, o in zip(w.extents, w.high, output_padding)]
        spread = _spread(x, strides, low, high, layout)
        return ty.conv(
            spread,
            _turned(weight, groups),
            bias,
            strides=[1] * w.rank,
            padding=[max(n, 0) for n in (*low, *high)],
            dilations=list(dilations),
            groups=groups,
            layout=layout,
        )

    @staticmethod
    def reference(
        x: np.ndarray,
        weight: np.ndarray,
        bias: np.ndarray | None,
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
        output_padding: Sequence[int],
        groups: int,
        layout: str,
    ) -> np.ndarray:
        """Adds one small matrix product a tap and group to where the tap lands."""
        wide = accumulator(dtype(x.dtype)).numpy
        image, kernel = to_ncx(x, layout).astype(wide), weight.shape[2:]
        batch, sizes = image.shape[0], image.shape[2:]
        image = image.reshape(batch, groups, -1, *sizes)
        filters = weight.astype(wide).reshape(groups, -1, *weight.shape[1:])
        rank, outputs = len(kernel), weight.shape[1] * groups
        lists = (strides, dilations, output_padding, padding[:rank], padding[rank:])
        wanted = _sizes(sizes, kernel, lists)
        whole = [n + lo + max(hi, 0) for n, lo, hi in zip(wanted, padding, padding[rank:])]
        y = np.zeros((batch, outputs, *whole), wide)
        for k in np.ndindex(*kernel):
            tap = np.einsum("ngc...,gco->ngo...", image, filters[(..., *k)])
            parts = zip(k, dilations, sizes, strides)
            place = [slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, n, s in parts]
            y[(..., *place)] += tap.reshape(batch, outputs, *sizes)
        y = y[(..., *(slice(lo, lo + n) for lo, n in zip(padding, wanted)))]
        if bias is not None:
            y = y + bias.astype(wide).reshape(-1, *[1] * rank)
        return from_ncx(y, layout).astype(x.dtype)


def _sizes(
    sizes: Sequence[int], kernel: Sequence[int], lists: Sequence[Sequence[int]]
) -> list[int]:
    """`(n - 1) * stride + extent + output_padding - low - high` of each dimension."""
    strides, dilations, more, low, high = lists
    return [
        (n - 1) * s + (k - 1) * d + 1 + o - lo - hi
        for n, k, s, d, o, lo, hi in zip(sizes, kernel, strides, dilations, more, low, high)
    ]


def _spread(
    x: ir.Value, strides: Sequence[int], low: Sequence[int], high: Sequence[int], layout: str
) -> ir.Value:
    """`x` with zeros between its pixels, cropped where `low` or `high` is negative."""
    shape = list(type_of(x).shape)
    axes = windows.spatial_axes(layout, len(shape))
    if max(strides) > 1:
        factors = [1] * len(shape)
        for d, s in zip(axes, strides):
            factors[d] = s
        zeros = [0] * len(shape)
        x = ty.dilate(x, factors=factors, low=zeros, high=zeros)
    if min(*low, *high) >= 0:
        return x
    starts, sizes = [0] * len(shape), list(type_of(x).shape)
    for d, lo, hi in zip(axes, low, high):
        starts[d] = max(-lo, 0)
        sizes[d] -= starts[d] + max(-hi, 0)
    return ty.slice(x, starts=starts, sizes=sizes, steps=[1] * len(shape))


def _turned(weight: ir.Value, groups: int) -> ir.Value:
    """`[C, O / groups, kernel...]` as `[O, C / groups, kernel...]`, kernels turned round."""
    rows, outputs, *kernel = type_of(weight).shape
    rank = len(kernel)
    if groups > 1:
        weight = ty.reshape(weight, shape=[groups, rows // groups, outputs, *kernel])
        weight = ty.transpose(weight, perm=[0, 2, 1, *range(3, 3 + rank)])
        weight = ty.reshape(weight, shape=[groups * outputs, rows // groups, *kernel])
    else:
        weight = ty.transpose(weight, perm=[1, 0, *range(2, 2 + rank)])
    axes = [d + 2 for d, k in enumerate(kernel) if k > 1]
    return ty.reverse(weight, axes=axes) if axes else weight


def _disjoint(x: ir.Value, weight: ir.Value, bias: ir.Value | None, layout: str) -> ir.Value:
    """The case of strides equal to the kernel: each pixel becomes a block of its own."""
    rows, outputs, *kernel = type_of(weight).shape
    batch, rank = type_of(x).shape[0], len(kernel)
    sizes = spatial_sizes(type_of(x), layout)
    blocks = [n * k for n, k in zip(sizes, kernel)]
    matrix = ty.reshape(weight, shape=[rows, -(-type_of(weight).size // rows)])
    if layout == "NXC":
        y = ty.matmul(ty.reshape(x, shape=[type_of(x).size // rows, rows]), matrix)
        y = ty.reshape(y, shape=[batch, *sizes, outputs, *kernel])
        pixels = [d for i in range(rank) for d in (1 + i, rank + 2 + i)]
        y = ty.transpose(y, perm=[0, *pixels, rank + 1])
    else:
        pixels_of = ty.reshape(x, shape=[batch, rows, type_of(x).size // (batch * rows)])
        y = ty.matmul(matrix, pixels_of, transpose_a=True)
        y = ty.reshape(y, shape=[batch, outputs, *kernel, *sizes])
        pixels = [d for i in range(rank) for d in (rank + 2 + i, 2 + i)]
        y = ty.transpose(y, perm=[0, 1, *pixels])
    y = ty.reshape(y, shape=list(windows.arrange(layout, batch, outputs, blocks)))
    if bias is None:
        return y
    along = [outputs] if layout == "NXC" else [outputs, *[1] * rank]
    return ty.add(y, ty.reshape(bias, shape=along))
