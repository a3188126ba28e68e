"""Scatters as loops on buffers: a copy, then the updates of one line or block in order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mlir import ir

from tyc.compiler.lowering import loop_nests, tensors
from tyc.compiler.lowering.registry import loops
from tyc.compiler.schedules import arithmetic
from tyc.dialects import scalar as s
from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import DType

_COMBINE = {
    "none": lambda old, new: new,
    "add": lambda old, new: old + new,
    "mul": lambda old, new: old * new,
    "max": s.maximum,
    "min": s.minimum,
}


def _update(y: ir.Value, at: tensors.Index, new: ir.Value, element: DType, reduction: str) -> None:
    """`y[at] = new`, or combined with what stands there."""
    if reduction != "none":
        old = Scalar(loop_nests.load(y, at), element)
        new = _COMBINE[reduction](old, Scalar(new, element)).value
    loop_nests.store(new, y, at)


def _lines(op: Any) -> int:
    """The number of lines along the axis."""
    t = type_of(op.x)
    return t.size // max(t.shape[op.axis % t.rank], 1)


@loops(ty.ScatterElementsOp, rows=_lines, in_place="x")
def scatter_elements(
    op: Any, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], row: ir.Value
) -> None:
    """One line along the axis: its copy, then its updates; lines beyond `indices` have none."""
    t, places = type_of(op.x), type_of(op.indices)
    axis = op.axis % t.rank
    x, indices, updates, y = (loop_nests.flat(v) for v in (*inputs, outputs[0]))
    others = [d for d in range(t.rank) if d != axis]
    at: dict[int, tensors.Index] = {}
    rest: tensors.Index = row
    for d in reversed(others):
        at[d] = arithmetic.remainder(rest, t.shape[d])
        rest = arithmetic.floor_divide(rest, t.shape[d])

    def flat(shape: Sequence[int], i: tensors.Index) -> tensors.Index:
        """The flat index of element `i` of this line in a buffer of `shape`."""
        index: tensors.Index = 0
        for d, size in enumerate(shape):
            here = i if d == axis else at[d]
            index = arithmetic.add(arithmetic.multiply(index, size), here)
        return index

    def copy(i: ir.Value) -> None:
        loop_nests.store(loop_nests.load(x, flat(t.shape, i)), y, flat(t.shape, i))

    def update(i: ir.Value) -> None:
        source = flat(places.shape, i)
        found = Scalar(loop_nests.load(indices, source), places.dtype)
        to = flat(t.shape, tensors.wrapped(found, t.shape[axis]))
        _update(y, to, loop_nests.load(updates, source), t.dtype, op.reduction)

    with loop_nests.unless_same(x, y):
        loop_nests.each(0, t.shape[axis], copy)
    # The number of updates of a line outside of the indices is 0.
    count: tensors.Index = places.shape[axis]
    for d in others:
        if places.shape[d] < t.shape[d]:
            inside = arithmetic.subtract(places.shape[d], at[d])
            count = arithmetic.multiply(_positive(inside), count)
    loop_nests.each(0, count, update)


def _positive(value: tensors.Index) -> tensors.Index:
    """1 where the value is positive, else 0."""
    return arithmetic.minimum(arithmetic.maximum(value, 0), 1)


def _inner(op: Any) -> tuple[int, int]:
    """The elements that one index vector writes, and the lines of `x` that vectors choose from."""
    t, depth = type_of(op.x), type_of(op.indices).shape[-1]
    return math.prod(t.shape[depth:]), math.prod(t.shape[:depth])


@loops(ty.ScatterNdOp, rows=lambda op: loop_nests.blocks(_inner(op)[0]), in_place="x")
def scatter_nd(
    op: Any, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value], row: ir.Value
) -> None:
    """A block of the columns that index vectors write: its copy, then the updates in order."""
    t, places = type_of(op.x), type_of(op.indices)
    inner, lines = _inner(op)
    depth = places.shape[-1]
    x, indices, updates, y = (loop_nests.flat(v) for v in (*inputs, outputs[0]))
    _, begin, end = loop_nests.block(row, inner)

    def columns(line: tensors.Index, body: Any) -> None:
        """Calls `body(flat index, column)` for the block's columns of a line of `y`."""
        start = arithmetic.multiply(line, inner)
        loop_nests.each(begin, end, lambda c: body(arithmetic.add(start, c), c))

    def copy(line: ir.Value) -> None:
        columns(line, lambda at, _: loop_nests.store(loop_nests.load(x, at), y, at))

    def update(i: ir.Value) -> None:
        line: tensors.Index = 0
        for k in range(depth):
            at = arithmetic.add(arithmetic.multiply(i, depth), k)
            index = Scalar(loop_nests.load(indices, at), places.dtype)
            found = tensors.wrapped(index, t.shape[k])
            line = arithmetic.add(arithmetic.multiply(line, t.shape[k]), found)
        source = arithmetic.multiply(i, inner)

        def write(at: tensors.Index, c: ir.Value) -> None:
            new = loop_nests.load(updates, arithmetic.add(source, c))
            _update(y, at, new, t.dtype, op.reduction)

        columns(line, write)

    with loop_nests.unless_same(x, y):
        loop_nests.each(0, lines, copy)
    loop_nests.each(0, places.size // depth, update)
