"""Matrix products and convolutions: register tiles emitted directly, in the manner of BLIS.

    %0 = linalg.generic {acc + a * b} ...        scf.for %task = %begin to %end
    %1 = linalg.generic {relu} (%0)       ->       copy parts of A and B to scratch, where needed
    return %1                                      scf.for depth chunk, panel of B, tile of rows:
                                                     sums in registers; relu; vector.store

Read `contraction_analysis.py` (what is computed), `contraction_cut.py` (how it is cut),
`contraction_plan.py` (which cut is chosen, by `contraction_cost.py`), `contraction_operands.py`
(where operands are), `contraction_kernel.py` (the register tile), then this file (the loops around
it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.options import Options
from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_analysis as analysis
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules import contraction_plan as planning
from tyc.compiler.schedules import frame
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.choice import Parameters
from tyc.compiler.schedules.contraction_block import Work
from tyc.compiler.schedules.contraction_cost import estimate
from tyc.compiler.schedules.contraction_cut import PACKED, Plan, panels
from tyc.compiler.schedules.contraction_epilogue import Epilogue, is_heavy
from tyc.compiler.schedules.contraction_form import Contraction, Side, argument_of
from tyc.compiler.schedules.contraction_kernel import loop
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import (
    Packings,
    ScheduledKernel,
    shape_of,
)
from tyc.compiler.schedules.memory import Buffer
from tyc.compiler.targets import Target

_SUMS = ("f32", "f64", "i32", "i64")


def schedule_contraction(
    module: ir.Module, target: Target, options: Options, parameters: Parameters | None = None
) -> ScheduledKernel | None:
    """The kernel on buffers, or `None` where it is not one contraction that this family can do.

    `parameters` are a plan's (`contraction_plan.space`); without them it is the cheapest one.
    """
    with module.context, ir.Location.unknown():
        found = analysis.find(module)
        if found is None or str(found.element) not in _SUMS:
            return None
        if not parameters:
            plan = _cheapest(found, target)
        else:
            plan = planning.from_parameters(found, target, parameters)
        if plan is None:
            return None
        return _Builder(found, plan).build()


def contraction_space(module: ir.Module, target: Target, limit: int) -> list[Parameters]:
    """Parameters that `schedule_contraction` takes, the default first; none for other kernels."""
    with module.context, ir.Location.unknown():
        found = analysis.find(module)
        if found is None or str(found.element) not in _SUMS:
            return []
        plans = planning.space(found, target, limit)
        return [{}, *(p.parameters() for p in plans[1:])] if plans else []


def estimate_contraction(module: ir.Module, target: Target) -> float | None:
    """Nanoseconds of the cheapest plan; `None` where `schedule_contraction` gives no kernel."""
    with module.context, ir.Location.unknown():
        found = analysis.find(module)
        if found is None or str(found.element) not in _SUMS:
            return None
        plan = _cheapest(found, target)
        return None if plan is None else estimate(plan, found, target)


_LAST: dict[tuple[str, Target], Plan | None] = {}
"""The plan of the kernel that was asked for last: its estimate and its code both want it."""


def _cheapest(contraction: Contraction, target: Target) -> Plan | None:
    key = str(contraction.function), target
    if key not in _LAST:
        plan = planning.make(contraction, target)
        _LAST.clear()
        _LAST[key] = plan
    return _LAST[key]


@dataclass
class _Builder:
    contraction: Contraction
    plan: Plan
    packings: Packings = field(default_factory=dict)

    def build(self) -> ScheduledKernel:
        """A new module with the scheduled function."""
        c, plan = self.contraction, self.plan
        arguments = list(c.function.regions[0].blocks[0].arguments)
        if plan.b == PACKED:
            position = arguments.index(argument_of(c.b.value))
            self.packings[position] = operands.packing_of(c, plan)
        kinds = frame.memory_types(arguments, c.roots, self.packings)
        name = frame.name_of(c.function)
        module, stack = frame.emit(name, kinds, lambda values: self._body(arguments, values))
        reads = plan.chunks > 1 and not plan.scratch_output
        return ScheduledKernel(
            module, name, len(arguments), self._count(), self.packings,
            analysis.in_place(c, arguments, reads),
            stack, c.flops, frame.traffic([*arguments, *(r.value for r in c.roots)]),
        )  # fmt: skip

    def _grid(self) -> list[tuple[str, int, int]]:
        """The dimensions of the task grid, outermost first: role, position in the role, count."""
        c, plan = self.contraction, self.plan
        batch = [("batch", i, c.sizes[d]) for i, d in enumerate(c.batch)]
        rows = [("rows", i, n) for i, n in enumerate(plan.rows.counts)]
        columns = [("columns", i, n) for i, n in enumerate(plan.columns.counts)]
        return batch + (columns + rows if plan.rows_fastest else rows + columns)

    def _count(self) -> int:
        return math.prod(n for _, _, n in self._grid())

    def _body(self, arguments: list[ir.Value], values: list[ir.Value]) -> int:
        c, plan = self.contraction, self.plan
        bound = frame.bind(arguments, c.roots, values)
        evaluator, outputs = bound.evaluator, bound.outputs
        c = replace(c, a=_shifted(c.a, evaluator), b=_shifted(c.b, evaluator))
        scratch = self._scratch()
        partial = scratch.get("output")
        waiting = outputs[0] if partial is None else Buffer(partial, c.element, (1,))
        epilogue = Epilogue(c, evaluator, outputs, waiting, plan.lanes, is_heavy(c))
        begin, end = values[-2:]
        work = Work(c, plan, evaluator, epilogue, bound.flats, scratch, begin)
        loop(begin, end, 1, [], lambda task, _: self._task(work, task))
        return sum(operands.scratch_bytes(s) + 64 for s in scratch.values())

    def _scratch(self) -> dict[str, ir.Value]:
        plan, element = self.plan, self.contraction.element
        output = plan.rows.extent() * panels(plan) * plan.width
        wanted = {"a": plan.a_elements, "b": plan.b_elements, "output": output}
        if not plan.scratch_output:
            del wanted["output"]
        if is_heavy(self.contraction):
            wanted["tile"] = max(plan.height * plan.vectors, 12) * plan.lanes
        return {k: operands.scratch(n, element) for k, n in wanted.items() if n}

    def _task(self, work: Work, task: Size) -> list[ir.Value]:
        """Finds the task's place in the grid and runs it."""
        found: dict[tuple[str, int], Size] = {}
        rest: Size = task
        for role, position, count in reversed(self._grid()):
            found[role, position] = size.remainder(rest, count) if count > 1 else 0
            rest = size.floor_divide(rest, count)
        c, plan = self.contraction, self.plan
        starts: dict[int, Size] = {d: found["batch", i] for i, d in enumerate(c.batch)}
        last: dict[str, ir.Value | bool] = {}
        for role, block in (("rows", plan.rows), ("columns", plan.columns)):
            last[role] = False
            for i, count in enumerate(block.counts):
                at = found[role, i]
                is_split = i == block.position
                starts[block.loops[i]] = size.multiply(at, block.chunk) if is_split else at
                if is_split and block.ragged:
                    last[role] = _equals(at, count - 1)
        inner = "rows" if plan.rows_fastest else "columns"
        fresh = [v for (role, _), v in found.items() if role == inner and not isinstance(v, int)]
        work.run(starts, last["rows"], last["columns"], task, fresh)
        return []


def _shifted(side: Side, evaluator: Evaluator) -> Side:
    """The side with the scalar of its zero point at the end of the casts."""
    if side.shift is None:
        return side
    point = evaluator.value(side.shift, [0] * len(shape_of(side.shift)), None)
    return replace(side, casts=(*side.casts, operands.widen(point, side.shift_casts)))


def _equals(value: Size, other: int) -> ir.Value | bool:
    if isinstance(value, int):
        return value == other
    return arith.cmpi(arith.CmpIPredicate.eq, value, size.constant(other))
