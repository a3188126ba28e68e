"""Applies patterns to a program until none matches, looking again only where something changed.

A pattern is a function of a view and a `Context`: it returns the replacement (a value, or a list
for several results), or `None` where it does not match. It builds new ops right before the op.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.rewriting import users
from tyc.compiler.transforms.constants import Context, owner_of
from tyc.dialects import building
from tyc.dialects.program import Program
from tyc.runtime.errors import InternalError

Pattern = Callable[[Any, Context], Any]
Table = Mapping[str, Sequence[Pattern]]


def merged(*tables: Table) -> dict[str, tuple[Pattern, ...]]:
    """One table of patterns by op name from several; earlier ones are tried first."""
    result: dict[str, tuple[Pattern, ...]] = {}
    for table in tables:
        for name, patterns in table.items():
            result[name] = (*result.get(name, ()), *patterns)
    return result


def rewrite(program: Program, options: Options, patterns: Table) -> bool:
    """Applies patterns, listed by op name without `ty.`, to a fixpoint; true where one matched or
    dead code went."""
    return _Worklist(program, options, patterns).run()


class _Worklist:
    """Operations by number: an erased operation may not even be hashed, a number always can.

    The hash of an operation is that of its attributes and operands, and changes with them; the hash
    of a value stays. So the first result stands for an operation.
    """

    def __init__(self, program: Program, options: Options, patterns: Table) -> None:
        self.context = Context(program, options)
        self.patterns = patterns
        self.number: dict[ir.Value, int] = {}
        self.alive: dict[int, ir.Operation] = {}
        self.queue: deque[int] = deque()
        self.queued: set[int] = set()
        self.count = 0
        for operation in program.operations():
            self._add(operation)
        self.erased = False
        self.limit = 50 * self.count + 1000

    def run(self) -> bool:
        """Visits operations until the queue is empty; true where an operation went."""
        matches = 0
        while self.queue:
            number = self.queue.popleft()
            self.queued.discard(number)
            operation = self.alive.get(number)
            if operation is None or operation.name[3:] not in self.patterns:
                continue
            name = operation.name
            matches += self._visit(operation)
            if matches > self.limit:
                raise InternalError(f"patterns do not settle: {matches} rewrites, now at {name}")
        return self.erased

    def _visit(self, operation: ir.Operation) -> bool:
        if _is_dead(operation):
            self._erase(operation)
            return False
        op = building.view(operation)
        with ir.InsertionPoint(operation), operation.location:
            for pattern in self.patterns[op.NAME]:
                result = pattern(op, self.context)
                if result is not None:
                    many = isinstance(result, (list, tuple))
                    self._replace(operation, list(result) if many else [result])
                    return True
        return False

    def _replace(self, operation: ir.Operation, values: list[ir.Value]) -> None:
        for old, new in zip(operation.results, values):
            old.replace_all_uses_with(new)
        for value in values:
            self._discover(value)
            for user in users(value):
                self._push(user)
        self._erase(operation)

    def _discover(self, value: ir.Value) -> None:
        """Queues the operations that a pattern made, operands first."""
        owner = owner_of(value)
        if owner is None:
            return
        if owner.results[0] in self.number:
            self._push(owner)
            return
        for operand in owner.operands:
            self._discover(operand)
        self._add(owner)

    def _add(self, operation: ir.Operation) -> None:
        self.number[operation.results[0]] = self.count
        self.alive[self.count] = operation
        self.count += 1
        self._push(operation)

    def _push(self, operation: ir.Operation) -> None:
        number = self.number.get(operation.results[0]) if len(operation.results) else None
        if number is not None and number not in self.queued:
            self.queued.add(number)
            self.queue.append(number)

    def _erase(self, operation: ir.Operation) -> None:
        """Erases an operation, and then the makers of its operands that nobody reads any more."""
        self.erased = True
        pending = [operation]
        while pending:
            dead = pending.pop()
            owners = {o.results[0]: o for v in dead.operands if (o := owner_of(v)) is not None}
            number = self.number.pop(dead.results[0], None)
            if number is not None:
                del self.alive[number]
            dead.erase()
            for owner in owners.values():
                if _is_dead(owner):
                    pending.append(owner)
                else:
                    self._push(owner)


def _is_dead(operation: ir.Operation) -> bool:
    if not operation.name.startswith("ty."):
        return False
    return not any(True for r in operation.results for _ in r.uses)
