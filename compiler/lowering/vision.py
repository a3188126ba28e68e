"""Resampling: a generic that extracts the taps of each element and sums them by weight.

Places are computed in f32 as `vision.Axis.places` does, so that both round alike; a nearest tap
that is `i * size // output` everywhere is integer arithmetic.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import arith

from tyc.compiler.lowering import tensors
from tyc.compiler.lowering.registry import lower
from tyc.compiler.schedules import arithmetic
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import attributes_of, type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.ty.vision import Axis
from tyc.dialects.types import accumulator, dtype, f32, i32

Tap = tuple[tensors.Index, Scalar | None]
"""An index along one dimension, and its weight in f32 (None: 1)."""


@lower(ty.ResizeOp)
def resize(op: Any, x: ir.Value) -> ir.Value:
    """The sum over the product of the taps of all resampled dimensions."""
    t, out = type_of(op.x), type_of(op.y)
    options = {k: v for k, v in attributes_of(op).items() if k != "sizes"}
    axes = ty.ResizeOp.axes(t.shape, op.sizes, options)
    wide = accumulator(t.dtype)

    def body(indices: list[tensors.Index]) -> Scalar:
        choices = [
            [(i, None)] if axis.untouched else _taps(axis, i) for axis, i in zip(axes, indices)
        ]
        if op.mode == "nearest":
            return tensors.element_at(x, t.dtype, [taps[0][0] for taps in choices])
        total = None
        for taps in itertools.product(*choices):
            value = s.cast(tensors.element_at(x, t.dtype, [place for place, _ in taps]), wide)
            for _, weight in taps:
                value = value if weight is None else value * s.cast(weight, wide)
            total = value if total is None else total + value
        assert total is not None
        return s.cast(total, t.dtype)

    return tensors.computed(out, body)


def _taps(axis: Axis, i: tensors.Index) -> list[Tap]:
    """The taps of output index `i` along one dimension."""
    last = axis.size - 1
    if axis.mode == "nearest":
        return [(_nearest(axis, i), None)]
    x = _place(axis, i)
    if axis.mode == "linear":
        x = s.minimum(s.maximum(x, 0.0), float(last))
        floor = s.floor(x)
        t, first = x - floor, _index(floor)
        return [(first, 1.0 - t), (arithmetic.minimum(arithmetic.add(first, 1), last), t)]
    floor = s.floor(x)
    first = _index(floor)
    places = [arithmetic.add(first, k) for k in (-1, 0, 1, 2)]
    weights = _cubic(x - floor, axis.cubic_coefficient)
    if axis.exclude_outside:
        weights = [
            s.where(tensors.within(place, axis.size), w, 0.0) for place, w in zip(places, weights)
        ]
        total = weights[0] + weights[1] + weights[2] + weights[3]
        weights = [w / total for w in weights]
    return [(tensors.clamped(place, last), w) for place, w in zip(places, weights)]


def _place(axis: Axis, i: tensors.Index) -> Scalar:
    """`(i + before) * times / by + after` in f32, in the order of `Axis.places`."""
    before, times, by, after = axis.affine
    kind = dtype("i32")
    whole = arith.index_cast(ir.IntegerType.get_signless(32), arithmetic.materialise(i))
    x = s.cast(Scalar(whole, kind), f32)
    x = x + before if before else x
    x = x * float(times) if times != 1 else x
    x = x / float(by) if by != 1 else x
    return x + after if after else x


def _nearest(axis: Axis, i: tensors.Index) -> tensors.Index:
    """The one tap of a nearest resampling."""
    table = axis.taps()[0][:, 0]
    simple = np.arange(axis.output) * axis.size // axis.output
    if (table == simple).all():
        if axis.output % axis.size == 0:
            return arithmetic.floor_divide(i, axis.output // axis.size)
        return arithmetic.floor_divide(arithmetic.multiply(i, axis.size), axis.output)
    x = _place(axis, i)
    rounded = {
        "round_prefer_floor": lambda: s.ceil(x - 0.5),
        "round_prefer_ceil": lambda: s.floor(x + 0.5),
        "floor": lambda: s.floor(x),
        "ceil": lambda: s.ceil(x),
    }[axis.nearest]()
    return tensors.clamped(_index(rounded), axis.size - 1)


def _index(x: Scalar) -> ir.Value:
    """A whole number in f32 as an index."""
    return arith.index_cast(ir.IndexType.get(), s.cast(x, i32).value)


def _cubic(t: Scalar, a: float) -> list[Scalar]:
    """Keys' kernel at the taps -1, 0, 1, 2."""

    def near(d: Scalar) -> Scalar:
        return ((d * (a + 2)) - (a + 3)) * d * d + 1.0

    def far(d: Scalar) -> Scalar:
        return ((d * a - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
