"""Plans the memory of a fused program: which buffer each value lives in, and where.

A view shares the buffer of what it views. A result of main lives in the caller's output, so that
nothing is copied at the end; a result that cannot (an input or a parameter returned as it is, or
one value returned twice) was made a copy by `materialize_outputs` before fusion.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlir import ir

from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.planning.plan import Buffer, Facts, Plan, Step, arrange
from tyc.compiler.rewriting import producer
from tyc.compiler.schedules.kernel import Packing
from tyc.dialects import building
from tyc.dialects.program import Program


def materialize_outputs(program: Program) -> None:
    """Gives every result of main an operation of its own to write it.

    A result that is an input, a parameter or a constant, or is returned twice (through views or
    not), becomes `ty.broadcast_to` of itself: a kernel that copies.
    """
    from tyc.dialects import ty

    seen: set[ir.Value] = set()
    terminator = program.terminator
    for i, value in enumerate(list(terminator.operands)):
        source = _viewed(value)
        made = producer(source)
        fixed = made is None or made.NAME in ("parameter", "constant")
        if fixed or source in seen:
            with ir.InsertionPoint(terminator), terminator.location:
                shape = building.type_of(value).shape
                terminator.operands[i] = ty.broadcast_to(value, shape=shape)
        seen.add(source)


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
    program: Program, kernels: Mapping[str, CompiledKernel]
) -> tuple[Plan, list[Weight]]:
    """The plan of a fused program, and its weights in the order of the `weight` buffers."""
    planner = _Planner(program, kernels)
    for operation in program.operations():
        if operation.name == "func.call":
            planner.call(operation)
    plan = planner.plan
    arrange(plan, [_facts(kernels[s.kernel]) for s in plan.steps])
    return plan, list(planner.weights)


def _facts(kernel: CompiledKernel) -> Facts:
    return Facts(kernel.in_place, kernel.flops, kernel.bytes)


class _Planner:
    """Numbers the buffers while it walks the calls."""

    def __init__(self, program: Program, kernels: Mapping[str, CompiledKernel]) -> None:
        self.plan, self.kernels = Plan(), kernels
        self.numbers: dict[ir.Value, int] = {}
        self.weights: dict[Weight, int] = {}
        for i, argument in enumerate(program.block.arguments):
            self.numbers[argument] = self._add(argument, "input", i)
        for i, value in enumerate(program.terminator.operands):
            self.numbers[_viewed(value)] = self._add(value, "output", i)

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
        packings = self.kernels[name].packings
        inputs = []
        for i, operand in enumerate(operation.operands):
            value = _viewed(operand)
            if (op := producer(value)) is not None and op.NAME == "parameter":
                inputs.append(self._weight(value, packings.get(i)))
            else:
                inputs.append(self.numbers[value])
        outputs = []
        for result in operation.results:
            if result not in self.numbers:
                self.numbers[result] = self._add(result, "arena", -1)
            outputs.append(self.numbers[result])
        self.plan.steps.append(Step(name, inputs, outputs, origin(operation.location)))


_NAME = re.compile(r'loc\("([^"]*)"')


def origin(location: ir.Location) -> str:
    """What a location says, without MLIR's wrapping: `onnx:conv1:Conv` or `model.py:3:1`."""
    text = str(location)
    found = _NAME.match(text)
    return found.group(1) + text[found.end() : -1] if found else ""
