"""Padding with a constant is `tensor.pad`; copied borders and zeros between are computed reads."""

from __future__ import annotations

from typing import Any

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.lowering import structured, tensors
from tyc.compiler.lowering.registry import lower
from tyc.compiler.schedules import arithmetic
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar


@lower(ty.PadOp)
def pad(op: Any, x: ir.Value) -> ir.Value:
    """`tensor.pad` with a constant, or reads of the element that is copied."""
    t = type_of(op.x)
    if op.mode == "constant":
        return tensors.pad(x, t, op.low, op.high, op.value)[0]

    def body(indices: list[tensors.Index]) -> Scalar:
        parts = zip(indices, op.low, op.high, t.shape)
        places = [_source(op.mode, i, low, n) if low or high else i for i, low, high, n in parts]
        return tensors.element_at(x, t.dtype, places)

    return tensors.computed(type_of(op.y), body)


def _source(mode: str, i: tensors.Index, low: int, n: int) -> tensors.Index:
    """The index of the element that stands at `i` of a padded dimension of size `n`."""
    if mode == "wrap":
        return arithmetic.remainder(arithmetic.add(i, n - low), n)
    place = arithmetic.subtract(i, low)
    if mode == "edge":
        return tensors.clamped(place, n - 1)
    folded = _magnitude(place)
    beyond = _magnitude(arithmetic.subtract(n - 1, folded))
    return arithmetic.subtract(n - 1, beyond)


def _magnitude(i: tensors.Index) -> ir.Value:
    """`|i|` without `math.absi`, which not every lowering to LLVM takes for indices."""
    value = arithmetic.materialise(i)
    return arith.maxsi(value, arith.subi(structured.index(0), value))


@lower(ty.DilateOp)
def dilate(op: Any, x: ir.Value) -> ir.Value:
    """`tensor.pad` without a factor, else the element where an index falls on one, and 0."""
    t, out = type_of(op.x), type_of(op.y)
    if t.size == 0:
        return structured.filled(out, 0)
    if max([1, *op.factors]) == 1:
        return tensors.pad(x, t, op.low, op.high, 0)[0]

    def body(indices: list[tensors.Index]) -> Scalar:
        hits, places = [], []
        for d, (i, factor, low) in enumerate(zip(indices, op.factors, op.low)):
            offset = arithmetic.subtract(i, low)
            # Unsigned: what lies before the first element is far behind the last one.
            place = arithmetic.floor_divide(offset, factor)
            if factor > 1:
                hits.append(tensors.within(arithmetic.remainder(offset, factor), 1))
            if low or op.high[d]:
                hits.append(tensors.within(place, t.shape[d]))
                place = _safe(place, hits[-1])
            places.append(place)
        value = tensors.element_at(x, t.dtype, places)
        hit = hits[0]
        for other in hits[1:]:
            hit = hit & other
        return s.where(hit, value, 0)

    return tensors.computed(out, body)


def _safe(place: tensors.Index, inside: Scalar) -> tensors.Index:
    """The index where it is inside, else 0."""
    return arith.select(inside.value, arithmetic.materialise(place), arithmetic.constant(0))
