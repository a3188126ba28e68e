"""Reads at computed indices: generics whose body extracts, with every index moved into range.

Top-k and the gradient of a gather are loops on buffers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mlir import ir
from mlir.dialects import arith, scf

from tyc.compiler.lowering import loop_nests, structured, tensors
from tyc.compiler.lowering.registry import loops, lower
from tyc.compiler.schedules import arithmetic
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import DType, TensorType, i1, i64


def _generic(
    indices: ir.Value, t: TensorType, source: Sequence[ir.AffineExpr], out: TensorType, body: Any
) -> ir.Value:
    """A generic over `out` that reads `indices` by a map; `body` computes the element."""
    return structured.generic(
        [(indices, t.dtype, source)],
        [(structured.empty(out), out.dtype, structured.dims(out.rank))],
        [structured.PARALLEL] * out.rank,
        body,
    )


@lower(ty.GatherOp)
def gather(op: Any, x: ir.Value, indices: ir.Value) -> ir.Value:
    """`y[a..., i..., b...] = x[a..., indices[i...], b...]`."""
    t, places, out = type_of(op.x), type_of(op.indices), type_of(op.y)
    axis = op.axis % t.rank
    after = axis + places.rank

    def body(index: Scalar) -> Scalar:
        d = [tensors.position(k) for k in range(out.rank)]
        found = tensors.wrapped(index, t.shape[axis])
        return tensors.element_at(x, t.dtype, [*d[:axis], found, *d[after:]])

    return _generic(indices, places, structured.dims(out.rank)[axis:after], out, body)


@lower(ty.GatherElementsOp)
def gather_elements(op: Any, x: ir.Value, indices: ir.Value) -> ir.Value:
    """`y[..., i, ...] = x[..., indices[..., i, ...], ...]`."""
    t, out = type_of(op.x), type_of(op.y)
    axis = op.axis % t.rank

    def body(index: Scalar) -> Scalar:
        d = [tensors.position(k) for k in range(out.rank)]
        d[axis] = tensors.wrapped(index, t.shape[axis])
        return tensors.element_at(x, t.dtype, d)

    return _generic(indices, type_of(op.indices), structured.dims(out.rank), out, body)


@lower(ty.GatherNdOp)
def gather_nd(op: Any, x: ir.Value, indices: ir.Value) -> ir.Value:
    """`y[b..., i...] = x[b..., indices[b..., i..., :], ...]`."""
    t, places, out = type_of(op.x), type_of(op.indices), type_of(op.y)
    lead, depth = places.rank - 1, places.shape[-1]

    def body(d: list[tensors.Index]) -> Scalar:
        found = []
        for k in range(depth):
            index = tensors.element_at(indices, places.dtype, [*d[:lead], k])
            found.append(tensors.wrapped(index, t.shape[op.batch_dims + k]))
        return tensors.element_at(x, t.dtype, [*d[: op.batch_dims], *found, *d[lead:]])

    return tensors.computed(out, body)


@lower(ty.OneHotOp)
def one_hot(op: Any, indices: ir.Value) -> ir.Value:
    """A comparison of the index with the position along the new dimension."""
    places, out = type_of(op.indices), type_of(op.y)
    axis = op.axis % out.rank
    d = structured.dims(out.rank)

    def body(index: Scalar) -> Scalar:
        signed = s.cast(index, i64)
        counted = s.where(signed < 0, signed + op.depth, signed)
        hot = counted.equal(tensors.as_scalar(tensors.position(axis)))
        on, off = (structured.constant(out.dtype, v) for v in (op.on, op.off))
        return s.where(hot, Scalar(on, out.dtype), Scalar(off, out.dtype))

    return _generic(indices, places, [*d[:axis], *d[axis + 1 :]], out, body)


def _columns(op: Any) -> tuple[int, int]:
    """The elements before and after the axis of a gather's gradient."""
    axis = op.axis % len(op.shape)
    return math.prod(op.shape[:axis]), math.prod(op.shape[axis + 1 :])


def _gather_rows(op: Any) -> int:
    outer, inner = _columns(op)
    return outer * loop_nests.blocks(inner)


@loops(ty.GatherGradientOp, rows=_gather_rows)
def gather_gradient(
    op: Any, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], row: ir.Value
) -> None:
    """A block of columns: zeros, then one index after another adds its gradients."""
    _, inner = _columns(op)
    t, places = type_of(op.grad), type_of(op.indices)
    size = op.shape[op.axis % len(op.shape)]
    indices, grad, y = (loop_nests.flat(v) for v in (*inputs, outputs[0]))
    outer, begin, end = loop_nests.block(row, inner)
    zero = structured.constant(t.dtype, 0)
    add = arith.addf if t.dtype.is_float else arith.addi

    def line(count: int, i: tensors.Index) -> tensors.Index:
        """The flat index of the start of line `i` of `count` lines in each outer index."""
        return arithmetic.multiply(arithmetic.add(arithmetic.multiply(outer, count), i), inner)

    def clear(i: ir.Value) -> None:
        to = line(size, i)
        loop_nests.each(begin, end, lambda c: loop_nests.store(zero, y, arithmetic.add(to, c)))

    def accumulate(i: ir.Value) -> None:
        found = tensors.wrapped(Scalar(loop_nests.load(indices, i), places.dtype), size)
        source, to = line(places.size, i), line(size, found)

        def column(c: ir.Value) -> None:
            at = arithmetic.add(to, c)
            old, more = loop_nests.load(y, at), loop_nests.load(grad, arithmetic.add(source, c))
            loop_nests.store(add(old, more), y, at)

        loop_nests.each(begin, end, column)

    loop_nests.each(0, size, clear)
    loop_nests.each(0, places.size, accumulate)


def _lines(op: Any) -> int:
    """The number of lines along the axis."""
    t = type_of(op.x)
    return t.size // t.shape[op.axis % t.rank]


@loops(ty.TopKOp, rows=_lines)
def top_k(op: Any, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], row: ir.Value) -> None:
    """One line: insertion into the sorted best `k` so far, which stand in the outputs."""
    t = type_of(op.x)
    axis = op.axis % t.rank
    stride = math.prod(t.shape[axis + 1 :])
    outer, column = arithmetic.floor_divide(row, stride), arithmetic.remainder(row, stride)
    x, values, indices = (loop_nests.flat(v) for v in (*inputs, *outputs))

    def place(size: int, i: tensors.Index) -> tensors.Index:
        """The flat index of element `i` of this line in a buffer of `size` elements a line."""
        line = arithmetic.multiply(arithmetic.add(arithmetic.multiply(outer, size), i), stride)
        return arithmetic.add(line, column)

    def insert(i: ir.Value) -> None:
        value = loop_nests.load(x, place(t.shape[axis], i))
        filled = arithmetic.minimum(i, op.k)
        found = _insertion(
            filled, lambda j: loop_nests.load(values, place(op.k, j)), value, t.dtype, op.largest
        )
        room = arith.cmpi(arith.CmpIPredicate.ult, found, arithmetic.constant(op.k))
        branch = scf.IfOp(room)
        with ir.InsertionPoint(branch.then_block):
            last = arithmetic.minimum(filled, op.k - 1)

            def shift(step: ir.Value) -> None:
                to = arithmetic.subtract(last, step)
                source = arithmetic.subtract(to, 1)
                for buffer in (values, indices):
                    moved = loop_nests.load(buffer, place(op.k, source))
                    loop_nests.store(moved, buffer, place(op.k, to))

            loop_nests.each(0, arithmetic.subtract(last, found), shift)
            loop_nests.store(value, values, place(op.k, found))
            loop_nests.store(tensors.as_scalar(i).value, indices, place(op.k, found))
            scf.yield_([])

    loop_nests.each(0, t.shape[axis], insert)


def _insertion(
    filled: tensors.Index, stored: Any, value: ir.Value, element: DType, largest: bool
) -> ir.Value:
    """Where `value` belongs among the first `filled` elements: after all that are as good."""
    kind = ir.IndexType.get()
    loop = scf.WhileOp([kind], [arithmetic.materialise(filled)])
    before = loop.before.blocks.append(kind)
    with ir.InsertionPoint(before):
        (j,) = before.arguments
        more = arith.cmpi(arith.CmpIPredicate.ugt, j, arithmetic.constant(0))
        check = scf.IfOp(more, [ir.IntegerType.get_signless(1)], has_else=True)
        with ir.InsertionPoint(check.then_block):
            other = Scalar(stored(arithmetic.subtract(j, 1)), element)
            new = Scalar(value, element)
            scf.yield_([((new > other) if largest else (new < other)).value])
        with ir.InsertionPoint(check.else_block):
            scf.yield_([structured.constant(i1, 0)])
        scf.condition(check.results[0], [j])
    after = loop.after.blocks.append(kind)
    with ir.InsertionPoint(after):
        scf.yield_([arith.subi(after.arguments[0], arithmetic.constant(1))])
    return loop.results[0]
