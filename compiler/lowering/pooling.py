"""Poolings: a `tensor.pad`, then one `linalg.generic` with the reductions [kernel...].

    ty.max_pool(x) {kernel = [3, 3], strides = [2, 2], layout = "NXC"}
    linalg.generic (n, h, w, c, kh, kw) -> x[n, 2h + kh, 2w + kw, c], window[kh, kw], y[n, h, w, c]

`window` is a `tensor.empty` that no body reads: it only gives the kernel's sizes to linalg.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import arith

from tyc.compiler.lowering import loop_nests, structured, tensors
from tyc.compiler.lowering.convolution import Loops, arrange, spatial_pad, taps
from tyc.compiler.lowering.registry import loops, lower
from tyc.compiler.schedules import arithmetic
from tyc.dialects import scalar as s
from tyc.dialects import ty, windows
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.ty.pooling import NONE, lowest
from tyc.dialects.types import TensorType, accumulator, i64, u8
from tyc.dialects.windows import Windows


def pooled(
    x: ir.Value,
    t: TensorType,
    w: Windows,
    layout: str,
    outputs: list[tuple[TensorType, float | int]],
    body: Callable[..., Any],
    filling: float | int,
) -> Any:
    """The generic of a pooling: `outputs` are the accumulators' types and what they start from."""
    x, t = spatial_pad(x, t, w, layout, filling)
    nest = Loops.of(layout, w.rank, 1, 0)
    source = arrange(layout, nest.batch, nest.channels, taps(w, nest.spatial, nest.kernel))
    window = structured.empty(TensorType(w.kernel, t.dtype))
    starts = [(structured.filled(o, value), o.dtype, nest.parallel) for o, value in outputs]
    inputs = [(x, t.dtype, source), (window, t.dtype, nest.kernel)]
    return structured.generic(inputs, starts, nest.kinds, body)


@lower(ty.MaxPoolOp)
def max_pool(op: Any, x: ir.Value) -> ir.Value:
    """The running maximum, from the lowest number, which is also the padding."""
    t, out = type_of(op.x), type_of(op.y)
    w = Windows.of(op.kernel, op.strides, op.padding, op.dilations)
    least = lowest(t.dtype.numpy)
    outputs = [(out, least)]
    return pooled(x, t, w, op.layout, outputs, lambda v, _, acc: s.maximum(acc, v), least)


@lower(ty.MaxPoolIndicesOp)
def max_pool_indices(op: Any, x: ir.Value) -> list[ir.Value]:
    """Two accumulators: the maximum and its flat index, which is -1 before the first element."""
    t, out = type_of(op.x), type_of(op.values)
    w = Windows.of(op.kernel, op.strides, op.padding, op.dilations)
    axes = windows.spatial_axes(op.layout, t.rank)

    def body(value: Scalar, _: Scalar, best: Scalar, place: Scalar) -> list[Scalar]:
        indices: list[tensors.Index] = [tensors.position(d) for d in range(t.rank)]
        better = (value > best) | value.not_equal(value) | (place < 0)
        for k, d in enumerate(axes):
            tap = arithmetic.multiply(tensors.position(t.rank + k), w.dilations[k])
            start = arithmetic.multiply(indices[d], w.strides[k])
            indices[d] = arithmetic.subtract(arithmetic.add(start, tap), w.low[k])
            if w.low[k] or w.high[k]:
                better = better & tensors.within(indices[d], t.shape[d])
        flat: tensors.Index = 0
        for index, size in zip(indices, t.shape):
            flat = arithmetic.add(arithmetic.multiply(flat, size), index)
        here = tensors.as_scalar(flat)
        return [s.where(better, value, best), s.where(better, here, place)]

    least = lowest(t.dtype.numpy)
    outputs = [(out, least), (TensorType(out.shape, i64), -1)]
    return pooled(x, t, w, op.layout, outputs, body, least)


@lower(ty.MaxPoolTapsOp)
def max_pool_taps(op: Any, x: ir.Value) -> ir.Value:
    """Two accumulators: the maximum, which nothing reads, and the number of its tap."""
    t, out = type_of(op.x), type_of(op.y)
    w = Windows.of(op.kernel, op.strides, op.padding, op.dilations)
    axes = windows.spatial_axes(op.layout, t.rank)

    def body(value: Scalar, _: Scalar, best: Scalar, tap: Scalar) -> list[Scalar]:
        better = (value > best) | value.not_equal(value) | tap.equal(NONE)
        number: tensors.Index = 0
        for k, d in enumerate(axes):
            at = tensors.position(t.rank + k)
            number = arithmetic.add(arithmetic.multiply(number, w.kernel[k]), at)
            if w.low[k] or w.high[k]:
                start = arithmetic.multiply(tensors.position(d), w.strides[k])
                start = arithmetic.add(start, arithmetic.multiply(at, w.dilations[k]))
                place = arithmetic.subtract(start, w.low[k])
                better = better & tensors.within(place, t.shape[d])
        here = s.cast(tensors.as_scalar(number), u8)
        return [s.where(better, value, best), s.where(better, here, tap)]

    least = lowest(t.dtype.numpy)
    outputs = [(TensorType(out.shape, t.dtype), least), (out, NONE)]
    return pooled(x, t, w, op.layout, outputs, body, least)[1]


@lower(ty.AveragePoolOp)
def average_pool(op: Any, x: ir.Value) -> ir.Value:
    """The sum of each window, then divided by how many elements count in it."""
    t, out = type_of(op.x), type_of(op.y)
    padding = ty.AveragePoolOp.whole(op.padding, op.extra)
    w = Windows.of(op.kernel, op.strides, padding, op.dilations)
    wide = accumulator(t.dtype)
    total = TensorType(out.shape, wide)
    y = pooled(
        x, t, w, op.layout, [(total, 0)], lambda v, _, acc: acc + s.cast(v, wide), 0
    )  # fmt: skip
    axes = windows.spatial_axes(op.layout, t.rank)
    counts = [
        ty.AveragePoolOp.counts(t.shape[d], k, w, op.count_include_pad, op.extra)
        for k, d in enumerate(axes)
    ]
    maps = structured.dims(t.rank)
    return structured.generic(
        [(y, wide, maps)],
        [(structured.empty(out), out.dtype, maps)],
        [structured.PARALLEL] * t.rank,
        lambda value: s.cast(_divided(value, op, t, w, counts), out.dtype),
    )


def _divided(value: Scalar, op: Any, t: TensorType, w: Windows, counts: list[np.ndarray]) -> Scalar:
    """The sum over the product of the counts: constants where they are the same everywhere."""
    uniform, varying = 1, None
    for k, d in enumerate(windows.spatial_axes(op.layout, t.rank)):
        if (counts[k] == counts[k][0]).all():
            uniform *= int(counts[k][0])
            continue
        count = _count(tensors.position(d), k, t.shape[d], op, w)
        varying = count if varying is None else arithmetic.multiply(varying, count)
    if varying is None:
        return value * (1.0 / uniform)
    number = arithmetic.materialise(arithmetic.multiply(varying, uniform))
    whole = arith.index_cast(ir.IntegerType.get_signless(32), number)
    return value / Scalar(arith.sitofp(structured.element(value.dtype), whole), value.dtype)


def _count(p: tensors.Index, k: int, size: int, op: Any, w: Windows) -> tensors.Index:
    """How many taps of window `p` count along spatial dimension `k`."""
    extra = op.extra[k] if op.extra else 0
    low, high = (-w.low[k], size + w.high[k] - extra) if op.count_include_pad else (0, size)
    start = arithmetic.subtract(arithmetic.multiply(p, w.strides[k]), w.low[k])

    def before(bound: int) -> tensors.Index:
        """The number of taps that come before `bound`."""
        room = arithmetic.maximum(arithmetic.subtract(bound, start), 0)
        return arithmetic.minimum(arithmetic.ceil_divide(room, w.dilations[k]), w.kernel[k])

    return arithmetic.subtract(before(high), before(low))


def _image_rows(op: Any) -> int:
    """The planes of a max pooling's gradient: each names only its own elements."""
    n, c = type_of(op.grad).shape[0], type_of(op.grad).shape[1]
    return n * c if op.layout == "NCX" else n


@loops(ty.MaxPoolGradientOp, rows=_image_rows)
def max_pool_gradient(
    op: Any, inputs: list[ir.Value], outputs: list[ir.Value], row: ir.Value
) -> None:
    """One plane: zeros, then each gradient added where its window found its maximum."""
    indices, grad, y = (loop_nests.flat(v) for v in (*inputs, outputs[0]))
    t, count = type_of(op.grad), _image_rows(op)
    size, windows_of = type_of(op.y).size // count, t.size // count
    base, first = arithmetic.multiply(row, size), arithmetic.multiply(row, windows_of)
    zero = structured.constant(t.dtype, 0)
    loop_nests.each(0, size, lambda i: loop_nests.store(zero, y, arithmetic.add(base, i)))

    def add(p: ir.Value) -> None:
        at = arithmetic.add(first, p)
        found = arith.index_cast(ir.IndexType.get(), loop_nests.load(indices, at))
        # An index of another plane would break the independence of rows: it stays in this one.
        inside = tensors.clamped(arithmetic.subtract(found, base), size - 1)
        place = arithmetic.add(base, inside)
        new = arith.addf if t.dtype.is_float else arith.addi
        loop_nests.store(new(loop_nests.load(y, place), loop_nests.load(grad, at)), y, place)

    loop_nests.each(0, windows_of, add)


@loops(ty.MaxPoolTapsGradientOp, rows=_image_rows)
def max_pool_taps_gradient(
    op: Any, inputs: list[ir.Value], outputs: list[ir.Value], row: ir.Value
) -> None:
    """One plane: zeros, then each gradient added at its window's tap, windows in their order."""
    taps, grad, y = (loop_nests.flat(v) for v in (*inputs, outputs[0]))
    t, x, count = type_of(op.grad), type_of(op.y), _image_rows(op)
    w = Windows.of(op.kernel, op.strides, op.padding, op.dilations)
    axes = windows.spatial_axes(op.layout, t.rank)
    inner = 1 if op.layout == "NCX" else t.shape[-1]
    size, base = x.size // count, arithmetic.multiply(row, x.size // count)
    first = arithmetic.multiply(row, t.size // count)
    zero = structured.constant(t.dtype, 0)
    loop_nests.each(0, size, lambda i: loop_nests.store(zero, y, arithmetic.add(base, i)))

    def add(window: list[ir.Value], column: ir.Value) -> None:
        at = arithmetic.add(arithmetic.multiply(_flat(window, axes, t), inner), column)
        at = arithmetic.add(first, at)
        byte = loop_nests.load(taps, at)
        tap: tensors.Index = arith.index_castui(ir.IndexType.get(), byte)
        places: list[tensors.Index] = [0] * len(axes)
        for k in reversed(range(len(axes))):
            step = arithmetic.multiply(arithmetic.remainder(tap, w.kernel[k]), w.dilations[k])
            tap = arithmetic.floor_divide(tap, w.kernel[k])
            start = arithmetic.subtract(arithmetic.multiply(window[k], w.strides[k]), w.low[k])
            places[k] = arithmetic.add(start, step)
        place = arithmetic.add(arithmetic.multiply(_flat(places, axes, x), inner), column)
        # A tap that is none would break the independence of rows: it stays in this one.
        place = arithmetic.add(base, tensors.clamped(place, size - 1))
        new = arith.addf if t.dtype.is_float else arith.addi
        loop_nests.store(new(loop_nests.load(y, place), loop_nests.load(grad, at)), y, place)

    def nest(window: list[ir.Value]) -> None:
        if len(window) == len(axes):
            loop_nests.each(0, inner, lambda column: add(window, column))
        else:
            each = t.shape[axes[len(window)]]
            loop_nests.each(0, each, lambda i: nest([*window, i]))

    nest([])


def _flat(places: Sequence[tensors.Index], axes: Sequence[int], t: TensorType) -> tensors.Index:
    """The number of a pixel."""
    number: tensors.Index = 0
    for place, d in zip(places, axes):
        number = arithmetic.add(arithmetic.multiply(number, t.shape[d]), place)
    return number
