"""Data movement: index maps where they can say it, `tensor` ops where these do, else reads."""

from __future__ import annotations

from typing import Any

from mlir import ir
from mlir.dialects import arith, tensor

from tyc.compiler.lowering import structured, tensors
from tyc.compiler.lowering.registry import lower
from tyc.compiler.schedules import arithmetic
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import TensorType, i1


@lower(ty.ReshapeOp)
def reshape(op: Any, x: ir.Value) -> ir.Value:
    """`tensor.collapse_shape` and `tensor.expand_shape`."""
    return tensors.reshape(x, type_of(op.x), op.shape)


@lower(ty.TransposeOp)
def transpose(op: Any, x: ir.Value) -> ir.Value:
    """A generic that reads its operand permuted."""
    return tensors.transpose(x, type_of(op.x), op.perm)


@lower(ty.BroadcastToOp)
def broadcast_to(op: Any, x: ir.Value) -> ir.Value:
    """A generic that reads its operand with 0 where it is stretched."""
    t, out = type_of(op.x), type_of(op.y)
    return tensors.copy(x, t.dtype, structured.broadcast_map(t.shape, out.shape), out)


@lower(ty.SliceOp)
def slice_(op: Any, x: ir.Value) -> ir.Value:
    """`tensor.extract_slice`, or reads at `start + i * step` where a step is negative."""
    t, out = type_of(op.x), type_of(op.y)
    if min([1, *op.steps]) > 0 or not out.size:
        starts = op.starts if out.size else [0] * t.rank
        return tensors.extract_slice(x, t, starts, op.sizes, [max(n, 1) for n in op.steps])

    def body(indices: list[tensors.Index]) -> Scalar:
        parts = zip(indices, op.starts, op.steps)
        places = [arithmetic.add(arithmetic.multiply(i, step), start) for i, start, step in parts]
        return tensors.element_at(x, t.dtype, places)

    return tensors.computed(out, body)


@lower(ty.ConcatOp)
def concat(op: Any, xs: list[ir.Value]) -> ir.Value:
    """`tensor.concat`."""
    out = type_of(op.y)
    if len(xs) == 1:
        return xs[0]
    return tensor.concat(tensors.signless(out), op.axis % out.rank, xs)


@lower(ty.TileOp)
def tile(op: Any, x: ir.Value) -> ir.Value:
    """Each dimension as (repetition, element): reads the element, and collapses the pairs."""
    t, out = type_of(op.x), type_of(op.y)
    if out.size == 0:
        return structured.empty(out)
    pairs = TensorType(tuple(n for pair in zip(op.repeats, t.shape) for n in pair), t.dtype)
    y = tensors.copy(x, t.dtype, structured.dims(pairs.rank)[1::2], pairs)
    return tensors.reshape(y, pairs, out.shape)


@lower(ty.ReverseOp)
def reverse(op: Any, x: ir.Value) -> ir.Value:
    """Reads at `n - 1 - i`."""
    t = type_of(op.x)
    axes = {a % t.rank for a in op.axes}

    def body(indices: list[tensors.Index]) -> Scalar:
        places = [
            arithmetic.subtract(t.shape[d] - 1, i) if d in axes else i
            for d, i in enumerate(indices)
        ]
        return tensors.element_at(x, t.dtype, places)

    return tensors.computed(t, body)


@lower(ty.TriangularOp)
def triangular(op: Any, x: ir.Value) -> ir.Value:
    """A select between the element and 0 by the indices of row and column."""
    t = type_of(op.x)
    maps = structured.dims(t.rank)

    def body(value: Scalar) -> Scalar:
        row, column = tensors.position(t.rank - 2), tensors.position(t.rank - 1)
        edge = arithmetic.materialise(arithmetic.add(row, op.k))
        kind = arith.CmpIPredicate.sge if op.upper else arith.CmpIPredicate.sle
        return s.where(Scalar(arith.cmpi(kind, column, edge), i1), value, 0)

    return structured.generic(
        [(x, t.dtype, maps)],
        [(structured.empty(t), t.dtype, maps)],
        [structured.PARALLEL] * t.rank,
        body,
    )
