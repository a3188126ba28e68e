"""Values kept with their dimensions in another order: the bookkeeping of `channels_last`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlir import ir

from tyc.compiler.transforms.constants import is_known
from tyc.dialects import building, ty

Order = tuple[int, ...]


def channels_last_order(rank: int) -> Order:
    """The dimensions of NCX in the order of NXC."""
    return (0, *range(2, rank), 1)


def natural_order(rank: int) -> Order:
    """The dimensions as they are."""
    return tuple(range(rank))


def permuted(items: Sequence[Any], order: Order) -> list[Any]:
    """`items`, one a dimension, in another order."""
    return [items[d] for d in order]


@dataclass(frozen=True)
class Stored:
    """A value kept as `value = transpose(natural, perm=order)`."""

    value: ir.Value
    order: Order

    def axis(self, axis: int) -> int:
        """Where a dimension of the natural value is kept."""
        return self.order.index(axis % len(self.order))

    @property
    def is_natural(self) -> bool:
        """True where the dimensions are in their own order."""
        return self.order == natural_order(len(self.order))


class Layouts:
    """Which values are kept in another order; natural forms are made where they are asked for.

    `wanted` holds the values that a convolution or pooling reads, directly or through ops that have
    no order of their own.
    """

    def __init__(self, wanted: set[ir.Value]) -> None:
        self.wanted = wanted
        self._stored: dict[ir.Value, Stored] = {}
        self._made: dict[tuple[ir.Value, Order], ir.Value] = {}

    def __contains__(self, value: ir.Value) -> bool:
        return value in self._stored

    def keep(self, value: ir.Value, stored: Stored) -> None:
        """From now on the value is what is stored."""
        if stored.is_natural:
            value.replace_all_uses_with(stored.value)
            if value in self.wanted:
                self.wanted.add(stored.value)
        else:
            self._stored[value] = stored

    def get(self, value: ir.Value) -> Stored:
        """How a value is kept."""
        found = self._stored.get(value)
        return found or Stored(value, natural_order(building.type_of(value).rank))

    def in_order(self, value: ir.Value, order: Order) -> ir.Value:
        """The value with its dimensions in `order`, transposed at most once."""
        stored = self.get(value)
        if stored.order == order:
            return stored.value
        key = (value, order)
        if key not in self._made:
            perm = [stored.order.index(d) for d in order]
            self._made[key] = ty.transpose(stored.value, perm=perm)
        return self._made[key]

    def natural(self, value: ir.Value) -> ir.Value:
        """The value with its dimensions in their own order."""
        return self.in_order(value, natural_order(building.type_of(value).rank))

    def naturals(self, operands: Sequence[Any]) -> list[Any]:
        """Operands by field (a value, a list or `None`) in their natural forms."""
        return [
            None if o is None else [self.natural(v) for v in o] if isinstance(o, list)
            else self.natural(o)
            for o in operands
        ]  # fmt: skip

    def cost(self, value: ir.Value, order: Order) -> int:
        """The bytes that `in_order` moves at run time."""
        stored = self.get(value)
        if stored.order == order or (value, order) in self._made or is_known(value):
            return 0
        shape = building.type_of(value).shape
        before, after = ([d for d in o if shape[d] != 1] for o in (stored.order, order))
        return 0 if before == after else building.type_of(value).nbytes

    def cheapest(self, values: Sequence[ir.Value], result: ir.Value) -> Order | None:
        """The order in which an op of equal ranks costs least; `None` for the natural one."""
        rank = building.type_of(result).rank
        orders = {self.get(v).order: None for v in values if v in self}
        found = {o: sum(self.cost(v, o) for v in values) for o in orders if len(o) == rank}
        if not found:
            return None
        best = min(found, key=lambda o: found[o])
        natural = sum(self.cost(v, natural_order(rank)) for v in values)
        if result in self.wanted and best == channels_last_order(rank):
            natural += building.type_of(result).nbytes
        return best if found[best] <= natural else None


def matching_groups(
    source: Sequence[int], target: Sequence[int]
) -> list[tuple[list[int], list[int]]] | None:
    """The dimensions larger than 1 of two shapes in the smallest groups of equal sizes, in order.

    `None` for tensors without elements.
    """
    if 0 in source:
        return None
    left = [d for d, n in enumerate(source) if n != 1]
    right = [d for d, n in enumerate(target) if n != 1]
    groups: list[tuple[list[int], list[int]]] = []
    while left:
        a, b = [left.pop(0)], [right.pop(0)]
        while (m := math.prod(source[d] for d in a)) != (n := math.prod(target[d] for d in b)):
            if m < n:
                a.append(left.pop(0))
            else:
                b.append(right.pop(0))
        groups.append((a, b))
    return groups
