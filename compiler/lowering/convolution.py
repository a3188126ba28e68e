"""Convolutions: a `tensor.pad`, then one `linalg.generic` whose reductions are [kernel..., ic].

    ty.conv(x, weight) {strides = [2, 2], layout = "NXC"}
    linalg.generic (n, h, w, oc, kh, kw, ic) ->
        x[n, 2h + kh, 2w + kw, ic], weight[oc, ic, kh, kw], y[n, h, w, oc] { y + x * weight }

The parallel iterators have the order of the result: [n, (g,) oc, spatial...] for NCX, [n,
spatial..., (g,) oc] for NXC. With groups, channels are split in two by `tensor.expand_shape`, so
that maps stay projected; a depthwise convolution has one channel iterator and no ic. 16-bit floats
are summed in f32; a bias is added by a generic of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlir import ir

from tyc.compiler.lowering import structured, tensors
from tyc.compiler.lowering.contraction import narrowed
from tyc.compiler.lowering.registry import lower
from tyc.dialects import scalar as s
from tyc.dialects import ty, windows
from tyc.dialects.building import type_of
from tyc.dialects.types import DType, TensorType, accumulator
from tyc.dialects.windows import Windows

Exprs = Sequence[ir.AffineExpr]


def spatial_pad(
    x: ir.Value, t: TensorType, w: Windows, layout: str, value: float | int
) -> tuple[ir.Value, TensorType]:
    """`x` with the windows' padding around its spatial dimensions."""
    low, high = around(w, layout, t.rank)
    return tensors.pad(x, t, low, high, value)


def around(w: Windows, layout: str, rank: int) -> tuple[list[int], list[int]]:
    """The windows' padding of each dimension of an image tensor."""
    low, high = [0] * rank, [0] * rank
    for d, lo, hi in zip(windows.spatial_axes(layout, rank), w.low, w.high):
        low[d], high[d] = lo, hi
    return low, high


def taps(w: Windows, spatial: Exprs, kernel: Exprs) -> list[ir.AffineExpr]:
    """The input index of each spatial dimension: `p * stride + k * dilation`."""
    return [p * s + k * d for p, s, k, d in zip(spatial, w.strides, kernel, w.dilations)]


def arrange(layout: str, batch: ir.AffineExpr, channels: Exprs, spatial: Exprs) -> list:
    """Index expressions in the order of `layout`."""
    if layout == "NCX":
        return [batch, *channels, *spatial]
    return [batch, *spatial, *channels]


def split_channels(
    x: ir.Value, t: TensorType, axis: int, groups: int
) -> tuple[ir.Value, TensorType]:
    """`x` with dimension `axis` as `[groups, size / groups]`."""
    split = (groups, t.shape[axis] // groups)
    out = TensorType((*t.shape[:axis], *split, *t.shape[axis + 1 :]), t.dtype)
    return tensors.reshape(x, t, out.shape), out


@dataclass(frozen=True)
class Loops:
    """The iterators of a convolution's generic: `parallel` in the result's order, then `kernel` and
    `inner` (ic, none where depthwise)."""

    batch: ir.AffineExpr
    channels: list[ir.AffineExpr]
    spatial: list[ir.AffineExpr]
    kernel: list[ir.AffineExpr]
    inner: list[ir.AffineExpr]
    parallel: list[ir.AffineExpr]

    @classmethod
    def of(cls, layout: str, rank: int, channels: int, inner: int) -> Loops:
        """For `rank` spatial dimensions and that many channel iterators."""
        d = structured.dims(1 + channels + 2 * rank + inner)
        first = 1 if layout == "NCX" else 1 + rank
        outer, space = d[first : first + channels], 1 + channels if layout == "NCX" else 1
        count = 1 + channels + rank
        return cls(
            batch=d[0],
            channels=outer,
            spatial=d[space : space + rank],
            kernel=d[count : count + rank],
            inner=d[count + rank :],
            parallel=d[:count],
        )

    @property
    def kinds(self) -> list[str]:
        """The iterator kinds."""
        reductions = len(self.kernel) + len(self.inner)
        parallel, reduction = structured.PARALLEL, structured.REDUCTION
        return [parallel] * len(self.parallel) + [reduction] * reductions


@lower(ty.ConvOp)
def conv(op: Any, x: ir.Value, weight: ir.Value, bias: ir.Value | None) -> ir.Value:
    """Pads, sums products over taps and channels, adds the bias."""
    t, filters, out = type_of(op.x), type_of(op.weight), type_of(op.y)
    w = Windows.of(filters.shape[2:], op.strides, op.padding, op.dilations)
    wide = accumulator(out.dtype)
    channel = windows.channel_axis(op.layout, out.rank)
    total = TensorType(out.shape, wide)
    turned = tensors.permuted_source(x) if op.groups == 1 else None
    if turned is None:
        x, t = spatial_pad(x, t, w, op.layout, 0)
    if op.groups == 1:
        loops = Loops.of(op.layout, w.rank, 1, 1)
        read, weights = loops.inner, [*loops.channels, *loops.inner, *loops.kernel]
    elif filters.shape[1] == 1 and filters.shape[0] == op.groups:
        loops = Loops.of(op.layout, w.rank, 1, 0)
        read, weights = loops.channels, [*loops.channels, *loops.kernel]
        flat = (filters.shape[0], *filters.shape[2:])
        weight, filters = tensors.reshape(weight, filters, flat), TensorType(flat, t.dtype)
    else:
        loops = Loops.of(op.layout, w.rank, 2, 1)
        read = [loops.channels[0], *loops.inner]
        weights = [*loops.channels, *loops.inner, *loops.kernel]
        x, t = split_channels(x, t, channel, op.groups)
        weight, filters = split_channels(weight, filters, 0, op.groups)
        shape = list(out.shape)
        shape[channel : channel + 1] = [op.groups, shape[channel] // op.groups]
        total = TensorType(tuple(shape), wide)
    source = arrange(op.layout, loops.batch, read, taps(w, loops.spatial, loops.kernel))
    if turned is not None:
        # A transposed image is read as it is: copies of it run along its own memory.
        x, perm = turned
        low, high = around(w, op.layout, t.rank)
        t, low, high, source = (
            TensorType(tuple(t.shape[d] for d in perm), t.dtype),
            *([each[d] for d in perm] for each in (low, high, source)),
        )
        x, t = tensors.pad(x, t, low, high, 0)
    y = products([(x, t.dtype, source), (weight, t.dtype, weights)], total, loops)
    y = tensors.reshape(y, total, out.shape)
    return finished(y, TensorType(out.shape, wide), bias, channel, out.dtype)


def products(inputs: list, total: TensorType, loops: Loops) -> ir.Value:
    """The generic that sums the products of its two inputs from zero."""
    wide = total.dtype
    return structured.generic(
        inputs,
        [(structured.filled(total, 0), wide, loops.parallel)],
        loops.kinds,
        lambda a, b, acc: acc + s.cast(a, wide) * s.cast(b, wide),
    )


def finished(
    y: ir.Value, t: TensorType, bias: ir.Value | None, channel: int, to: DType
) -> ir.Value:
    """`y + bias` along dimension `channel`, in the element type `to`."""
    if bias is None:
        return narrowed(y, t, to)
    d = structured.dims(t.rank)
    out = TensorType(t.shape, to)
    return structured.generic(
        [(y, t.dtype, d), (bias, to, [d[channel]])],
        [(structured.empty(out), to, d)],
        [structured.PARALLEL] * t.rank,
        lambda value, b: s.cast(value + s.cast(b, t.dtype), to),
    )


@lower(ty.ConvWeightGradientOp)
def conv_weight_gradient(op: Any, x: ir.Value, grad: ir.Value) -> ir.Value:
    """One generic with the iterators [kernel..., (g,) ic, oc] and the reductions [n, spatial...].

    The result is `[kernel..., ic, O]`; with groups g comes before oc, as in O.
    """
    t, g, out = type_of(op.x), type_of(op.grad), type_of(op.y)
    w = Windows.of(op.kernel, op.strides, op.padding, op.dilations)
    x, t = spatial_pad(x, t, w, op.layout, 0)
    channel, rank = windows.channel_axis(op.layout, g.rank), w.rank
    grouped = op.groups > 1
    d = structured.dims(2 * rank + 3 + grouped)
    kernel, (ic, *oc) = d[:rank], d[rank : rank + 2 + grouped]
    batch, *spatial = d[rank + 2 + grouped :]
    wide = accumulator(out.dtype)
    total, read = TensorType(out.shape, wide), [ic]
    if grouped:
        x, t = split_channels(x, t, channel, op.groups)
        grad, g = split_channels(grad, g, channel, op.groups)
        total = split_channels_type(total, op.groups)
        read = [oc[0], ic]
    source = arrange(op.layout, batch, read, taps(w, spatial, kernel))
    y = structured.generic(
        [(x, t.dtype, source), (grad, g.dtype, arrange(op.layout, batch, oc, spatial))],
        [(structured.filled(total, 0), wide, d[: rank + 2 + grouped])],
        [structured.PARALLEL] * (rank + 2 + grouped) + [structured.REDUCTION] * (rank + 1),
        lambda a, b, acc: acc + s.cast(a, wide) * s.cast(b, wide),
    )
    y = tensors.reshape(y, total, out.shape)
    return narrowed(y, TensorType(out.shape, wide), out.dtype)


def split_channels_type(t: TensorType, groups: int) -> TensorType:
    """The type with its last dimension as `[groups, size / groups]`."""
    return TensorType((*t.shape[:-1], groups, t.shape[-1] // groups), t.dtype)
