"""The backward pass of one op, made once for its types: as plain steps, and as one kernel.

    recipe(tanh, [f32[3]])   operands x, results y, seeds s;   uses y, s
                             steps  %3 = multiply y, y;  %4 = 1 - %3;  %5 = multiply s, %4

`differentiate.backward` builds it on a program of that one op, so that eager mode, a trace and
whole programs differentiate by the same rules. A recipe runs as one compiled kernel; where its ops
must be recorded (in a trace, for gradients of gradients) they are replayed from the steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from tyc.compiler.eager import compiled, frozen, name_signature, small_program
from tyc.dialects.ods import Op

if TYPE_CHECKING:
    from mlir import ir

    from tyc.dialects.program import Program
    from tyc.runtime.module import Module


@dataclass(frozen=True)
class Step:
    """One op: operands by field as numbers (a list for a variadic one, `None` for an absent one),
    and the number of its first result. A constant has no op and its array as `value`. `origin` is
    the place that the op came from, as text."""

    op: type[Op] | None
    operands: list[Any]
    attributes: dict[str, Any]
    first: int
    value: np.ndarray | None = None
    origin: str = ""


@dataclass
class Recipe:
    """Gradients of the wanted operands of one op.

    Values are numbered: operands, results, seeds, then what the steps make. `uses` are those that
    the steps and `outputs` read; an output is `None` where nothing depends on the operand.
    """

    steps: list[Step]
    uses: list[int]
    outputs: list[int | None]
    program: Program
    computed: list[int]
    modules: dict[bool, Module] = field(default_factory=dict)

    def run(self, values: Mapping[int, np.ndarray], exact: bool) -> list[np.ndarray | None]:
        """The gradients, given the values of `uses`, by one compiled kernel."""
        found = dict(values)
        if self.computed:
            module = self.modules.get(exact)
            if module is None:
                module = self.modules[exact] = compiled(self.program.copy(), exact)
            found.update(zip(self.computed, module.run([values[n] for n in self.inputs])))
        return [None if n is None else found[n] for n in self.outputs]

    @cached_property
    def inputs(self) -> list[int]:
        """What the program reads: `uses` without those that only pass through."""
        read = {n for s in self.steps for n in _flat(s.operands)}
        return [n for n in self.uses if n in read]


_RECIPES: dict[tuple, Recipe] = {}


def recipe(
    op: type[Op],
    types: tuple,
    attributes: Mapping[str, Any],
    wanted: Sequence[bool],
    seeded: Sequence[bool],
) -> Recipe:
    """The backward pass of `op` for operands of these types.

    `wanted` says of each operand (all fields in one list, absent ones left out) whether its
    gradient is needed, `seeded` of each result whether it has one. Raises `UserError` where the op
    has no gradient.
    """
    key = (op.NAME, types, frozen(attributes), tuple(wanted), tuple(seeded))
    if key not in _RECIPES:
        _RECIPES[key] = _made(op, types, attributes, wanted, seeded)
    return _RECIPES[key]


def _made(
    op: type[Op],
    types: tuple,
    attributes: Mapping[str, Any],
    wanted: Sequence[bool],
    seeded: Sequence[bool],
) -> Recipe:
    from mlir import ir

    from tyc.compiler.rewriting import erase_dead
    from tyc.compiler.transforms.differentiate import backward
    from tyc.dialects import building

    grads: list[ir.Value | None] = []

    def body(operands: list[Any]) -> list[ir.Value]:
        flat = [v for v in _flat(operands) if v is not None]
        built = building.build(op, *operands, **attributes)
        results = built if isinstance(built, list) else [built]
        block = ir.InsertionPoint.current.block
        here = ir.Location.unknown()
        # What the forward pass computed is an input, not computed again.
        kept = [block.add_argument(r.type, here) for r in results]
        seeds = [block.add_argument(r.type, here) for r in compress(results, seeded)]
        pairs = list(zip(compress(results, seeded), seeds))
        inputs = dict(zip(results, kept))
        found = backward(pairs, list(compress(flat, wanted)))
        grads.extend(g if g is None else inputs.get(g, g) for g in found)
        for result, argument in zip(results, kept):
            result.replace_all_uses_with(argument)
        return list(dict.fromkeys(g for g in grads if _is_computed(g)))

    program = small_program(f"{op.NAME}_gradient", types, body)
    with program.module.context, ir.Location.unknown():
        erase_dead(program)
        return _read(program, grads)


def _is_computed(value: ir.Value | None) -> bool:
    from mlir import ir

    return value is not None and not isinstance(value.owner, ir.Block)


def _read(program: Program, grads: Sequence[ir.Value | None]) -> Recipe:
    """The program as plain data; its arguments that nothing reads are erased."""
    count = len(program.block.arguments)
    steps, numbers = _steps(program)
    outputs = [None if g is None else numbers[g] for g in grads]
    read = {n for s in steps for n in _flat(s.operands)}
    uses = [n for n in range(count) if n in read or n in outputs]
    computed = [numbers[v] for v in program.terminator.operands]
    for n in reversed([n for n in range(count) if n not in read]):
        program.block.erase_argument(n)
    name_signature(program)
    return Recipe(steps, uses, outputs, program, computed)


def read_steps(program: Program) -> tuple[list[Step], list[int]]:
    """The ops of `main` as plain data, and the numbers of its results; inputs come first."""
    steps, numbers = _steps(program)
    return steps, [numbers[v] for v in program.terminator.operands]


def _steps(program: Program) -> tuple[list[Step], dict[ir.Value, int]]:
    from tyc.dialects import building, ty
    from tyc.dialects.locations import origin

    numbers: dict[ir.Value, int] = {a: i for i, a in enumerate(program.block.arguments)}
    steps = []
    for operation in program.operations():
        op = building.view(operation)
        first = len(numbers)
        numbers.update({r: first + i for i, r in enumerate(operation.results)})
        if isinstance(op, ty.ConstantOp):
            steps.append(Step(None, [], {}, first, np.asarray(building.attributes_of(op)["value"])))
            continue
        operands = [_numbered(o, numbers) for o in building.operands_of(op)]
        where = origin(operation.location)
        steps.append(Step(type(op), operands, building.attributes_of(op), first, None, where))
    return steps, numbers


def _numbered(operand: Any, numbers: Mapping[ir.Value, int]) -> Any:
    if isinstance(operand, list):
        return [numbers[v] for v in operand]
    return None if operand is None else numbers[operand]


def _flat(groups: Sequence[Any]) -> list[Any]:
    return [v for g in groups for v in (g if isinstance(g, (list, tuple)) else [g])]
