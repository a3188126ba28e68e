"""Any elementwise op is a `linalg.generic` around its scalar rule."""

from __future__ import annotations

from typing import Any

from mlir import ir

from tyc.compiler.lowering import structured
from tyc.dialects import scalar as s
from tyc.dialects.building import attributes_of, operands_of, type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import accumulator


def elementwise(op: Any, *operands: ir.Value) -> ir.Value:
    """`y[i] = scalar(x0[i], x1[i], ...)`, broadcast by the index maps; 16-bit floats in f32."""
    out = type_of(op.y)
    types = [type_of(v) for v in operands_of(op)]
    inputs = [
        (value, t.dtype, structured.broadcast_map(t.shape, out.shape))
        for value, t in zip(operands, types)
    ]
    outputs = [(structured.empty(out), out.dtype, structured.dims(out.rank))]
    iterators = [structured.PARALLEL] * out.rank
    attributes = attributes_of(op)

    def body(*scalars: Scalar) -> Scalar:
        return s.cast(type(op).scalar(*map(_widened, scalars), **attributes), out.dtype)

    return structured.generic(inputs, outputs, iterators, body)


def _widened(x: Scalar) -> Scalar:
    """A 16-bit float as f32: what a formula computes in, to be rounded once."""
    return s.cast(x, accumulator(x.dtype))
