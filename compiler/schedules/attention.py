"""Attention in one kernel, the scores of a panel of queries on the stack.

    %y = "ty.attention"(%q, %k, %v)    scf.for %item = %begin to %end    # panels of queries
                                         for chunk of keys:
                                           pack the chunk of V
                                           for panel:
                                   ->        turn the panel of Q, scaled
                                             S^T = K Q^T + mask ; the maximum of each column
                                             P^T = exp(S^T - maximum) ; sums
                                             y = y * exp(old maximum - maximum) + P V
                                         y = y / sums

Queries stand along the lanes, so that K and V are read as they are and a maximum or a sum over keys
is one vector operation a key. Where all keys are one chunk nothing is rescaled, and P V / sums is
written at once; else maxima run along, and the whole score matrix is never in memory.

Read `attention_form.py` (sizes, strides and cuts), `attention_tile.py` (registers), then
`attention_panel.py` (one panel of queries) and this file (the kernel around it).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import attention_form, cost, frame
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.attention_form import Attention, Plan
from tyc.compiler.schedules.attention_panel import Buffers, Panel
from tyc.compiler.schedules.attention_tile import load_part
from tyc.compiler.schedules.contraction_kernel import only_if, repeat
from tyc.compiler.schedules.contraction_operands import scratch, scratch_bytes, store
from tyc.compiler.schedules.kernel import ScheduledKernel, memory_type
from tyc.compiler.schedules.memory import flatten
from tyc.compiler.targets import Target
from tyc.dialects.building import mlir_element, type_of, view
from tyc.runtime.errors import InternalError


def schedule_attention(function: ir.Operation, target: Target) -> ScheduledKernel:
    """The kernel of a `ty` function that holds one attention, and nothing else."""
    block = function.regions[0].blocks[0]
    *operations, terminator = [op.operation for op in block.operations]
    if len(operations) != 1 or list(terminator.operands) != [operations[0].results[0]]:
        names = ", ".join(op.name for op in operations)
        raise InternalError(f"attention is a kernel of its own, got {names}")
    op: Any = view(operations[0])
    form = attention_form.read(op)
    plan = attention_form.make_plan(form, target, type_of(op.q).dtype.bits // 8)
    arguments = list(block.arguments)
    name, types = frame.name_of(function), [type_of(v) for v in (*arguments, op.y)]

    def body(values: list[ir.Value]) -> _Emission:
        flats = dict(zip((*arguments, op.y), map(flatten, values[:-2])))
        emission, (begin, end) = _emission(op, form, plan, flats), values[-2:]
        repeat(size.subtract(end, begin), lambda i: emission.item(size.add(begin, i)))
        return emission

    with function.location:
        kinds = [
            memory_type(ir.RankedTensorType.get(t.shape, mlir_element(t.dtype))) for t in types
        ]
        module, emission = frame.emit(name, kinds, body)
    return ScheduledKernel(
        module, name, len(arguments), emission.count, in_place=_in_place(op, arguments),
        stack_bytes=emission.buffers.stack_bytes, flops=form.flops,
        bytes=sum(t.nbytes for t in types),
    )  # fmt: skip


def estimate_attention(function: ir.Operation, target: Target) -> float:
    """Nanoseconds of the two products and of what they read."""
    op: Any = view(function.regions[0].blocks[0].operations[0].operation)
    types = [type_of(v) for v in (*function.regions[0].blocks[0].arguments, op.y)]
    return cost.alone(attention_form.read(op).flops, sum(t.nbytes for t in types), target)


def _in_place(op: Any, arguments: list[ir.Value]) -> list[tuple[int, int]]:
    """The result may stand where Q was: an item has read its queries before it writes them."""
    alone = op.q not in [v for v in (op.k, op.v, op.mask) if v is not None]
    return [(arguments.index(op.q), 0)] if alone and op.q.type == op.y.type else []


def _emission(op: Any, form: Attention, plan: Plan, flats: dict[ir.Value, ir.Value]) -> _Emission:
    element = mlir_element(type_of(op.q).dtype)
    each = plan.panels * plan.width
    sizes = {
        "turned": form.depth * each, "scores": plan.chunk * plan.width,
        "values": -(-form.width // plan.columns) * plan.columns * plan.chunk * plan.packed,
        "maxima": each, "sums": each, "factors": plan.width,
    }  # fmt: skip
    stack = {k: scratch(max(n, 1), element) for k, n in sizes.items()}
    mask = None if op.mask is None else flats[op.mask]
    q, k, v, y = (flats[x] for x in (op.q, op.k, op.v, op.y))
    total = sum(scratch_bytes(s) + 64 for s in stack.values())
    return _Emission(form, plan, Buffers(q, k, v, mask, y, **stack, stack_bytes=total))


@dataclass(frozen=True)
class _Emission:
    """One kernel on its way to code."""

    form: Attention
    plan: Plan
    buffers: Buffers

    @property
    def blocks(self) -> int:
        """Items of one head."""
        return -(-self.form.queries // (self.plan.panels * self.plan.width))

    @property
    def count(self) -> int:
        """Items of the kernel."""
        return math.prod(self.form.batch) * self.blocks

    def item(self, item: Size) -> None:
        """Some panels of one head."""
        block = size.remainder(item, self.blocks)
        rest = size.floor_divide(item, self.blocks)
        at: list[Size] = []
        for n in reversed(self.form.batch):
            at.insert(0, size.remainder(rest, n) if n > 1 else 0)
            rest = size.floor_divide(rest, n)
        _Item(self, block, at).emit()


@dataclass(frozen=True)
class _Item:
    """The panels of one block of the head at `at`."""

    kernel: _Emission
    block: Size
    at: list[Size]

    def emit(self) -> None:
        """The result's rows: at once where all keys are one chunk, else chunk after chunk."""
        form, plan = self.kernel.form, self.kernel.plan
        if form.keys == plan.chunk:
            self._pack(0, form.keys)
            self._each(lambda panel: panel.emit())
            return
        self._each(lambda panel: panel.start())
        whole, rest = divmod(form.keys, plan.chunk)
        steps: Size = whole
        if form.causal:
            steps = size.minimum(whole, size.ceil_divide(self._end(), plan.chunk))
        repeat(steps, lambda c: self._chunk(size.multiply(c, plan.chunk), plan.chunk))
        if rest:
            begin = whole * plan.chunk
            seen: ir.Value | bool = True
            if form.causal:
                end = size.materialise(self._end())
                seen = arith.cmpi(arith.CmpIPredicate.sgt, end, size.constant(begin))
            only_if(seen, lambda: self._chunk(begin, rest))
        self._each(lambda panel: panel.finish())

    def _chunk(self, begin: Size, length: int) -> None:
        self._pack(begin, length)
        self._each(lambda panel: panel.chunk(begin, length))

    def _first(self) -> Size:
        return size.multiply(self.block, self.kernel.plan.panels * self.kernel.plan.width)

    def _end(self) -> Size:
        """Behind the last query of the block."""
        end = size.add(self._first(), self.kernel.plan.panels * self.kernel.plan.width)
        return size.minimum(end, self.kernel.form.queries)

    def _each(self, body: Callable[[Panel], None]) -> None:
        """Emits `body` for the whole panels, and for the last one, which may have fewer queries."""
        form, plan = self.kernel.form, self.kernel.plan
        whole, rest = divmod(form.queries, plan.width)
        before = size.multiply(self.block, plan.panels)
        count = size.minimum(plan.panels, size.subtract(whole, before))

        def panel(first: Size, queries: int, slot: Size) -> None:
            body(Panel(form, plan, self.kernel.buffers, self.at, first, queries, slot))

        def whole_panel(p: Size) -> None:
            panel(size.multiply(size.add(before, p), plan.width), plan.width, p)

        repeat(count, whole_panel)
        if rest:
            last: ir.Value | bool = True
            if self.kernel.blocks > 1:
                number = size.materialise(self.block)
                final = size.constant(self.kernel.blocks - 1)
                last = arith.cmpi(arith.CmpIPredicate.eq, number, final)
            only_if(last, lambda: panel(whole * plan.width, rest, size.subtract(whole, before)))

    def _pack(self, begin: Size, length: int) -> None:
        """The chunk's values as lines of a tile's columns, but for those that no query sees."""
        form, plan, buffers = self.kernel.form, self.kernel.plan, self.kernel.buffers
        if not plan.packed:
            return
        base = size.add(form.v.base(self.at), size.multiply(begin, form.v.row))
        count: Size = length
        if form.causal:
            count = size.minimum(size.maximum(size.subtract(self._end(), begin), 0), length)

        def line(t: Size) -> None:
            row = size.add(base, size.multiply(t, form.v.row))
            for column in range(0, form.width, plan.lanes):
                valid = min(plan.lanes, form.width - column)
                value = load_part(buffers.v, size.add(row, column), plan.lanes, valid)
                panel, within = divmod(column, plan.columns)
                place = size.multiply(size.add(t, panel * plan.chunk), plan.columns)
                store(value, buffers.values, size.add(place, within))

        repeat(count, line)
