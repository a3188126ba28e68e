"""Products of a matrix and few vectors, at the speed of memory.

    %0 = linalg.generic {acc + a * b} ...        scf.for %item = %begin to %end
    %1 = linalg.generic {relu} (%0)       ->       sums = 0; for k: sums += a[k] * B[k, columns]
    return %1                                      relu; vector.store

Every element of B is used once a row, so that nothing is copied. Read `matvec_plan.py` (which way B
is read), `matvec_sums.py` (the sums), then this file (items, results).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.options import Options
from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_analysis as analysis
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules import frame
from tyc.compiler.schedules import matvec_plan as planning
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_epilogue import Epilogue, is_heavy
from tyc.compiler.schedules.contraction_form import Contraction, argument_of
from tyc.compiler.schedules.contraction_kernel import choose, loop, only_if, repeat
from tyc.compiler.schedules.contraction_operands import Placed, Task
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import (
    Packings,
    ScheduledKernel,
)
from tyc.compiler.schedules.matvec_plan import DOTS, ROWS, MatvecPlan
from tyc.compiler.schedules.matvec_sums import Sums
from tyc.compiler.targets import Target


def schedule_matvec(module: ir.Module, target: Target, options: Options) -> ScheduledKernel | None:
    """The kernel on buffers, or `None` where it is not one product of few rows."""
    with module.context, ir.Location.unknown():
        found = _read(module, target, options)
        return None if found is None else _Builder(*found).build()


def estimate_matvec(module: ir.Module, target: Target, options: Options) -> float | None:
    """Nanoseconds of the kernel; `None` where `schedule_matvec` gives none."""
    with module.context, ir.Location.unknown():
        found = _read(module, target, options)
        return None if found is None else planning.estimate(found[1], found[0], target)


def _read(
    module: ir.Module, target: Target, options: Options
) -> tuple[Contraction, MatvecPlan] | None:
    found = analysis.find(module)
    plan = None if found is None else planning.make(found, target, options.exact)
    return None if found is None or plan is None else (found, plan)


@dataclass
class _Builder:
    contraction: Contraction
    plan: MatvecPlan

    def build(self) -> ScheduledKernel:
        """A new module with the scheduled function."""
        c, plan = self.contraction, self.plan
        arguments = list(c.function.regions[0].blocks[0].arguments)
        packings: Packings = {}
        if plan.packing is not None:
            packings[arguments.index(argument_of(c.b.value))] = plan.packing
        kinds = frame.memory_types(arguments, c.roots, packings)
        name = frame.name_of(c.function)
        module, stack = frame.emit(name, kinds, lambda values: self._body(arguments, values))
        return ScheduledKernel(
            module, name, len(arguments), c.extent(c.batch) * plan.segments, packings,
            analysis.in_place(c, arguments), stack, c.flops,
            frame.traffic([*arguments, *(r.value for r in c.roots)]),
        )  # fmt: skip

    def _body(self, arguments: list[ir.Value], values: list[ir.Value]) -> int:
        c, plan = self.contraction, self.plan
        bound = frame.bind(arguments, c.roots, values)
        evaluator = bound.evaluator
        epilogue = Epilogue(c, evaluator, bound.outputs, None, plan.lanes)
        block = plan.block if plan.kind == ROWS else plan.columns
        heavy = plan.kind == ROWS or (is_heavy(c) and plan.vectors * len(plan.rows) > 1)
        room = operands.scratch((block + plan.lanes) * len(plan.rows), c.element) if heavy else None
        items = Items(c, plan, evaluator, epilogue, bound.flats, room)
        items.run(*values[-2:])
        return 0 if room is None else operands.scratch_bytes(room) + 64


@dataclass
class Items:
    """The items of a kernel as code. Sums wait in `room` where many come before the results or the
    way from one to the other is long."""

    contraction: Contraction
    plan: MatvecPlan
    evaluator: Evaluator
    epilogue: Epilogue
    flats: Mapping[ir.Value, ir.Value]
    room: ir.Value | None

    def run(self, begin: ir.Value, end: ir.Value) -> None:
        """Items [begin, end)."""
        plan = self.plan
        if plan.kind == ROWS and not self.contraction.batch:
            low = size.multiply(begin, plan.columns)
            high = size.minimum(size.multiply(end, plan.columns), plan.width)
            return self._range({}, low, high)
        loop(begin, end, 1, [], lambda item, _: self._item(item) or [])
        return None

    def _item(self, item: Size) -> None:
        """Finds the item's place and runs it."""
        c, plan = self.contraction, self.plan
        segment = size.remainder(item, plan.segments)
        rest = size.floor_divide(item, plan.segments)
        batch: dict[int, Size] = {}
        for position in reversed(range(len(c.batch))):
            d = c.batch[position]
            batch[d] = size.remainder(rest, c.sizes[d]) if position else rest
            rest = size.floor_divide(rest, c.sizes[d])
        column = size.multiply(segment, plan.columns)
        if plan.kind == ROWS:
            high = size.minimum(size.add(column, plan.columns), plan.width)
            return self._range(batch, column, high)
        short = plan.width % plan.columns
        if plan.segments == 1:
            return self._piece(batch, 0, plan.width)
        if not short:
            return self._piece(batch, column, plan.columns)
        last = arith.cmpi(
            arith.CmpIPredicate.eq, size.materialise(segment), size.constant(plan.segments - 1)
        )
        choose(
            last, [],
            lambda: self._piece(batch, column, short) or [],
            lambda: self._piece(batch, column, plan.columns) or [],
        )  # fmt: skip
        return None

    def _piece(self, batch: Mapping[int, Size], column: Size, count: int) -> None:
        """`count` columns: their sums in registers, then the results."""
        plan = self.plan
        sums = self._sums(batch)
        vectors = -(-count // plan.lanes)
        starts = [
            self.epilogue.initial(self._at(batch, r, size.add(column, v * plan.lanes)))
            for r in range(len(plan.rows))
            for v in range(vectors)
        ]
        reduce = sums.dots if plan.kind == DOTS else sums.tile
        values = reduce(column, count, starts)
        if self.room is None:
            for i, value in enumerate(values):
                r, v = divmod(i, vectors)
                self._finish(
                    batch, r, size.add(column, v * plan.lanes), value, count - v * plan.lanes
                )
            return
        for i, value in enumerate(values):
            operands.store(value, self.room, i * plan.lanes)
        for r in range(len(plan.rows)):
            self._finish_row(batch, r, column, count, r * vectors * plan.lanes)

    def _finish_row(
        self, batch: Mapping[int, Size], r: int, column: Size, count: int, place: int
    ) -> None:
        """A long epilogue as a loop: its code stands once, and once more for a short vector."""
        lanes = self.plan.lanes
        assert self.room is not None
        room = self.room

        def finish(x: Size, count: int) -> None:
            value = operands.load(room, size.add(x, place), lanes)
            self._finish(batch, r, size.add(column, x), value, count)

        repeat(count // lanes * lanes, lambda x: finish(x, lanes), lanes)
        if count % lanes:
            finish(count // lanes * lanes, count % lanes)

    def _range(self, batch: Mapping[int, Size], low: Size, high: Size) -> None:
        """Columns [low, high) in blocks, the sums of a block in scratch."""
        plan = self.plan
        sums, room, lanes = self._sums(batch), self.room, plan.lanes
        assert room is not None
        pitch = plan.block + lanes
        tail = plan.width % lanes

        def each(column: Size, vectors: Size, is_end: ir.Value | bool, body: Callable) -> None:
            repeat(vectors, lambda v: body(size.multiply(v, lanes), lanes))
            if tail:
                only_if(is_end, lambda: body(size.multiply(vectors, lanes), tail))

        def block(column: Size, _: list[ir.Value]) -> list[ir.Value]:
            length = size.minimum(size.subtract(high, column), plan.block)
            vectors = size.floor_divide(length, lanes)
            is_end = arith.cmpi(
                arith.CmpIPredicate.eq,
                size.materialise(size.add(column, length)),
                size.constant(plan.width),
            )

            def start(x: Size, _: int) -> None:
                for r in range(len(plan.rows)):
                    value = self.epilogue.initial(self._at(batch, r, size.add(column, x)))
                    operands.store(value, room, size.add(x, r * pitch))

            def finish(x: Size, count: int) -> None:
                for r in range(len(plan.rows)):
                    value = operands.load(room, size.add(x, r * pitch), lanes)
                    self._finish(batch, r, size.add(column, x), value, count)

            each(column, vectors, is_end, start)
            sums.rows(room, pitch, column, vectors, is_end if tail else False)
            each(column, vectors, is_end, finish)
            return []

        loop(low, high, plan.block, [], block)

    # Places.

    def _sums(self, batch: Mapping[int, Size]) -> Sums:
        c, plan = self.contraction, self.plan
        rows = [dict(r) for r in plan.rows]
        a = operands.place_direct(c.a, self.flats, Task(batch))
        if plan.packing is None:
            b = operands.place_direct(c.b, self.flats, Task(batch))
        else:
            strides = planning.packed_strides(c, plan)
            base = operands.linear(0, strides, batch)
            argument = argument_of(c.b.value)
            assert argument is not None
            b = Placed(self.flats[argument], strides, base, c.b.casts)
        stride = b.strides[c.lane]
        return Sums(plan, a, b, [a.at(r) for r in rows], stride)

    def _at(self, batch: Mapping[int, Size], r: int, column: Size) -> dict[int, Size]:
        c = self.contraction
        found: dict[int, Size] = {**batch, **dict(self.plan.rows[r]), c.lane: column}
        for d, x in found.items():
            if isinstance(x, ir.Value):
                self.evaluator.define(x, 0, c.sizes[d] - 1)
        return found

    def _finish(
        self, batch: Mapping[int, Size], r: int, column: Size, sums: ir.Value, count: int
    ) -> None:
        self.epilogue.finish(sums, self._at(batch, r, column), min(count, self.plan.lanes))
