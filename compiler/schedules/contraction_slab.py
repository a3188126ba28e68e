"""Copies the part of a tensor that a task reads to stack scratch, padding and casts applied.

    x[n, h0 - 1 : h0 + rows + 1, -1 : w + 1, c]   becomes   scratch[rows + 2][w + 2][c]

Dimensions that are whole join into long contiguous runs; zero borders are stored, not computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from mlir import ir
from mlir.dialects import arith, scf

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.affine import LANE, Affine, total
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_form import Cast, argument_of, pads_zero
from tyc.compiler.schedules.contraction_kernel import repeat
from tyc.compiler.schedules.contraction_operands import load, store, widen, zero
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import shape_of
from tyc.compiler.schedules.memory import row_major
from tyc.compiler.schedules.structure import operation_of

_UNROLL = 4


@dataclass(frozen=True)
class Box:
    """A part of a tensor: where it starts and how far it goes, the room that its copy has, and the
    dimensions along which it may leave the tensor (there stand zeros)."""

    value: ir.Value
    starts: tuple[Size, ...]
    extents: tuple[int, ...]
    room: tuple[int, ...]
    padded: frozenset[int] = frozenset()

    def below(self) -> Box:
        """The same part of the tensor that a reshape or a padding was made of, as far as known."""
        op = operation_of(self.value)
        if op is None or argument_of(self.value) is not None:
            return self
        if op.name == "tensor.pad" and not self.padded and pads_zero(op):
            low = list(ir.DenseI64ArrayAttr(op.attributes["static_low"]))
            high = list(ir.DenseI64ArrayAttr(op.attributes["static_high"]))
            starts = tuple(size.add(s, -n) for s, n in zip(self.starts, low))
            padded = frozenset(d for d, pair in enumerate(zip(low, high)) if any(pair))
            return Box(op.operands[0], starts, self.extents, self.room, padded).below()
        if op.name == "tensor.expand_shape" and not self.padded:
            return self._joined(op)
        return self

    def _joined(self, op: ir.Operation) -> Box:
        """The part before `tensor.expand_shape`, where the dimensions that it split are points but
        for the last one."""
        shape = shape_of(self.value)
        parts = []
        for group in ir.ArrayAttr(op.attributes["reassociation"]):
            dims = [ir.IntegerAttr(k).value for k in ir.ArrayAttr(group)]
            if any(self.room[k] != 1 for k in dims[:-1]):
                return self
            start: Size = 0
            for k in dims:
                start = size.add(size.multiply(start, shape[k]), self.starts[k])
            parts.append((start, self.extents[dims[-1]], self.room[dims[-1]]))
        starts, extents, room = (tuple(p) for p in zip(*parts))
        return Box(op.operands[0], starts, extents, room).below()


@dataclass(frozen=True)
class Copy:
    """The copy of a box to scratch."""

    box: Box
    target: ir.Value
    casts: tuple[Cast, ...]
    evaluator: Evaluator
    lanes: int

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """The strides of the scratch."""
        return row_major(self.box.room)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the tensor."""
        return shape_of(self.box.value)

    @cached_property
    def first(self) -> int:
        """The first dimension of the contiguous run: those behind it are whole."""
        d = len(self.shape) - 1
        if self._checked(d):
            return d + 1
        if argument_of(self.box.value) is None:
            return d
        while d > 0 and self._whole(d) and not self._checked(d - 1):
            d -= 1
        return d

    def emit(self) -> None:
        """The whole copy at the insertion point."""
        self._dimension(0, (), 0)

    def _checked(self, d: int) -> bool:
        """True where each index along a dimension is compared with the tensor's size."""
        return d in self.box.padded and not isinstance(self.box.starts[d], int)

    def _whole(self, d: int) -> bool:
        n = self.shape[d]
        return self.box.starts[d] == 0 and self.box.extents[d] == self.box.room[d] == n

    def _dimension(self, d: int, at: tuple[Size, ...], target: Size) -> None:
        if d >= self.first:
            return self._run(d, at, target)

        def body(i: Size) -> None:
            index = size.add(self.box.starts[d], i)
            address = size.add(target, size.multiply(i, self.strides[d]))
            if d not in self.box.padded:
                return self._dimension(d + 1, (*at, index), address)
            limit = size.constant(self.shape[d])
            inside = arith.cmpi(arith.CmpIPredicate.ult, size.materialise(index), limit)
            op = scf.IfOp(inside, [], has_else=True)
            with ir.InsertionPoint(op.then_block):
                self._dimension(d + 1, (*at, index), address)
                scf.YieldOp([])
            with ir.InsertionPoint(op.else_block):
                self._zeros(d + 1, address)
                scf.YieldOp([])

        repeat(self.box.extents[d], body)
        return None

    def _zeros(self, d: int, target: Size) -> None:
        if self.box.extents[d:] == self.box.room[d:] or d >= len(self.strides) - 1:
            return fill(self.target, target, math.prod(self.box.extents[d:]), self.lanes)
        step = self.strides[d]
        return repeat(
            self.box.extents[d],
            lambda i: self._zeros(d + 1, size.add(target, size.multiply(i, step))),
        )

    def _run(self, d: int, at: tuple[Size, ...], target: Size) -> None:
        """Contiguous elements: zeros before the tensor, elements of it, zeros behind it."""
        if d == len(self.shape):
            return self._elements(at, target, 1)
        step = math.prod(self.box.extents[d + 1 :])
        start, extent = self.box.starts[d], self.box.extents[d]
        before = behind = 0
        if d in self.box.padded:
            assert isinstance(start, int)
            before = min(max(-start, 0), extent)
            behind = min(max(start + extent - self.shape[d], 0), extent - before)
        middle = extent - before - behind
        fill(self.target, target, before * step, self.lanes)
        at = (*at, size.add(start, before), *[0] * (len(self.shape) - d - 1))
        self._elements(at, size.add(target, before * step), middle * step)
        fill(self.target, size.add(target, (before + middle) * step), behind * step, self.lanes)
        return None

    def _elements(self, at: tuple[Size, ...], target: Size, count: int) -> None:
        """`count` elements of the source from an index on, which are contiguous there."""
        indices = [Affine.of(x) for x in at]
        argument = argument_of(self.box.value)

        def piece(i: Size, lanes: int) -> None:
            if isinstance(i, ir.Value):
                self.evaluator.define(i, 0, count - lanes, lanes)
            if argument is not None:
                address = total((s, x) for s, x in zip(row_major(self.shape), indices))
                base = self.evaluator.index_value(address + Affine.of(i), None)
                value = load(self.evaluator.buffer(argument).memref, base, lanes)
            else:
                last = indices[-1] + Affine.of(i) + Affine({LANE: 1})
                value = self.evaluator.value(self.box.value, [*indices[:-1], last], lanes)
            store(widen(value, self.casts), self.target, size.add(target, i))

        pieces(count, self.lanes, piece)


def pieces(count: int, lanes: int, body: Callable[[Size, int], None]) -> None:
    """Covers `count` elements by vectors: `body(offset, lanes)`, the rest by smaller ones."""
    block = _UNROLL * lanes
    done = count // block * block

    def unrolled(i: Size) -> None:
        for u in range(_UNROLL):
            body(size.add(i, u * lanes), lanes)

    repeat(done, unrolled, block)
    while done < count:
        while lanes > count - done:
            lanes //= 2
        body(done, lanes)
        done += lanes


def fill(target: ir.Value, address: Size, count: int, lanes: int) -> None:
    """Stores `count` zeros."""
    element = ir.MemRefType(target.type).element_type
    pieces(count, lanes, lambda i, n: store(zero(element, n), target, size.add(address, i)))


def copy_box(
    value: ir.Value, starts: Sequence[Size], extents: Sequence[int], room: Sequence[int],
    target: ir.Value, casts: tuple[Cast, ...], evaluator: Evaluator, lanes: int,
) -> None:  # fmt: skip
    """Copies `value[starts : starts + extents]` to scratch that is laid out as `room`."""
    box = Box(value, tuple(starts), tuple(extents), tuple(room))
    if not any(isinstance(c, ir.Value) for c in casts):
        # Zeros of a border come before the zero point is subtracted: then the pad is computed.
        box = box.below()
    Copy(box, target, casts, evaluator, lanes).emit()
