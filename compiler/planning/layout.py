"""Which of two layouts each op of a graph computes in, so that all takes least time.

    cost(labels) = sum over ops      of costs[label]
                 + sum over tensors  of each form that is read and not made: a relayout, done once

An op with label 0 reads and gives its tensors as they are written in the program, with label 1 in
another order. What is fixed (inputs, outputs, ops that have one layout) has no number: its label is
0. The choice is exact, except where the relayouts of a cycle contradict each other (`energy.py`):
on chains and trees they never do, elsewhere where a third form that several ops read costs more
from one layout than from the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tyc.compiler.planning.energy import Energy

Form = tuple[int, ...]
"""The dimensions of a tensor in the order that they have in memory."""


@dataclass(frozen=True)
class Read:
    """An op reads a tensor: the form that it wants with label 0 and 1; `None` takes any."""

    op: int | None
    forms: tuple[Form | None, Form | None]


@dataclass(frozen=True)
class Tensor:
    """A tensor: the op that makes it, its form with label 0 and 1, who reads it, and what it costs
    to make one form from another (not listed: nothing)."""

    op: int | None
    forms: tuple[Form, Form]
    reads: Sequence[Read]
    costs: Mapping[tuple[Form, Form], int]

    def relayout(self, label: int, form: Form | None) -> int:
        """What it costs to have the tensor in a form as well."""
        return 0 if form is None else self.costs.get((self.forms[label], form), 0)

    def cost(self, labels: Mapping[int, int]) -> int:
        """The relayouts of a choice."""
        made = 0 if self.op is None else labels[self.op]
        return sum(
            self.relayout(made, form)
            for form, reads in self.wanted.items()
            if any(label == (0 if op is None else labels[op]) for op, label in reads)
        )

    @property
    def ops(self) -> list[int]:
        """The ops whose labels matter."""
        found = [self.op, *(read.op for read in self.reads)]
        return [op for op in dict.fromkeys(found) if op is not None]

    @cached_property
    def wanted(self) -> dict[Form, list[tuple[int | None, int]]]:
        """The reads by form: (op, label); an op that is fixed has label 0 alone."""
        found: dict[Form, list[tuple[int | None, int]]] = {}
        for read in self.reads:
            for label, form in enumerate(read.forms[:1] if read.op is None else read.forms):
                if form is not None:
                    found.setdefault(form, []).append((read.op, label))
        return found


@dataclass
class Graph:
    """Ops by number, each with its cost of label 0 and 1, and the tensors between them."""

    ops: list[tuple[int, int]] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)

    def cost(self, labels: Sequence[int]) -> int:
        """What a choice costs, by its definition."""
        total = sum(costs[label] for costs, label in zip(self.ops, labels, strict=True))
        numbered = dict(enumerate(labels))
        return total + sum(tensor.cost(numbered) for tensor in self.tensors)


def choose(graph: Graph) -> list[int]:
    """The label of each op."""
    energy = Energy()
    for zero, one in graph.ops:
        energy.add_node(zero, one)
    # More than any choice costs.
    never = 1 + sum(zero + one for zero, one in graph.ops)
    never += sum(2 * sum(t.costs.values()) for t in graph.tensors)
    for tensor in graph.tensors:
        if _add_small(energy, tensor):
            continue
        for form, reads in tensor.wanted.items():
            costs = (tensor.relayout(0, form), tensor.relayout(1, form))
            if any(costs):
                _add_form(energy, tensor.op, costs, reads, never)
    return energy.minimize()[: len(graph.ops)]


def _add_small(energy: Energy, tensor: Tensor) -> bool:
    """A tensor of up to three ops as pairs of them; false where no pairs say the same.

    Of three they do where both relayouts cost the same: the product of all three labels has the
    factor 0.
    """
    ops = tensor.ops
    if len(ops) > 3:
        return False
    nothing = dict.fromkeys(ops, 0)
    base = tensor.cost(nothing)
    alone = {op: tensor.cost({**nothing, op: 1}) - base for op in ops}
    together = {
        (i, j): tensor.cost({**nothing, i: 1, j: 1}) - alone[i] - alone[j] - base
        for i, j in itertools.combinations(ops, 2)
    }
    all_ones = base + sum(alone.values()) + sum(together.values())
    if len(ops) == 3 and tensor.cost(dict.fromkeys(ops, 1)) != all_ones:
        return False
    for op, cost in alone.items():
        energy.add(op, 0, cost)
    for (i, j), cost in together.items():
        if cost:
            energy.add_pair(i, j, (0, 0, 0, cost))
    return True


def _add_form(
    energy: Energy,
    maker: int | None,
    costs: tuple[int, int],
    reads: Sequence[tuple[int | None, int]],
    never: int,
) -> None:
    """What a form of a tensor costs: `costs` by the maker's label, once if any reader wants it."""
    if any(op is None or (op, 1 - label) in reads for op, label in reads):
        # Always wanted.
        if maker is not None:
            energy.add(maker, *costs)
        return
    # A node of its own: 1 where the form is made, as it must be for each that wants it.
    form = energy.add_node(0, 0 if maker is not None else costs[0])
    if maker is not None:
        energy.add_pair(maker, form, (0, costs[0], 0, costs[1]))
    for op, label in reads:
        assert op is not None
        energy.add_pair(op, form, (never, 0, 0, 0) if label == 0 else (0, 0, never, 0))
