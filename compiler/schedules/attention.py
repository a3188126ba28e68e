"""Attention in one kernel, the scores of a panel of queries on the stack.

    %y = "ty.attention"(%q, %k, %v)      scf.for %item = %begin to %end     # a panel of queries
                                           turn the panel of Q, scaled
                                   ->      for chunk of keys:
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
from dataclasses import dataclass
from typing import Any

from mlir import ir
from mlir.dialects import arith, func

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import attention_form
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.attention_form import Attention, Plan
from tyc.compiler.schedules.attention_panel import Buffers, Panel
from tyc.compiler.schedules.contraction_kernel import only_if, repeat
from tyc.compiler.schedules.contraction_operands import scratch, scratch_bytes
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
    name = ir.StringAttr(function.attributes["sym_name"]).value
    types = [type_of(v) for v in (*arguments, op.y)]
    index = ir.IndexType.get()
    with function.location:
        module = ir.Module.create()
        kinds = [
            memory_type(ir.RankedTensorType.get(t.shape, mlir_element(t.dtype))) for t in types
        ]
        with ir.InsertionPoint(module.body):
            made = func.FuncOp(name, ([*kinds, index, index], []))
        entry = made.add_entry_block()
        with ir.InsertionPoint(entry):
            flats = dict(zip((*arguments, op.y), map(flatten, list(entry.arguments)[:-2])))
            emission = _emission(op, form, plan, flats)
            begin, end = list(entry.arguments)[-2:]
            span = size.subtract(end, begin)
            repeat(span, lambda i: emission.item(size.add(begin, i)))
            func.ReturnOp([])
    return ScheduledKernel(
        module, name, len(arguments), emission.count, in_place=_in_place(op, arguments),
        stack_bytes=emission.buffers.stack_bytes, flops=form.flops,
        bytes=sum(t.nbytes for t in types),
    )  # fmt: skip


def _in_place(op: Any, arguments: list[ir.Value]) -> list[tuple[int, int]]:
    """The result may stand where Q was: an item has read its queries before it writes them."""
    alone = op.q not in [v for v in (op.k, op.v, op.mask) if v is not None]
    return [(arguments.index(op.q), 0)] if alone and op.q.type == op.y.type else []


def _emission(op: Any, form: Attention, plan: Plan, flats: dict[ir.Value, ir.Value]) -> _Emission:
    element = mlir_element(type_of(op.q).dtype)
    lines = {"turned": form.depth, "scores": plan.chunk, "maxima": 1, "sums": 1, "factors": 1}
    stack = {k: scratch(n * plan.width, element) for k, n in lines.items()}
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
    def panels(self) -> int:
        """Panels of queries of one head."""
        return -(-self.form.queries // self.plan.width)

    @property
    def count(self) -> int:
        """Items of the kernel."""
        return math.prod(self.form.batch) * self.panels

    def item(self, item: Size) -> None:
        """One panel of one head, the last of which may have fewer queries."""
        form, width = self.form, self.plan.width
        panel = size.remainder(item, self.panels)
        rest = size.floor_divide(item, self.panels)
        at: list[Size] = []
        for n in reversed(form.batch):
            at.insert(0, size.remainder(rest, n) if n > 1 else 0)
            rest = size.floor_divide(rest, n)
        first = size.multiply(panel, width)
        ragged = form.queries % width
        if not ragged:
            self._panel(at, first, width)
        elif self.panels == 1:
            self._panel(at, 0, ragged)
        else:
            last = arith.cmpi(
                arith.CmpIPredicate.eq, size.materialise(panel), size.constant(self.panels - 1)
            )
            more = arith.cmpi(
                arith.CmpIPredicate.ne, size.materialise(panel), size.constant(self.panels - 1)
            )
            only_if(more, lambda: self._panel(at, first, width))
            only_if(last, lambda: self._panel(at, (self.panels - 1) * width, ragged))

    def _panel(self, at: list[Size], first: Size, count: int) -> None:
        Panel(self.form, self.plan, self.buffers, at, first, count).emit()
