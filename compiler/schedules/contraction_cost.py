"""What a plan costs: estimated cycles, from the machine's caches and registers.

A tile of `height` rows and `vectors` vectors takes, for each product of its sums,

    max(height * vectors / 2, (height + vectors) / 2, 4)

cycles where two multiply-adds and two loads start in a cycle, and a sum waits four for the one
before. The target says how many multiply-adds start, how long a sum waits, what a broadcast costs.
Beside that stand the start and the end of each tile, copies, and what is read again from a cache
that is further away than the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tyc.compiler.schedules import cost as cycles
from tyc.compiler.schedules import teams
from tyc.compiler.schedules.contraction_cut import DIRECT, SLAB, Plan, panels, row_tiles
from tyc.compiler.schedules.contraction_form import PAGE, Contraction, Side, strides_of
from tyc.compiler.schedules.kernel import itemsize
from tyc.compiler.targets import Target
from tyc.compiler.targets.target import Costs


@dataclass(frozen=True)
class Machine:
    """What costs depend on: bytes of a sum, lanes of a vector, registers, caches; whether A is
    `scattered`, how far apart its rows are, how many tensors go by as the results do; whether rows
    of A come as vectors of which products take one element (`by_element`)."""

    itemsize: int
    lanes: int
    registers: int
    l1_bytes: int
    l2_bytes: int
    l3_bytes: int
    fused: bool
    scattered: bool
    row_bytes: int
    streams: int
    costs: Costs
    by_element: bool = False

    @staticmethod
    def of(contraction: Contraction, target: Target) -> Machine:
        """The target as it is for elements of the contraction's type."""
        size = itemsize(contraction.element)
        return Machine(
            size, target.vector_bytes // size, target.vector_registers,
            target.l1_bytes, target.l2_bytes, target.l3_bytes,
            target.fused,
            is_scattered(contraction.a, contraction), _row_bytes(contraction),
            _streams(contraction), target.costs,
            target.by_element and nearest(contraction.a, contraction) == 1,
        )  # fmt: skip

    def again(self, held: float) -> float:
        """Cycles for a byte that is read again where that many bytes are read in between: few, as
        it comes in order, so that it is there before it is asked for."""
        if held <= 0.5 * self.l1_bytes:
            return 0.0
        if held <= 0.75 * self.l2_bytes:
            return 1 / 400
        return 1 / 200 if held <= self.l3_bytes else 1 / 16

    def product(self, height: int, vectors: int) -> float:
        """Cycles for one product of every sum of a tile."""
        costs, sums = self.costs, height * vectors
        loads = (height / self.lanes if self.by_element else height) + vectors
        issued = (sums + 2 * loads) / costs.issue_per_cycle
        started = max(sums / costs.fma_per_cycle, loads / costs.loads_per_cycle)
        busy = max(started, issued, costs.fma_latency)
        busy += costs.broadcast_cycles * height
        many = self.registers < 32 and not self.by_element and vectors == 1 and height > 8
        return busy + 1.5 if many else busy


def is_scattered(side: Side, contraction: Contraction) -> bool:
    """True where neighbours in the depth are in different pages of memory."""
    return nearest(side, contraction) * itemsize(side.element) >= PAGE


def nearest(side: Side, contraction: Contraction) -> int:
    """How many elements apart neighbours in the depth are, along its innermost loop."""
    return min((strides_of(side)[d] for d in contraction.depth), default=0)


def _row_bytes(contraction: Contraction) -> int:
    """How far apart in memory neighbours along the innermost row loop are."""
    strides = strides_of(contraction.a)
    inner = strides.get(contraction.rows[-1], 0) if contraction.rows else 0
    return inner * itemsize(contraction.a.element) or 1


def _streams(contraction: Contraction) -> int:
    """The results, and arguments of the same type: such as a residual that is added."""
    kinds = [root.value.type for root in contraction.roots]
    arguments = contraction.function.regions[0].blocks[0].arguments
    return len(kinds) + sum(a.type in kinds for a in arguments)


def cost(plan: Plan, contraction: Contraction, machine: Machine) -> float:
    """Estimated cycles, as the mean over teams."""
    taken = _Taken.of(plan, contraction, machine)
    return teams.mean(taken.cycles)


def estimate(plan: Plan, contraction: Contraction, target: Target) -> float:
    """Estimated nanoseconds, as the mean over teams."""
    taken = _Taken.of(plan, contraction, Machine.of(contraction, target))
    return cycles.nanoseconds_of_teams(taken.cycles, contraction.weight_bytes, target)


@dataclass(frozen=True)
class _Taken:
    """Cycles of a task: `always`, and `once` for each of `tasks / faster` that share a copy, or for
    each where it is made `again`."""

    tasks: int
    faster: int
    always: float
    once: float
    again: bool

    @staticmethod
    def of(plan: Plan, contraction: Contraction, machine: Machine) -> _Taken:
        work = _Work(plan, contraction, machine)
        row_tasks, column_tasks = math.prod(plan.rows.counts), math.prod(plan.columns.counts)
        tasks = contraction.extent(contraction.batch) * row_tasks * column_tasks
        always = work.tiles() + work.others()
        # The task of the slower part of the grid keeps its copy while the faster part goes on.
        if plan.rows_fastest:
            again = plan.b_chunked and plan.chunks > 1
            return _Taken(tasks, row_tasks, always + work.copy_a(), work.copy_b(), again)
        again = plan.a_chunked and plan.chunks > 1
        return _Taken(tasks, column_tasks, always + work.copy_b(), work.copy_a(), again)

    def cycles(self, threads: int) -> float:
        """What the busiest of a team takes."""
        share = teams.busiest(self.tasks, threads)
        starts = -(-share // self.faster) + teams.pieces(self.tasks, threads) - 1
        copies = share if self.again else min(starts, share)
        return share * self.always + copies * self.once


@dataclass(frozen=True)
class _Work:
    """Cycles of one task."""

    plan: Plan
    contraction: Contraction
    machine: Machine

    @property
    def depth(self) -> float:
        """Products of one sum in a chunk."""
        return self.contraction.extent(self.plan.depth) / self.plan.chunks

    def _panels(self) -> list[tuple[int, int]]:
        """(count, columns) of the panels of a task."""
        plan = self.plan
        lengths = plan.columns.lengths(False)
        lane = lengths.pop(plan.columns.loops[-1])
        others, whole, rest = math.prod(lengths.values()), lane // plan.width, lane % plan.width
        return [(others * n, c) for n, c in ((whole, plan.width), (1, rest)) if n and c]

    def _row_tiles(self, height: int) -> Sequence[tuple[int, int]]:
        block = self.plan.rows
        if self.plan.across or block.position >= len(block.loops) - 1:
            return row_tiles(block.extent(), height)
        outer = block.extent() // block.sizes[-1]
        return [(n * outer, h) for n, h in row_tiles(block.sizes[-1], height)]

    def tiles(self) -> float:
        """Register tiles: products, starts and ends."""
        plan, block = self.plan, self.plan.rows
        divides = plan.across and block.position < len(block.loops) - 1
        total = 0.0
        for count, columns in self._panels():
            vectors = -(-columns // plan.lanes)
            masked = columns % plan.lanes != 0
            for tiles, height in self._row_tiles(plan.height_for(columns)):
                sums = height * vectors
                ends = 16 + 0.6 * sums + 5 * height * divides + 2 * height * masked
                product = self.machine.product(height, vectors)
                if plan.a == DIRECT and self.machine.row_bytes % PAGE == 0 and height > 6:
                    # Rows that are whole pages apart want the same lines of the first cache.
                    product *= 2.5
                total += count * tiles * (product * self.depth + ends)
        return total * plan.chunks

    def others(self) -> float:
        """What no copy keeps: traffic of caches, the task's start."""
        return self.moved() + self.written() + 200

    def written(self) -> float:
        """Results that are written a panel at a time: the rest of each row comes later, and a line
        twice where panels end within it."""
        plan, m, c, strips = self.plan, self.machine, self.contraction, panels(self.plan)
        rows, columns, size = plan.rows.extent(), c.extent(c.columns), m.itemsize
        total = 0.0
        far = c.extent(c.rows) * columns * size * m.streams > m.l2_bytes
        if far and strips * plan.width < columns:
            # Parts of rows far apart do not come by themselves.
            total += 10.0 * m.streams * rows
        if plan.panels_inner or strips == 1:
            return total
        split = 8.0 if plan.width * size % 64 else 0.0
        return total + rows * strips * (plan.width * size / 64 + split)

    def moved(self) -> float:
        """What comes from further away than the first cache."""
        plan, m, c = self.plan, self.machine, self.contraction
        rows, strips, size = plan.rows.extent(), panels(plan), m.itemsize
        tiles = sum(n for n, _ in self._row_tiles(plan.height))
        a = (plan.a_elements / (1 if plan.a_chunked else plan.chunks)) or rows * self.depth
        a, panel = a * size, self.depth * plan.width * size
        b = strips * panel
        row_tile = a / tiles
        first = m.again(b + a + m.l1_bytes) * b * plan.chunks
        if plan.a != SLAB:
            first += m.again(c.extent(c.rows) * c.extent(c.depth) * size) * a * plan.chunks
        if plan.panels_inner:
            again = m.again(b + row_tile) * b * (tiles - 1) + m.again(row_tile) * a * (strips - 1)
        else:
            again = m.again(panel + row_tile) * b * (tiles - 1) + m.again(a) * a * (strips - 1)
        results = rows * strips * plan.width * size
        waiting = 2 * (plan.chunks - 1) * results * (1 / 32 + m.again(results + a))
        # The first products of a chunk wait for the sums of the one before.
        waiting += 80 * (plan.chunks - 1) * tiles * strips
        return first + again * plan.chunks + waiting

    def copy_a(self) -> float:
        """The copy of A to scratch."""
        plan = self.plan
        each = 2.0 if self.machine.scattered else 0.3
        return each * plan.a_elements * (plan.chunks if plan.a_chunked else 1)

    def copy_b(self) -> float:
        """The copy of B to scratch."""
        plan = self.plan
        return 0.6 * plan.b_elements * (plan.chunks if plan.b_chunked else 1)
