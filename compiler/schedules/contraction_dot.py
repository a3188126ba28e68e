"""Products of 8-bit integers by a constant, four of the depth in one instruction (`vpdpbusd`).

    out[m, n] = sum over k of (a[m, k] - za) * (b[k, n] - zb)
              = sum of a' * b' - za' * sum of b'[:, n] - zb' * sum of a'[m, :] + K * za' * zb'

The instruction multiplies unsigned by signed bytes. B stays as it is, in panels of one vector's
columns and four of the depth: `[panel, k / 4, lane, 4]`. A is copied to scratch with the top bit of
each byte flipped where both have the same sign: that is an offset of 128, part of `za'`. An item is
a block of rows by a block of columns.

Read `contraction_dot_plan.py` (what is taken, and how it is cut), `contraction_dot_items.py` (the
code of items), then this file (the function around them).
"""

from __future__ import annotations

from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith, llvm

from tyc.compiler.options import Options
from tyc.compiler.schedules import contraction_analysis as analysis
from tyc.compiler.schedules import contraction_dot_plan as planning
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules import frame
from tyc.compiler.schedules.contraction_dot_items import FLIP, Dot, Items, Points
from tyc.compiler.schedules.contraction_dot_plan import DotPlan
from tyc.compiler.schedules.contraction_epilogue import Epilogue
from tyc.compiler.schedules.contraction_form import Contraction, Side, argument_of
from tyc.compiler.schedules.contraction_kernel import loop
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import (
    Packings,
    ScheduledKernel,
    shape_of,
)
from tyc.compiler.targets import Target


def schedule_dot(
    module: ir.Module, target: Target, options: Options, dot: Dot | None = None
) -> ScheduledKernel | None:
    """The kernel on buffers, or `None` where it is no such product or the target has no such
    instruction; `dot` stands in for the instruction."""
    if dot is None and not has_dot(target):
        return None
    with module.context, ir.Location.unknown():
        found = analysis.find(module)
        plan = None if found is None else planning.make(found, target)
        if found is None or plan is None:
            return None
        return _Builder(found, plan, dot or instruction).build()


def estimate_dot(module: ir.Module, target: Target) -> float | None:
    """Nanoseconds of the kernel; `None` where `schedule_dot` gives none."""
    if not has_dot(target):
        return None
    with module.context, ir.Location.unknown():
        found = analysis.find(module)
        plan = None if found is None else planning.make(found, target)
        return None if found is None or plan is None else planning.estimate(plan, found, target)


def has_dot(target: Target) -> bool:
    """True where the target has the instruction on its widest vectors."""
    wide = "avx512vnni" in target.features
    return wide or (target.vector_bytes == 32 and "avxvnni" in target.features)


def instruction(sums: ir.Value, unsigned: ir.Value, signed: ir.Value) -> ir.Value:
    """`vpdpbusd`, which wraps as i32 does."""
    bits = ir.VectorType(sums.type).shape[0] * 32
    name = f"llvm.x86.avx512.vpdpbusd.{bits}"
    return llvm.CallIntrinsicOp(sums.type, name, [sums, unsigned, signed], [], []).results


@dataclass
class _Builder:
    contraction: Contraction
    plan: DotPlan
    dot: Dot

    def build(self) -> ScheduledKernel:
        """A new module with the scheduled function."""
        c, plan = self.contraction, self.plan
        arguments = list(c.function.regions[0].blocks[0].arguments)
        constant = arguments.index(argument_of(c.b.value))
        packings: Packings = {constant: plan.packing}
        kinds = frame.memory_types(arguments, c.roots, packings)
        name = frame.name_of(c.function)
        module, stack = frame.emit(name, kinds, lambda values: self._body(arguments, values))
        return ScheduledKernel(
            module, name, len(arguments), plan.items, packings, [], stack, c.flops,
            frame.traffic([*arguments, *(r.value for r in c.roots)]),
        )  # fmt: skip

    def _body(self, arguments: list[ir.Value], values: list[ir.Value]) -> int:
        c, plan = self.contraction, self.plan
        bound = frame.bind(arguments, c.roots, values)
        evaluator, outputs = bound.evaluator, bound.outputs
        epilogue = Epilogue(c, evaluator, outputs, None, plan.lanes)
        byte = ir.IntegerType.get_signless(8)
        copy = operands.scratch(plan.block_rows * plan.pitch, byte)
        sizes = (plan.block_rows, plan.vectors * plan.lanes, plan.tile)
        rows, columns, room = (operands.scratch(n, c.element) for n in sizes)
        b, points = bound.flats[_argument(c.b)], _points(c, plan, evaluator)
        items = Items(
            c, plan, self.dot, evaluator, epilogue, b, points, copy, rows, columns, room
        )  # fmt: skip
        begin, end = values[-2:]
        loop(begin, end, 1, [], lambda item, _: items.run(item) or [])
        return sum(operands.scratch_bytes(r) + 64 for r in (copy, rows, columns, room))


def _points(c: Contraction, plan: DotPlan, evaluator: Evaluator) -> Points:
    def scalar(side: Side) -> ir.Value | None:
        if side.shift is None:
            return None
        point = evaluator.value(side.shift, [0] * len(shape_of(side.shift)), None)
        return operands.widen(point, side.shift_casts)

    a = scalar(c.a)
    if plan.flips:
        offset = arith.constant(c.element, -FLIP if plan.signed_b else FLIP)
        a = offset if a is None else arith.addi(a, offset)
    return Points(a, scalar(c.b))


def _argument(side: Side) -> ir.Value:
    argument = argument_of(side.value)
    assert argument is not None
    return argument
