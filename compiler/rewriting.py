"""Rewriting of a program's main block: patterns over ops, dead code, uses.

A pattern is a function of a view: it returns the replacement (a value, or a list for several
results), or `None` where it does not match. It builds new ops right before the op, at its location.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlir import ir

from tyc.dialects.building import view
from tyc.dialects.program import Program

Pattern = Callable[[Any], Any]


def users(value: ir.Value) -> list[ir.Operation]:
    """The operations that use a value, one for each use."""
    return [use.owner.operation for use in value.uses]


def producer(value: ir.Value) -> Any:
    """The view of the `ty` op that makes a value, or `None` for an argument or another dialect."""
    owner = value.owner
    if isinstance(owner, ir.Block) or not owner.operation.name.startswith("ty."):
        return None
    return view(owner.operation)


def replace(operation: ir.Operation, values: Sequence[ir.Value]) -> None:
    """Replaces the results of an operation and erases it."""
    for old, new in zip(operation.results, values):
        old.replace_all_uses_with(new)
    operation.erase()


def apply_patterns(block: ir.Block, patterns: Mapping[str, Sequence[Pattern]]) -> bool:
    """Applies patterns, listed by op name without `ty.`, over a block until nothing matches.

    True where something changed.
    """
    changed = False
    while _sweep(block, patterns):
        changed = True
    return changed


def _sweep(block: ir.Block, patterns: Mapping[str, Sequence[Pattern]]) -> bool:
    changed = False
    for op in list(block.operations):
        operation = op.operation
        if not operation.name.startswith("ty."):
            continue
        for pattern in patterns.get(operation.name[3:], ()):
            with ir.InsertionPoint(operation), operation.location:
                result = pattern(view(operation))
            if result is not None:
                many = isinstance(result, (list, tuple))
                replace(operation, list(result) if many else [result])
                changed = True
                break
    return changed


def erase_dead(program: Program) -> int:
    """Erases operations of main without uses, last first; the number erased.

    Parameters that are no longer named leave the program too.
    """
    erased = 0
    names = set()
    for operation in reversed(list(program.operations())):
        if not any(True for r in operation.results for _ in r.uses):
            operation.erase()
            erased += 1
        elif operation.name == "ty.parameter":
            names.add(ir.StringAttr(operation.attributes["name"]).value)
    for name in set(program.parameters) - names:
        del program.parameters[name]
    return erased
