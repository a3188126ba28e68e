"""Random `ty` programs: a list of numbers says which op comes next and on which older values.

    Step(op=3, operands=(0, 2, 1), seed=7)     -> the third op that fits, on values 0, 2 and 1

Values stay small, and what jumps (comparison, rounding, position) is asked only of values that are
the same bits in every correct compilation, so that close results mean equal programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import func

from tyc.dialects import ty
from tyc.dialects.building import mlir_type, type_of
from tyc.dialects.program import Program, named
from tyc.dialects.registration import context
from tyc.dialects.types import TensorType, dtype, tensor, type_of_array

MAX_SIZE = 20000


@dataclass(frozen=True)
class Step:
    """One op: its number in the table, numbers of older values, and a seed for its attributes."""

    op: int
    operands: tuple[int, int, int]
    seed: int


@dataclass
class Draft:
    """A program in the making: its values, and for each whether its bits are certain."""

    made: Program
    values: list[ir.Value] = field(default_factory=list)
    certain: list[bool] = field(default_factory=list)

    def add(self, value: ir.Value, certain: bool) -> None:
        """Another value that later steps may use."""
        self.values.append(value)
        self.certain.append(certain)

    def parameter(self, array: np.ndarray) -> ir.Value:
        """A weight."""
        name = f"w{len(self.made.parameters)}"
        self.made.parameters[name] = array
        kind = type_of_array(array)
        return ty.parameter(name=name, shape=list(kind.shape), element=kind.dtype)


@contextmanager
def build(inputs: Sequence[TensorType], steps: Sequence[Step]) -> Iterator[Program]:
    """The program of those steps; outputs are its last value and those that nobody uses."""
    with context(), ir.Location.unknown():
        draft = Draft(Program(ir.Module.create(), {}, "random"))
        with ir.InsertionPoint(draft.made.module.body):
            main = func.FuncOp("main", ([mlir_type(t) for t in inputs], []))
            block = main.add_entry_block()
        for argument in block.arguments:
            draft.add(argument, True)
        with ir.InsertionPoint(block):
            for step in steps:
                _apply(draft, step)
            made = draft.values[len(inputs) :] or draft.values[:1]
            results = [v for v in made if not any(True for _ in v.uses)][-4:]
            # Some value that has users is a result too.
            results += made[: len(steps) % 2]
            func.ReturnOp(results)
        kind = ir.FunctionType.get([mlir_type(t) for t in inputs], [v.type for v in results])
        main.operation.attributes["function_type"] = ir.TypeAttr.get(kind)
        main.operation.attributes["arg_attrs"] = named([f"x{i}" for i in range(len(inputs))])
        main.operation.attributes["res_attrs"] = named([f"y{i}" for i in range(len(results))])
        assert draft.made.module.operation.verify()
        yield draft.made


def _apply(draft: Draft, step: Step) -> None:
    from random_contractions import OPS

    rng = np.random.default_rng(step.seed)
    chosen = [i % len(draft.values) for i in step.operands]
    for shift in range(len(OPS)):
        rule = OPS[(step.op + shift) % len(OPS)]
        if rule.jumps and not draft.certain[chosen[0]]:
            continue
        operands = [draft.values[i] for i in chosen]
        result = rule.build(draft, rng, *operands)
        if result is not None:
            certain = rule.certain and all(draft.certain[i] for i in chosen)
            for value in result if isinstance(result, list) else [result]:
                draft.add(value, certain or not type_of(value).dtype.is_float)
            return


Build = Callable[..., Any]


def arrays(types: Sequence[TensorType], seed: int) -> list[np.ndarray]:
    """Numbers for the inputs."""
    rng = np.random.default_rng(seed)
    made = []
    for t in types:
        if t.dtype.is_float:
            made.append(rng.uniform(-2, 2, t.shape).astype(t.dtype.numpy))
        else:
            high = 2 if t.dtype == dtype("i1") else 50
            low = 0 if t.dtype == dtype("i1") else -50
            made.append(rng.integers(low, high, t.shape).astype(t.dtype.numpy))
    return made


def input_type(shape: Sequence[int], element: str) -> TensorType:
    """The type of an input."""
    return tensor(tuple(shape), element)
