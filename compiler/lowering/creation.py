"""Constants as `arith.constant`, fills as `linalg.fill`, counters as `linalg.index`."""

from __future__ import annotations

from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import arith, linalg

from tyc.compiler.lowering import structured
from tyc.compiler.lowering.registry import lower
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import dtype, i64, type_of_array


def dense(array: np.ndarray) -> ir.Value:
    """An `arith.constant` tensor of the array, integers without a sign."""
    t = type_of_array(array)
    kind = ir.RankedTensorType.get(list(t.shape), structured.element(t.dtype))
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.size and (flat == flat[0]).all():
        # One element is a splat to MLIR, for i1 a whole byte of ones or zeros.
        flat = np.array([255 * flat[0]], np.uint8) if t.dtype.kind == "bool" else flat[:1]
    elif t.dtype.kind == "bool":
        flat = np.packbits(flat, bitorder="little")
    return arith.constant(kind, ir.DenseElementsAttr.get(flat.view(np.uint8), type=kind))


@lower(ty.ConstantOp)
def constant(op: Any) -> ir.Value:
    """The array."""
    return dense(op.value)


@lower(ty.FullOp)
def full(op: Any) -> ir.Value:
    """A fill."""
    return structured.filled(type_of(op.y), op.value)


@lower(ty.IotaOp)
def iota(op: Any) -> ir.Value:
    """The index along `axis`, cast."""
    t = type_of(op.y)
    axis = op.axis % t.rank

    def body() -> Scalar:
        position = arith.index_cast(ir.IntegerType.get_signless(64), linalg.IndexOp(axis).result)
        return s.cast(Scalar(position, i64), dtype(op.element))

    return structured.generic(
        [],
        [(structured.empty(t), t.dtype, structured.dims(t.rank))],
        [structured.PARALLEL] * t.rank,
        body,
    )
