"""A program as the graph of `planning/layout.py`: which ops could turn, and what relayouts cost.

    %t = "ty.transpose"(%x) {perm = [0, 3, 1, 2]}    the tensor of %t is that of %x: %t natural is
    %y = "ty.conv"(%t, %w)                           %x in order (0, 3, 1, 2), %t as NXC is %x

A transpose is no op here: it says in which order the tensor of its operand is read. Orders begin at
convolutions and poolings, which could be NXC, and spread to what they feed, then to what feeds
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlir import ir

from tyc.compiler.planning import layout
from tyc.compiler.targets import Target
from tyc.compiler.transforms.constants import has_one_use, is_known, owner_of
from tyc.compiler.transforms.fuse import takes_transposed
from tyc.compiler.transforms.layout_costs import costs_of, relayout
from tyc.compiler.transforms.layout_rules import WINDOWS, Rule, Turn, rule_of
from tyc.compiler.transforms.layouts import (
    Order,
    channels_last_order,
    is_natural,
    natural_order,
    permuted,
    swapped_order,
)
from tyc.dialects import building
from tyc.dialects.program import Program

# More than any layout gains, in nanoseconds: indices count elements, and cannot be laid out again.
_NEVER = 1e12
_PICOSECONDS = 1000
_type = building.type_of


def rule_for(name: str) -> Rule | None:
    """The rule of an op by which it could turn."""
    return WINDOWS.get(name) or rule_of(name)


class LayoutGraph:
    """`turns` has for each op that could turn, by its first result, how it would."""

    def __init__(self, program: Program, target: Target) -> None:
        self.target = target
        self.operations = [o for o in program.operations() if o.name.startswith("ty.")]
        self.terminator = program.terminator
        self.turns: dict[ir.Value, Turn] = {}
        self._views: dict[ir.Value, Any] = {}
        # What a value is a transpose of, and its order; the order that a tensor could have.
        self._roots: dict[ir.Value, tuple[ir.Value, Order]] = {}
        self._orders: dict[ir.Value, Order] = {}
        self._forward()
        if self.turns:
            self._backward()
            self._forward()

    def choose(self) -> set[ir.Value]:
        """The first results of the ops that turn."""
        if not self.turns:
            return set()
        labels = layout.choose(self.graph())
        return {value for value, label in zip(self.turns, labels) if label}

    def graph(self) -> layout.Graph:
        """The ops that could turn, in the order of `turns`, and the tensors that they touch."""
        numbers = {value: i for i, value in enumerate(self.turns)}
        reads: dict[ir.Value, list[layout.Read]] = {}
        for operation in self.operations:
            if operation.name != "ty.transpose":
                self._add_reads(operation, numbers, reads)
        for value in self.terminator.operands:
            self._read(value, None, None, reads)
        tensors = [self._tensor(root, found, numbers) for root, found in reads.items()]
        costs = (costs_of(self._view(v), self.target) for v in self.turns)
        return layout.Graph(
            [(_whole(a), _whole(b)) for a, b in costs], [t for t in tensors if t is not None]
        )

    def _view(self, result: ir.Value) -> Any:
        if result not in self._views:
            self._views[result] = building.view(result.owner)
        return self._views[result]

    def _root(self, value: ir.Value) -> tuple[ir.Value, Order]:
        found = self._roots.get(value)
        return found or (value, natural_order(_type(value).rank))

    def _order(self, value: ir.Value) -> Order:
        """The order in which a value could be had, beside the natural one."""
        root, perm = self._root(value)
        found = [natural_order(len(perm))]
        if root in self._orders:
            found.insert(0, self._orders[root])
        orders = [tuple(perm.index(d) for d in order) for order in found]
        last = channels_last_order(len(perm)) if len(perm) > 2 else None
        return last if last in orders else orders[0]

    def _forward(self) -> None:
        for operation in self.operations:
            result = operation.results[0]
            if operation.name == "ty.transpose":
                root, perm = self._root(operation.operands[0])
                self._roots[result] = (root, tuple(permuted(perm, self._view(result).perm)))
                continue
            if result in self.turns:
                continue
            window = operation.name[3:] in WINDOWS
            if window or any(self._may_turn(v) for v in operation.operands):
                self._turn(operation, [self._order(v) for v in operation.operands])

    def _may_turn(self, value: ir.Value) -> bool:
        return not is_known(value) and not is_natural(self._order(value))

    def _turn(self, operation: ir.Operation, orders: Sequence[Order]) -> Turn | None:
        """Notes how an op turns where its operands could be had in these orders."""
        result = operation.results[0]
        rule = rule_for(operation.name[3:])
        turn = None if rule is None else rule.turn(self._view(result), orders)
        if turn is None or all(map(is_natural, (*turn.operands, *turn.results))):
            return None
        self.turns[result] = turn
        for value, order in zip(operation.results, turn.results):
            self._orders[value] = order
        return turn

    def _backward(self) -> None:
        """What feeds an op that could turn could turn too."""
        wanted: dict[ir.Value, Order] = {}
        for operation in reversed(self.operations):
            if operation.name == "ty.transpose":
                continue
            result = operation.results[0]
            turn = self.turns.get(result)
            order = wanted.get(result)
            if turn is None and order is not None:
                orders = [order if _type(v).rank == len(order) else natural_order(_type(v).rank)
                          for v in operation.operands]  # fmt: skip
                turn = self._turn(operation, orders)
            if turn is not None:
                for value, read in zip(operation.operands, turn.operands):
                    root, perm = self._root(value)
                    if not is_natural(read):
                        wanted.setdefault(root, tuple(permuted(perm, read)))

    def _add_reads(
        self,
        operation: ir.Operation,
        numbers: dict[ir.Value, int],
        reads: dict[ir.Value, list[layout.Read]],
    ) -> None:
        result = operation.results[0]
        turn = self.turns.get(result)
        for i, value in enumerate(operation.operands):
            if is_known(value) or (operation.name == "ty.matmul" and self._reads_by_flag(value)):
                continue
            order = None if turn is None else turn.operands[i]
            free = (
                i == 0 and order is not None and operation.name == "ty.conv" and has_one_use(value)
                and takes_transposed(self._view(result))
            )  # fmt: skip
            self._read(value, numbers.get(result), order, reads, free)

    def _reads_by_flag(self, value: ir.Value) -> bool:
        root, perm = self._root(value)
        orders = [natural_order(len(perm)), self._orders.get(root, perm)]
        free = (natural_order(len(perm)), swapped_order(len(perm)))
        return all(tuple(perm.index(d) for d in order) in free for order in orders)

    def _read(
        self,
        value: ir.Value,
        op: int | None,
        order: Order | None,
        reads: dict[ir.Value, list[layout.Read]],
        free: bool = False,
    ) -> None:
        root, perm = self._root(value)
        turned = None if free else perm if order is None else tuple(permuted(perm, order))
        reads.setdefault(root, []).append(layout.Read(op, (perm, turned)))

    def _tensor(
        self, root: ir.Value, reads: list[layout.Read], numbers: dict[ir.Value, int]
    ) -> layout.Tensor | None:
        """The tensor that a value and its transposes are; `None` where all are in one order."""
        t = _type(root)
        owner = owner_of(root)
        op = None if owner is None or not len(owner.results) else numbers.get(owner.results[0])
        natural = natural_order(t.rank)
        forms = (natural, natural if op is None else self._orders.get(root, natural))
        wanted = {form for read in reads for form in read.forms if form is not None}
        if wanted <= {natural} and forms[1] == natural:
            return None
        fixed = owner is not None and owner.name == "ty.max_pool_indices" and t.dtype.is_integer
        costs = {
            (made, form): _whole(
                _NEVER if fixed else relayout(t, made, form, self.target)
            )
            for made in set(forms) for form in wanted if made != form
        }  # fmt: skip
        return layout.Tensor(op, forms, reads, costs)


def _whole(nanoseconds: float) -> int:
    return round(nanoseconds * _PICOSECONDS)
