"""Running sums as loops on buffers: what linalg cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlir import ir
from mlir.dialects import arith, memref, scf

from tyc.compiler.lowering import structured
from tyc.compiler.lowering.registry import loops
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import accumulator


def _lines(op: Any) -> int:
    """The number of lines along the axis."""
    t = type_of(op.x)
    return t.size // max(t.shape[op.axis % t.rank], 1)


@loops(ty.CumulativeSumOp, rows=_lines)
def cumulative_sum(op: Any, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], row: ir.Value):
    """One line: a loop along the axis that carries the sum."""
    t = type_of(op.x)
    axis = op.axis % t.rank
    size, wide = t.shape[axis], accumulator(t.dtype)
    others = _line_indices(row, t.shape, axis)
    zero, one = structured.index(0), structured.index(1)
    loop = scf.ForOp(zero, structured.index(size), one, [structured.constant(wide, 0)])
    with ir.InsertionPoint(loop.body):
        step = loop.induction_variable
        at = arith.subi(structured.index(size - 1), step) if op.reverse else step
        indices = [*others[:axis], at, *others[axis:]]
        before = Scalar(loop.inner_iter_args[0], wide)
        after = before + s.cast(Scalar(memref.load(inputs[0], indices), t.dtype), wide)
        stored = s.cast(before if op.exclusive else after, t.dtype)
        memref.store(stored.value, outputs[0], indices)
        scf.yield_([after.value])


def _line_indices(row: ir.Value, shape: Sequence[int], axis: int) -> list[ir.Value]:
    """The indices of the other dimensions of line `row`, in row-major order."""
    indices: list[ir.Value] = []
    for size in reversed([n for d, n in enumerate(shape) if d != axis]):
        extent = structured.index(max(size, 1))
        indices.insert(0, arith.remui(row, extent))
        row = arith.divui(row, extent)
    return indices
