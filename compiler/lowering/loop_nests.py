"""Loops on buffers: what the `loops` rules are written in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlir import ir
from mlir.dialects import arith, memref, scf

from tyc.compiler.schedules import arithmetic

Index = arithmetic.Size
BLOCK = 64
"""Elements that one row of a blocked rule handles: enough for its inner loop to pay."""


def each(start: Index, stop: Index, body: Callable[[ir.Value], None]) -> None:
    """`for i in start..stop-1: body(i)`."""
    loop = scf.ForOp(*map(arithmetic.materialise, (start, stop)), arithmetic.constant(1))
    with ir.InsertionPoint(loop.body):
        body(loop.induction_variable)
        scf.yield_([])


def flat(buffer: ir.Value) -> ir.Value:
    """The buffer with its dimensions collapsed into one."""
    kind = ir.MemRefType(buffer.type)
    if kind.rank == 1:
        return buffer
    line = ir.MemRefType.get([math.prod(kind.shape)], kind.element_type)
    if kind.rank == 0:
        return memref.expand_shape(line, buffer, [], [], [1])
    return memref.collapse_shape(line, buffer, [list(range(kind.rank))])


@contextmanager
def unless_same(a: ir.Value, b: ir.Value) -> Iterator[None]:
    """What stands in the block runs where two buffers begin at different bytes."""
    addresses = [memref.extract_aligned_pointer_as_index(v) for v in (a, b)]
    branch = scf.IfOp(arith.cmpi(arith.CmpIPredicate.ne, *addresses))
    with ir.InsertionPoint(branch.then_block):
        yield
        scf.yield_([])


def load(buffer: ir.Value, index: Index) -> ir.Value:
    """One element of a flat buffer."""
    return memref.load(buffer, [arithmetic.materialise(index)])


def store(value: ir.Value, buffer: ir.Value, index: Index) -> None:
    """Writes one element of a flat buffer."""
    memref.store(value, buffer, [arithmetic.materialise(index)])


def blocks(inner: int) -> int:
    """How many blocks of columns a line of `inner` elements has."""
    return max(-(-inner // BLOCK), 1)


def block(row: Index, inner: int) -> tuple[Index, Index, Index]:
    """What row `row` of a blocked rule handles: its outer index, and its columns' begin and end."""
    count = blocks(inner)
    outer = arithmetic.floor_divide(row, count)
    begin = arithmetic.multiply(arithmetic.remainder(row, count), BLOCK)
    end = arithmetic.minimum(arithmetic.add(begin, BLOCK), inner)
    return outer, begin, end
