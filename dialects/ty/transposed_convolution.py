"""Transposed convolutions: what a convolution's gradient does to its input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty, windows
from tyc.dialects.building import type_of
from tyc.dialects.ods import Composite, Int, Ints, Operand, OptionalOperand, Result, Str, example
from tyc.dialects.ty.convolution import check_operands, spatial_sizes
from tyc.dialects.types import TensorType, accumulator, dtype
from tyc.dialects.windows import from_ncx, to_ncx

_PLAIN_2D: dict[str, Any] = {
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
        example(
            (1, 4, 3, 3), (4, 3, 4, 3), (6,), strides=[2, 2], padding=[1, 1, 2, 0],
            dilations=[1, 1], output_padding=[0, 1], groups=2,
        ),
        example(
            (2, 3, 3, 4), (4, 3, 4, 2), (6,), strides=[3, 2], padding=[2, 0, 1, 1],
            dilations=[1, 1], output_padding=[2, 0], groups=2, layout="NXC",
        ),
        example(
            (1, 3, 3, 2), (2, 3, 1, 1), (3,), strides=[2, 2], padding=[1, 0, 0, 0],
            dilations=[1, 1], output_padding=[1, 1], layout="NXC",
        ),
        example(
            (1, 2, 5, 5), (2, 3, 3, 3), None, strides=[1, 1], padding=[3, 3, 3, 3],
            dilations=[1, 1], output_padding=[0, 0],
        ),
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
        """A convolution of `x` whose channels are the places in a stride, moved to their pixels."""
        kernel = type_of(weight).shape[2:]
        sizes = spatial_sizes(type_of(x), layout)
        lists = (strides, dilations, output_padding, padding[: len(sizes)], padding[len(sizes) :])
        outputs = _sizes(sizes, kernel, lists)
        if max(kernel) == 1 and max(strides) > 1:
            around = [0] * (2 * len(sizes))
            y = _correlate(x, _turned(weight, groups), None, around, dilations, groups, layout)
            y = _spread(y, strides, layout)
            y = _cropped(y, padding, outputs, layout)
            return y if bias is None else ty.add(y, _along(bias, layout, len(sizes)))
        if any(s > 1 and d > 1 for s, d in zip(strides, dilations)):
            x, strides = _spread(x, strides, layout), [1] * len(sizes)
            sizes = spatial_sizes(type_of(x), layout)
        first = [lo // s for lo, s in zip(padding, strides)]
        last = [(lo + n - 1) // s for lo, n, s in zip(padding, outputs, strides)]
        phases = _phases(weight, strides, groups, layout)
        parts = zip(type_of(phases).shape[2:], dilations, first)
        low = [(k - 1) * d - q for k, d, q in parts]
        high = [q - n + 1 for q, n in zip(last, sizes)]
        x = _shifted(x, [min(n, 0) for n in low], [min(n, 0) for n in high], layout)
        around = [max(n, 0) for n in (*low, *high)]
        if bias is not None:
            bias = _repeated(bias, strides, groups, layout)
        y = _correlate(x, phases, bias, around, dilations, groups, layout)
        if max(strides) > 1:
            y = _interleaved(y, strides, groups, layout)
        starts = [lo - q * s for lo, q, s in zip(padding, first, strides)]
        return _cropped(y, starts, outputs, layout)

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


def _correlate(
    x: ir.Value,
    weight: ir.Value,
    bias: ir.Value | None,
    padding: Sequence[int],
    dilations: Sequence[int],
    groups: int,
    layout: str,
) -> ir.Value:
    """The convolution without stride."""
    geometry = {"padding": list(padding), "dilations": list(dilations)}
    ones = [1] * len(dilations)
    return ty.conv(x, weight, bias, strides=ones, **geometry, groups=groups, layout=layout)


def _shifted(x: ir.Value, low: Sequence[int], high: Sequence[int], layout: str) -> ir.Value:
    """`x` with zeros around its pixels, or without its border where a width is negative."""
    t = type_of(x)
    before, after = [0] * t.rank, [0] * t.rank
    for d, lo, hi in zip(windows.spatial_axes(layout, t.rank), low, high):
        before[d], after[d] = lo, hi
    if min(*low, *high) < 0:
        starts = [max(-n, 0) for n in before]
        ends = [n - max(-hi, 0) for n, hi in zip(t.shape, after)]
        sizes = [max(end - start, 0) for start, end in zip(starts, ends)]
        x = ty.slice(x, starts=starts, sizes=sizes, steps=[1] * t.rank)
    before, after = [max(n, 0) for n in before], [max(n, 0) for n in after]
    return ty.pad(x, low=before, high=after) if any(before) or any(after) else x


def _cropped(x: ir.Value, starts: Sequence[int], sizes: Sequence[int], layout: str) -> ir.Value:
    """The pixels from `starts`, zeros beyond the last one."""
    have = spatial_sizes(type_of(x), layout)
    after = [start + n - m for start, n, m in zip(starts, sizes, have)]
    return _shifted(x, [-start for start in starts], after, layout)


def _spread(x: ir.Value, strides: Sequence[int], layout: str) -> ir.Value:
    """`x` with zeros between its pixels."""
    rank = type_of(x).rank
    factors, zeros = [1] * rank, [0] * rank
    for d, s in zip(windows.spatial_axes(layout, rank), strides):
        factors[d] = s
    return ty.dilate(x, factors=factors, low=zeros, high=zeros) if max(strides) > 1 else x


def _turned(weight: ir.Value, groups: int) -> ir.Value:
    """`[C, O / groups, kernel...]` as `[O, C / groups, kernel...]`, kernels turned round."""
    return _phases(weight, [1] * (type_of(weight).rank - 2), groups, "NCX")


def _phases(weight: ir.Value, strides: Sequence[int], groups: int, layout: str) -> ir.Value:
    """The turned weights of the places in a stride, as output channels `[g, o, place...]` for NCX,
    `[g, place..., o]` for NXC: tap `m * stride + place` of the kernel is tap `m` of that place."""
    rows, outputs, *kernel = type_of(weight).shape
    rank = len(kernel)
    taps = [-(-k // s) for k, s in zip(kernel, strides)]
    missing = [m * s - k for m, k, s in zip(taps, kernel, strides)]
    if any(missing):
        weight = ty.pad(weight, low=[0] * (rank + 2), high=[0, 0, *missing])
    pairs = [n for pair in zip(taps, strides) for n in pair]
    split = ty.reshape(weight, shape=[groups, rows // groups, outputs, *pairs])
    tap_dims, places = list(range(3, 3 + 2 * rank, 2)), list(range(4, 4 + 2 * rank, 2))
    channels = [2, *places] if layout == "NCX" else [*places, 2]
    moved = ty.transpose(split, perm=[0, *channels, 1, *tap_dims])
    count = groups * outputs * math.prod(strides)
    moved = ty.reshape(moved, shape=[count, rows // groups, *taps])
    axes = [d + 2 for d, m in enumerate(taps) if m > 1]
    return ty.reverse(moved, axes=axes) if axes else moved


def _repeated(bias: ir.Value, strides: Sequence[int], groups: int, layout: str) -> ir.Value:
    """The bias of each place in a stride, in the order of `_phases`."""
    size, places = type_of(bias).size, math.prod(strides)
    if places == 1:
        return bias
    each = size // groups
    last = layout == "NCX"
    one = ty.reshape(bias, shape=[groups, each, 1] if last else [groups, 1, each])
    full = [groups, each, places] if last else [groups, places, each]
    repeated = ty.broadcast_to(one, shape=full)
    return ty.reshape(repeated, shape=[size * places])


def _interleaved(y: ir.Value, strides: Sequence[int], groups: int, layout: str) -> ir.Value:
    """Places in a stride moved from channels to between the pixels."""
    t, rank = type_of(y), len(strides)
    batch, sizes = t.shape[0], spatial_sizes(t, layout)
    channels = t.size // (batch * math.prod(sizes) * math.prod(strides))
    pixels = [n * s for n, s in zip(sizes, strides)]
    if layout == "NCX":
        y = ty.reshape(y, shape=[batch, channels, *strides, *sizes])
        order = [0, 1, *(d for i in range(rank) for d in (2 + rank + i, 2 + i))]
    else:
        y = ty.reshape(y, shape=[batch, *sizes, groups, *strides, channels // groups])
        between = [d for i in range(rank) for d in (1 + i, 2 + rank + i)]
        order = [0, *between, 1 + rank, 2 + 2 * rank]
    y = ty.transpose(y, perm=order)
    return ty.reshape(y, shape=list(windows.arrange(layout, batch, channels, pixels)))


def _along(bias: ir.Value, layout: str, rank: int) -> ir.Value:
    """The bias in a shape that broadcasts along the channels."""
    size = type_of(bias).size
    return bias if layout == "NXC" else ty.reshape(bias, shape=[size, *[1] * rank])
