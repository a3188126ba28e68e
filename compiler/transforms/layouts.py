"""Values kept with their dimensions in another order: the bookkeeping of `channels_last`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlir import ir

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


def is_natural(order: Order) -> bool:
    """True where the dimensions are in their own order."""
    return order == natural_order(len(order))


def swapped_order(rank: int) -> Order:
    """The order of matrices kept the other way round."""
    return (*range(rank - 2), rank - 1, rank - 2)


@dataclass(frozen=True)
class Stored:
    """A value kept as `value = transpose(natural, perm=order)`."""

    value: ir.Value
    order: Order


class Layouts:
    """Which values are kept in another order; other forms are made where they are asked for."""

    def __init__(self) -> None:
        self._stored: dict[ir.Value, Stored] = {}
        self._made: dict[tuple[ir.Value, Order], ir.Value] = {}

    def __contains__(self, value: ir.Value) -> bool:
        return value in self._stored

    def keep(self, value: ir.Value, stored: Stored) -> None:
        """From now on the value is what is stored."""
        if is_natural(stored.order):
            value.replace_all_uses_with(stored.value)
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
