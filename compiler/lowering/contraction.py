"""Contractions: one `linalg.generic` with the iterators [batch..., m, n, k], k a reduction.

    ty.matmul(a, b) {transpose_b = true}
    linalg.generic (d0, d1, d2) -> a[d0, d2], b[d1, d2], y[d0, d1] { y + a * b }

Transposes and broadcasts are in the maps. 16-bit floats are summed in f32 and cast afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlir import ir

from tyc.compiler.lowering import structured, tensors
from tyc.compiler.lowering.registry import lower
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import DType, TensorType, accumulator, i32


def narrowed(y: ir.Value, t: TensorType, to: DType) -> ir.Value:
    """`y` of type `t` in the element type `to`: a cast, or nothing."""
    if t.dtype == to:
        return y
    return tensors.copy(y, t.dtype, structured.dims(t.rank), TensorType(t.shape, to))


def operand_map(
    t: TensorType, out: Sequence[int], row: ir.AffineExpr, column: ir.AffineExpr
) -> list[ir.AffineExpr]:
    """How a matrix operand is read: broadcast batch dimensions, then `row` and `column`."""
    batch = structured.broadcast_map(t.shape[:-2], out[:-2])
    return [*batch, row, column]


@lower(ty.MatmulOp, ty.MatmulAddOp)
def matmul(op: Any, a: ir.Value, b: ir.Value, c: ir.Value | None = None) -> ir.Value:
    """`y[..., m, n] = sum_k a[..., m, k] * b[..., k, n]`, from `c` on where there is one."""
    left, right, out = type_of(op.a), type_of(op.b), type_of(op.y)
    wide = accumulator(out.dtype)
    d = structured.dims(out.rank + 1)
    m, n, k = d[-3:]
    a_map = operand_map(left, out.shape, *((k, m) if op.transpose_a else (m, k)))
    b_map = operand_map(right, out.shape, *((n, k) if op.transpose_b else (k, n)))
    total = TensorType(out.shape, wide)
    start = structured.filled(total, 0) if c is None else narrowed(c, out, wide)
    y = structured.generic(
        [(a, left.dtype, a_map), (b, right.dtype, b_map)],
        [(start, wide, d[:-1])],
        [structured.PARALLEL] * out.rank + [structured.REDUCTION],
        lambda x, w, acc: acc + s.cast(x, wide) * s.cast(w, wide),
    )
    return narrowed(y, total, out.dtype)


@lower(ty.MatmulIntegerOp)
def matmul_integer(
    op: Any,
    a: ir.Value,
    b: ir.Value,
    a_zero_point: ir.Value | None,
    b_zero_point: ir.Value | None,
) -> ir.Value:
    """`y = sum_k (a - a_zero_point) * (b - b_zero_point)` in i32."""
    left, right, out = type_of(op.a), type_of(op.b), type_of(op.y)
    d = structured.dims(out.rank + 1)
    m, n, k = d[-3:]
    inputs = [
        (a, left.dtype, operand_map(left, out.shape, m, k)),
        (b, right.dtype, operand_map(right, out.shape, k, n)),
    ]
    for zero, view, line in (
        (a_zero_point, op.a_zero_point, m),
        (b_zero_point, op.b_zero_point, n),
    ):
        if zero is not None:
            inputs.append((zero, type_of(view).dtype, _zero_map(type_of(view), out, line)))

    def body(x: Scalar, w: Scalar, *rest: Scalar) -> Scalar:
        *shifts, acc = rest
        x, w = s.cast(x, i32), s.cast(w, i32)
        if a_zero_point is not None:
            x = x - s.cast(shifts[0], i32)
        if b_zero_point is not None:
            w = w - s.cast(shifts[-1], i32)
        return acc + x * w

    iterators = [structured.PARALLEL] * out.rank + [structured.REDUCTION]
    return structured.generic(inputs, [(structured.filled(out, 0), i32, d[:-1])], iterators, body)


def _zero_map(t: TensorType, out: TensorType, line: ir.AffineExpr) -> list[ir.AffineExpr]:
    """How a zero point is read: one number, or one for each row or column (`line`)."""
    zero = ir.AffineConstantExpr.get(0)
    if t.rank <= 1:
        return [line if size > 1 else zero for size in t.shape]
    batch = structured.broadcast_map(t.shape[:-2], out.shape[:-2])
    return [*batch, *(line if size > 1 else zero for size in t.shape[-2:])]
