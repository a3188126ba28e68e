"""Plans the memory of a fused program: which buffer each value lives in, and where.

The new value of an input is written into the input's own buffer, after all who read the old one.
A view shares the buffer of what it views. A result of main lives in the caller's output, so that
nothing is copied at the end; a result that cannot (an input or a parameter returned as it is, or
one value returned twice) was made a copy by `materialize_outputs` before fusion.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from mlir import ir

from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.planning import updates
from tyc.compiler.planning.budget import Budget
from tyc.compiler.planning.plan import (
    Buffer,
    Facts,
    Plan,
    Step,
    arrange,
    largest_step,
    live_at,
    root,
)
from tyc.compiler.rewriting import producer
from tyc.compiler.schedules import cost
from tyc.compiler.schedules.kernel import Packing
from tyc.compiler.targets import Target
from tyc.compiler.transforms.outline import outline
from tyc.compiler.transforms.strip_rows import piece_offset
from tyc.dialects import building
from tyc.dialects.locations import origin
from tyc.dialects.program import Program
from tyc.runtime.errors import UserError


def materialize_outputs(program: Program) -> None:
    """Gives every result of main an operation of its own to write it.

    A result that is an input, a parameter or a constant, or is returned twice (through views or
    not), becomes `ty.broadcast_to` of itself: a kernel that copies.
    """
    seen: set[ir.Value] = set()
    terminator = program.terminator
    for i, value in enumerate(list(terminator.operands)):
        source = _viewed(value)
        made = producer(source)
        fixed = made is None or made.NAME in ("parameter", "constant")
        if fixed or source in seen:
            _copied(program, i)
        seen.add(source)


def _copied(program: Program, number: int) -> ir.Operation:
    """Makes a result of main a copy of what it was; the operation that copies."""
    from tyc.dialects import ty

    terminator = program.terminator
    with ir.InsertionPoint(terminator), terminator.location:
        value = terminator.operands[number]
        copy = ty.broadcast_to(value, shape=building.type_of(value).shape)
        terminator.operands[number] = copy
    return copy.owner.operation


def _viewed(value: ir.Value) -> ir.Value:
    """The value whose buffer a chain of views shares."""
    while (op := producer(value)) is not None and op.NAME == "reshape":
        value = op.x
    return value


@dataclass(frozen=True)
class Weight:
    """A parameter in the layout that a kernel wants; `packing` is `Packing.to_json`'s text."""

    name: str
    packing: str = ""


def plan_memory(
    program: Program,
    kernels: Mapping[str, CompiledKernel],
    target: Target,
    budget: Budget = None,
) -> tuple[Plan, list[Weight]]:
    """The plan of a fused program, and its weights in the order of the `weight` buffers.

    `budget` is the most bytes that the workspace may have, as a float its share of what it would
    have without a budget, or `"auto"`: the knee of bytes against time. The plan of a budget that
    nothing fits is the smallest there is. Of a kernel that is not compiled yet nothing is known: it
    runs in place nowhere.
    """
    plan, weights = steps_of(program, kernels)
    arrange(plan, facts_of(plan, kernels, target), budget)
    return plan, weights


def steps_of(program: Program, kernels: Mapping[str, CompiledKernel]) -> tuple[Plan, list[Weight]]:
    """The calls of a fused program as steps whose buffers have no place yet, and its weights.

    They stand in an order in which they can run: who updates an input comes after its readers.
    """
    planner = _walked(program, kernels)
    plan = planner.plan
    facts = _in_place(plan, kernels)
    order, refused = updates.in_order(plan, facts)
    if all(step.kernel in kernels for step in plan.steps):
        updates.share_outputs(plan, facts)
    plan.steps = [plan.steps[i] for i in order]
    for buffer in refused:  # of kernels that are not what they will be
        del plan.updates[buffer]
    return plan, list(planner.weights)


def _in_place(plan: Plan, kernels: Mapping[str, CompiledKernel]) -> list[Facts]:
    """Where steps may write over what they read; a kernel that is not compiled yet everywhere."""
    found = []
    for step in plan.steps:
        kernel = kernels.get(step.kernel)
        anywhere = product(range(len(step.inputs)), range(len(step.outputs)))
        found.append(Facts(list(anywhere) if kernel is None else kernel.in_place))
    return found


def separate_updates(program: Program, kernels: Mapping[str, CompiledKernel]) -> bool:
    """Gives a copy at the end to each new value of an input that its own kernel cannot write there.

    True where there is one: it is a new kernel then.
    """
    planner = _walked(program, kernels)
    refused = updates.in_order(planner.plan, _in_place(planner.plan, kernels))[1]
    copies = [_copied(program, planner.results[buffer]) for buffer in refused]
    outline(program, [("copy", [copy]) for copy in copies])
    return bool(copies)


def _walked(program: Program, kernels: Mapping[str, CompiledKernel]) -> _Planner:
    planner = _Planner(program, kernels)
    # The last first: what a concatenation joins may be one itself.
    for operation in reversed(list(program.operations())):
        if operation.name == "ty.concat":
            planner.pieces(operation)
    for operation in program.operations():
        if operation.name == "func.call":
            planner.call(operation)
    return planner


def facts_of(plan: Plan, kernels: Mapping[str, CompiledKernel], target: Target) -> list[Facts]:
    """What is known of each step's kernel; its cost is the time that it takes alone."""
    return [_facts(kernels.get(s.kernel), target) for s in plan.steps]


def _facts(kernel: CompiledKernel | None, target: Target) -> Facts:
    if kernel is None:
        return Facts()
    operations = max(kernel.flops, kernel.cost)
    return Facts(kernel.in_place, cost.alone(operations, kernel.bytes, target))


_NAMED = 4


def check_budget(plan: Plan) -> None:
    """Raises `UserError` where a plan is larger than its budget, with the step that makes it so."""
    budget = plan.budget_bytes
    if budget is None or plan.arena_bytes <= budget:
        return
    at = largest_step(plan)
    made = {root(plan, b): step for step in plan.steps for b in step.outputs}
    live = live_at(plan, at)
    named = [
        f"{plan.buffers[b].nbytes} of {made[b].origin or made[b].kernel}" for b in live[:_NAMED]
    ]
    rest = sum(plan.buffers[b].nbytes for b in live[_NAMED:])
    named += [f"{rest} of {len(live) - _NAMED} more"] if rest else []
    step = plan.steps[at]
    raise UserError(
        f"memory budget must be at least {plan.arena_bytes} bytes, got {budget}: kernel"
        f" {step.kernel} runs while these live: {', '.join(named)}",
        node=step.origin,
        hint=f"write --memory-budget {plan.arena_bytes}",
    )


class _Planner:
    """Numbers the buffers while it walks the calls."""

    def __init__(self, program: Program, kernels: Mapping[str, CompiledKernel]) -> None:
        self.plan, self.kernels = Plan(), kernels
        self.numbers: dict[ir.Value, int] = {}
        self.weights: dict[Weight, int] = {}
        # Of pieces the shape of the whole, whose strides they have.
        self.shapes: dict[ir.Value, tuple[int, ...]] = {}
        self.results: dict[int, int] = {}
        """The number of the result that each buffer with a new value of an input is."""
        inputs = {name: i for i, (name, _) in enumerate(program.inputs)}
        for i, argument in enumerate(program.block.arguments):
            self.numbers[argument] = self._add(argument, "input", i)
        outputs, sources = 0, program.updates
        for i, (name, value) in enumerate(zip(program.output_names, program.terminator.operands)):
            source = sources.get(name)
            if source is None:
                self.numbers[_viewed(value)] = self._add(value, "output", outputs)
                outputs += 1
            else:
                number = self._add(value, "input", inputs[source])
                self.numbers[_viewed(value)] = number
                self.plan.updates[number] = inputs[source]
                self.results[number] = i

    def _add(self, value: ir.Value, place: str, index: int) -> int:
        self.plan.buffers.append(Buffer(building.type_of(value).nbytes, place, index))
        return len(self.plan.buffers) - 1

    def _weight(self, value: ir.Value, packing: dict | None) -> int:
        op = producer(value)
        weight = Weight(op.name, json.dumps(packing, sort_keys=True) if packing else "")
        if weight not in self.weights:
            self.weights[weight] = self._add(value, "weight", len(self.weights))
            if packing:
                itemsize = building.type_of(value).dtype.itemsize
                self.plan.buffers[-1].nbytes = Packing.from_json(packing).packed_bytes(itemsize)
        return self.weights[weight]

    def call(self, operation: ir.Operation) -> None:
        """Adds the step of one kernel call."""
        name = ir.FlatSymbolRefAttr(operation.attributes["callee"]).value
        packings = self.kernels[name].packings if name in self.kernels else {}
        inputs = []
        for i, operand in enumerate(operation.operands):
            value = _viewed(operand)
            if (op := producer(value)) is not None and op.NAME == "parameter":
                inputs.append(self._weight(value, packings.get(i)))
            else:
                inputs.append(self._number(value))
        outputs = []
        for result in operation.results:
            if result not in self.numbers:
                self.numbers[result] = self._add(result, "arena", -1)
            outputs.append(self.numbers[result])
        where, number = origin(operation.location), len(self.plan.steps)
        self.plan.steps.append(Step(name, inputs, outputs, where, number))

    def _number(self, value: ir.Value) -> int:
        """The buffer of a value; of rows that are cut out of another one, a piece of its buffer."""
        if value not in self.numbers:
            piece = piece_offset(value)
            assert piece is not None, f"nothing writes {value}"
            self._piece(value, _viewed(piece[0]), piece[1])
        return self.numbers[value]

    def _piece(self, value: ir.Value, within: ir.Value, offset: int) -> None:
        """A buffer for a part of another value. A piece of a piece waits for its own parts only."""
        whole = self._number(within)
        outer = self.plan.buffers[whole]
        self.shapes[value] = self.shapes.get(within) or building.type_of(within).shape
        nbytes = building.type_of(value).nbytes
        buffer = Buffer(nbytes, outer.place, outer.index, whole, offset)
        self.numbers[value] = len(self.plan.buffers)
        self.plan.buffers.append(buffer)

    def pieces(self, operation: ir.Operation) -> None:
        """Puts what a `ty.concat` in main joins where the whole is read: nothing is copied. Along
        another axis than the leading one, pieces have the strides of the whole."""
        result, offset = operation.results[0], 0
        if result not in self.numbers:
            self.numbers[result] = self._add(result, "arena", -1)
        kind = building.type_of(result)
        op: Any = building.view(operation)
        axis = op.axis % kind.rank
        step = math.prod((self.shapes.get(result) or kind.shape)[axis + 1 :]) * kind.dtype.itemsize
        for value in operation.operands:
            self._piece(value, result, offset)
            offset += building.type_of(value).shape[axis] * step
