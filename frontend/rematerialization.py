"""Values that can be computed again: which op made them, what it costs, which are missing.

x (leaf) -- matmul --> a (held) -- tanh --> b (gone) -- exp --> c (wanted)
absent_makers([c])  ->  [tanh, exp], reading a
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tyc import dispatch
from tyc.dialects.ods import Op
from tyc.state import STATE


class Group:
    """Neighbours that are gone, as one set of a union-find; `cost` is what they cost together."""

    def __init__(self, cost: float) -> None:
        self.cost = cost
        self.parent: Group | None = None

    def root(self) -> Group:
        """The group that this one belongs to by now."""
        found = self
        while found.parent is not None:
            if found.parent.parent is not None:
                found.parent = found.parent.parent
            found = found.parent
        return found


class Value:
    """One array of the forward pass: `held` by a tape, `seen` while anyone has it, or gone.

    A leaf has no maker and is always held.
    """

    __slots__ = ("__weakref__", "group", "held", "keepers", "maker", "nbytes", "seen", "used",
                 "users", "watch")  # fmt: skip

    def __init__(self, array: np.ndarray, maker: Maker | None, now: int) -> None:
        self.maker, self.nbytes, self.used = maker, array.nbytes, now
        self.held: np.ndarray | None = None
        self.seen: weakref.ref | None = None
        self.watch: Any = None
        self.keepers = 0
        self.group: Group | None = None
        self.users: list[weakref.ref[Maker]] = []

    def array(self) -> np.ndarray | None:
        """The array, if anyone has it."""
        if self.held is not None:
            return self.held
        return self.seen() if self.seen is not None else None


class Maker:
    """One op that ran: what it read, each value with the shape that the op saw, and where."""

    def __init__(
        self, op: type[Op], operands: list[Any], attributes: dict[str, Any], exact: bool, place: str
    ) -> None:
        self.op, self.operands, self.attributes = op, operands, attributes
        self.exact, self.place = exact, place
        pairs = [p for g in operands for p in (g if isinstance(g, list) else [g]) if p is not None]
        self.values = list(dict.fromkeys(v for v, _ in pairs))
        self.results: list[weakref.ref[Value]] = []
        self.result_bytes = 0
        self._sizes = [v.nbytes for v, _ in pairs]

    def add(self, index: int, value: Value) -> None:
        """Notes the next result."""
        assert index == len(self.results)
        self.results.append(weakref.ref(value))
        self.result_bytes += value.nbytes

    def tell_operands(self) -> None:
        """Lets the operands know who reads them."""
        for value in self.values:
            if value.maker is not None:
                value.users.append(weakref.ref(self))

    @property
    def cost(self) -> float:
        """About the nanoseconds of a run: bytes at 10 GB/s, and for products `M*N*K`, the root of
        the three sizes' product, at 10 multiplications a nanosecond."""
        cost = 10.0 + (sum(self._sizes) + self.result_bytes) / 10
        if self.op.__module__.endswith("contraction") and len(self._sizes) > 1:
            sizes = [self._sizes[0], self._sizes[1], self.result_bytes]
            cost += math.sqrt(math.prod(n / 4 for n in sizes)) / 10
        return cost

    def least_bytes(self) -> int:
        """What must be there at once for a run: operands that ops made, and results."""
        return self.result_bytes + sum(v.nbytes for v in self.values if v.maker is not None)

    def run(self, arrays: dict[Value, np.ndarray]) -> Iterator[tuple[Value, np.ndarray]]:
        """The results again, those that anyone still knows."""
        operands = [_read(o, arrays) for o in self.operands]
        before, STATE.exact = STATE.exact, self.exact
        try:
            made = dispatch.kernel(self.op, operands, self.attributes)
        finally:
            STATE.exact = before
        for reference, array in zip(self.results, made):
            value = reference()
            if value is not None:
                yield value, np.asarray(array)


def _read(operand: Any, arrays: dict[Value, np.ndarray]) -> Any:
    if isinstance(operand, list):
        return [_read(o, arrays) for o in operand]
    return None if operand is None else arrays[operand[0]].reshape(operand[1])


def absent_makers(
    targets: Iterable[Value],
) -> tuple[list[Maker], dict[Value, np.ndarray], Counter[Value]]:
    """The ops to run, in order, for targets to be there; the arrays that they start from; how
    often each value is read, a target once more."""
    needs, arrays = Counter(dict.fromkeys(targets, 1)), {}
    makers: dict[Maker, None] = {}
    started: set[Maker] = set()
    stack: list[Value | Maker] = list(needs)
    while stack:
        item = stack.pop()
        if isinstance(item, Maker):
            makers[item] = None
            continue
        array = item.array()
        if array is not None:
            arrays[item] = array
            continue
        maker = item.maker
        assert maker is not None
        if maker not in started:
            started.add(maker)
            needs.update(maker.values)
            stack += [maker, *reversed(maker.values)]
    return list(makers), arrays, needs


def score(value: Value, now: int) -> float:
    """Cost by bytes and staleness: the least is the best to drop."""
    assert value.maker is not None
    cost = value.maker.cost + sum(g.cost for g in {n.group.root() for n in _gone_beside(value)})
    return cost / (max(value.nbytes, 1) * (now - value.used + 1))


def _gone_beside(value: Value) -> list[Any]:
    """Operands and readers' results that are gone."""
    assert value.maker is not None
    users = [m for r in value.users if (m := r()) is not None]
    beside = [*value.maker.values, *(v for m in users for r in m.results if (v := r()))]
    return [v for v in beside if v.group is not None]


def gone(value: Value) -> None:
    """Its array is no more: joins the neighbours that are gone."""
    if value.maker is None or value.group is not None:
        return
    value.group = Group(value.maker.cost)
    for other in _gone_beside(value):
        root, mine = other.group.root(), value.group.root()
        if root is not mine:
            root.cost += mine.cost
            mine.parent = root


def here_again(value: Value) -> None:
    """It was computed again."""
    if value.group is not None and value.maker is not None:
        value.group.root().cost -= value.maker.cost
        value.group = None
