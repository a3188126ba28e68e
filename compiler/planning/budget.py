"""Fits a graph into a number of bytes: by another order, then by running kernels again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tyc.compiler.planning.graph import Facts, Graph
from tyc.compiler.planning.offsets import Layout, lay_out
from tyc.compiler.planning.order import find_order, updates_last
from tyc.compiler.planning.rematerialize import Rematerializer
from tyc.compiler.planning.replay import Replay
from tyc.compiler.planning.sequence import Expanded, Sequences

AUTO = "auto"
"""The budget at the knee: where one more percent of bytes less begins to cost the most."""

Budget = int | float | str | None
"""Bytes, the share of what is needed without a budget, `"auto"`, or none."""

_TRIES, _MOST_REORDERED, _SPARE = 4, 600, 500

_LADDER = (0.8, 0.65, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15)


@dataclass(frozen=True)
class Fitted:
    """The graph in the order it runs, where its values lie, a bound of any order's peak, and what
    the runs beyond the first of each kernel cost."""

    expanded: Expanded
    layout: Layout
    bound: int = 0
    extra: float = 0.0

    @property
    def arena_bytes(self) -> int:
        """The bytes that it needs."""
        return self.layout.arena_bytes

    def profile(self) -> list[int]:
        """The bytes that live while each kernel runs."""
        facts, done, live, found = Facts(self.expanded.graph), 0, 0, []
        for k in range(facts.count):
            now, live = facts.step(done, live, k)
            done |= 1 << k
            found.append(now)
        return found


class Placer:
    """Plans of one graph at any budget; what one of them finds serves the ones after it."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self._sequences = graph, Sequences(graph)
        order = find_order(graph)
        self.order = updates_last(graph, order.kernels)
        given = list(range(len(graph.kernels)))
        self.free = self._fitted(self.order, order.bound)
        if self.order != given and self.free.arena_bytes > order.peak:
            self.free = min(self.free, self._fitted(given, order.bound), key=_bytes)
        self.found = [self.free]
        self._lowest: Fitted | None = None
        self._rematerializer: Rematerializer | None = None

    def place(self, budget: int) -> Fitted:
        """The cheapest plan found within the budget; where there is none, the smallest of those of
        budget 0, which is found for its own bytes as well."""
        if self.free.arena_bytes <= budget:
            return self.free
        self._search(budget)
        return self.within(budget) or self._least()

    def _least(self) -> Fitted:
        """The smallest plan of budget 0: not that of another one, by whose search alone it may have
        been found."""
        if self._lowest is None:
            # One of its own, that has seen no other budget.
            replay = Rematerializer(self.graph, self.order).plan(0)
            self._lowest = min(self.free, self._replayed(replay), key=_bytes)
            self.found.append(self._lowest)
        return self._lowest

    def smallest(self) -> Fitted:
        """The plan with the smallest arena of those found."""
        return min(self.found, key=_bytes)

    def bytes_of(self, budget: int | float | str) -> int:
        """A budget in bytes."""
        if isinstance(budget, str):
            return self.knee().arena_bytes
        return int(self.free.arena_bytes * budget) if isinstance(budget, float) else budget

    def knee(self) -> Fitted:
        """Of plans down to the smallest the one farthest below the line from the first to the last,
        bytes against cost."""
        for share in _LADDER:
            if self.place(int(self.free.arena_bytes * share)).arena_bytes > (
                self.free.arena_bytes * share
            ):
                break
        plans = sorted(self.found, key=_bytes)
        whole = sum(kernel.cost for kernel in self.graph.kernels) or 1.0
        most = self.free.arena_bytes or 1
        # A step of one percent more bytes is worth as much as one of half a percent more work.
        return min(plans, key=lambda f: f.arena_bytes / most + 2 * f.extra / whole)

    def within(self, budget: int) -> Fitted | None:
        """The cheapest of the plans found that fit a budget."""
        fits = [f for f in self.found if f.arena_bytes <= budget]
        return min(fits, key=lambda f: (f.extra, f.arena_bytes), default=None)

    def _search(self, budget: int) -> None:
        """Adds a plan within the budget, or the lowest one."""
        if self._rematerializer is None:
            self._rematerializer = Rematerializer(self.graph, self.order)
        target, replay = budget, self._rematerializer.plan(budget)
        for _ in range(_TRIES):
            fitted = self._replayed(replay)
            self.found.append(fitted)
            if fitted.arena_bytes <= budget or replay.peak > target:
                break
            target -= fitted.arena_bytes - budget + budget // _SPARE  # what the packing lost
            replay = self._rematerializer.tighten(target)

    def _replayed(self, replay: Replay) -> Fitted:
        fitted = self._fitted(replay.kernels, extra=replay.extra)
        if len(replay.kernels) > _MOST_REORDERED:
            return fitted
        order = find_order(fitted.expanded.graph)
        if order.peak >= fitted.layout.peak:
            return fitted
        other = [replay.kernels[i] for i in order.kernels]
        return min(fitted, self._fitted(other, extra=replay.extra), key=_bytes)

    def _fitted(self, kernels: Sequence[int], bound: int = 0, extra: float = 0.0) -> Fitted:
        expanded = self._sequences.expand(kernels)
        layout = lay_out(expanded.graph, range(len(kernels)))
        return Fitted(expanded, layout, bound, extra)


def place(graph: Graph, budget: Budget = None) -> Fitted:
    """The plan with the smallest arena; within the budget by running kernels again if it must.

    Where nothing fits the budget, the smallest arena that was found. `"auto"` is the knee, a float
    the share of what is needed without a budget.
    """
    placer = Placer(graph)
    if budget is None:
        return placer.free
    return placer.knee() if budget == AUTO else placer.place(placer.bytes_of(budget))


def _bytes(fitted: Fitted) -> int:
    return fitted.arena_bytes


def own_bytes(facts: Facts, k: int) -> int:
    """The bytes of what kernel k reads and writes: no order and no repetition makes it less."""
    taken = facts.takeovers(k, -1)
    return sum(facts.size[s] for s in facts.touched[k]) - sum(facts.size[b] for b in taken)
