"""Any elementwise op is a `linalg.generic` around its scalar rule."""

from __future__ import annotations

from typing import Any

from mlir import ir

from tyc.compiler.lowering import structured
from tyc.dialects.building import attributes_of, operands_of, type_of


def elementwise(op: Any, *operands: ir.Value) -> ir.Value:
    """`y[i] = scalar(x0[i], x1[i], ...)` with broadcasting in the index maps."""
    out = type_of(op.y)
    types = [type_of(v) for v in operands_of(op)]
    inputs = [
        (value, t.dtype, structured.broadcast_map(t.shape, out.shape))
        for value, t in zip(operands, types)
    ]
    outputs = [(structured.empty(out), out.dtype, structured.dims(out.rank))]
    iterators = [structured.PARALLEL] * out.rank
    attributes = attributes_of(op)
    return structured.generic(
        inputs, outputs, iterators, lambda *xs: type(op).scalar(*xs, **attributes)
    )
