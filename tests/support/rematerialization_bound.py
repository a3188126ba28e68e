"""What repetition costs at least: an integer programme over some turns of an order.

The way between the first runs of some chosen kernels (slices) is taken as a whole. For each slice
and storage a column says whether it lives while the slice's kernel runs (S), for each stretch
before a slice and kernel whether it runs again there (R), for each slice and kernel whether it runs
again anywhere behind it (Y):

    S[g, s] <= S[g - 1, s] + R[g, maker of s]         + 1 where its first run is in stretch g
    R[g, k] <= S[g - 1, s] + R[g, maker of s]  for each s that k reads; for first runs 1 <= ...
    sum size * S[g, s] <= budget + what the slice's kernel may take over in place
    S[g, s] + Y[g, maker of s] >= 1  where s is read behind the slice by a first run
    Y[g, k] <= S[g, s] + Y[g, maker of s]  for each s that k reads
    Y[g, k] <= sum over h > g of R[h, k]

Every plan whose first runs are in this order satisfies these rows, so the least sum of cost * R is
a bound: the programme of Checkmate (Jain 2020) with the turns between slices joined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from kernel_sequences import Course, matching


class Slices:
    """The programme of an order at some of its turns."""

    def __init__(self, course: Course, order: Sequence[int], turns: Sequence[int]) -> None:
        self.course, self.order, self.turns = course, list(order), sorted({*turns, len(order) - 1})
        place = {k: i for i, k in enumerate(order)}
        self.maker = {s: place[k] for s, k in course.made_by.items()}
        self.last_maker = dict(self.maker)
        self.readers: dict[int, list[int]] = {s: [] for s in self.maker}
        for i, k in enumerate(order):
            for s in course.reads[k]:
                self.readers[s].append(i)
            for s in course.writes[k]:
                self.last_maker[s] = max(self.last_maker[s], i)
        self.columns: dict[tuple[str, int, int], int] = {}
        self.costs: dict[int, float] = {}
        self.entries: list[tuple[int, int, float]] = []
        self.limits: list[float] = []
        self.budgets: list[tuple[int, float]] = []
        self.low: dict[int, float] = {}
        start = 0
        kept: set[int] = set()
        for g, turn in enumerate(self.turns):
            kept = self._stretch(g, start, turn, kept)
            start = turn + 1

        for g, turn in enumerate(self.turns[:-1]):
            self._behind(g, turn)

    def least_extra(self, budget: int, seconds: float) -> float:
        """The least cost of what runs again within the budget, or after some seconds of the solver
        a bound of it; infinity where nothing fits."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_matrix

        limits = np.asarray(self.limits)
        for row, more in self.budgets:
            limits[row] = (budget + more) / self._unit
        i, j, factors = zip(*self.entries)
        matrix = coo_matrix((factors, (i, j)), shape=(len(limits), len(self.columns))).tocsr()
        whole = sum(self.course.cost) or 1.0
        costs, low = np.zeros(len(self.columns)), np.zeros(len(self.columns))
        for column, cost in self.costs.items():
            costs[column] = cost / whole
        for column, least in self.low.items():
            low[column] = least
        found = milp(
            costs,
            constraints=LinearConstraint(matrix, -np.inf, limits),
            integrality=np.ones(len(low)),
            bounds=Bounds(low, 1.0),
            options={"time_limit": seconds, "mip_rel_gap": 1e-3},
        )
        if found.status == _INFEASIBLE:
            return float("inf")
        return max(found.mip_dual_bound or 0.0, 0.0) * whole

    _unit = float(1 << 20)

    def _column(self, kind: str, g: int, n: int) -> int:
        return self.columns.setdefault((kind, g, n), len(self.columns))

    def _row(self, limit: float, *terms: tuple[int, float]) -> None:
        self.entries += [(len(self.limits), column, factor) for column, factor in terms]
        self.limits.append(limit)

    def _useful(self, after: int) -> tuple[set[int], set[int]]:
        """Kernels up to a position that may run again behind it, storages that may be kept."""
        kernels: set[int] = set()
        storages: set[int] = set()
        for i in reversed(range(after)):
            k = self.order[i]
            wanted = [
                s for s in self.course.writes[k]
                if any(r >= after or r in kernels for r in self.readers[s])
            ]  # fmt: skip
            storages.update(wanted)
            if wanted and self.course.may_repeat(k):
                kernels.add(i)
        return kernels, storages

    def _stretch(self, g: int, start: int, turn: int, kept: set[int]) -> set[int]:
        """The rows of the turns `start..turn`, whose last one is a slice; the storages that have
        a column there."""
        course, own = self.course, self.order[turn]
        again = self._useful(start)[0]
        for i in again:
            self.costs[self._column("r", g, i)] = course.cost[self.order[i]]
        for i in (*again, *range(start, turn + 1)):
            runs = [(self._column("r", g, i), 1.0)] if i < start else []
            for s in course.reads[self.order[i]]:
                source = self._source(g, s, start, turn, kept, again)
                if source is not None:
                    self._row(0.0 if runs else -1.0, *runs, *source)
        touched = {*course.reads[own], *course.writes[own]}
        lives = self._useful(turn + 1)[1] | {s for s in touched if s in self.maker}
        for s in lives:
            column = self._column("s", g, s)
            if s in touched:
                self.low[column] = 1.0
            source = self._source(g, s, start, turn, kept, again)
            if source is not None:
                self._row(0.0, (column, 1.0), *source)
        # Pieces are written one after another: they live from the first to the last at least.
        for s in lives & course.pieces:
            if self.maker[s] <= turn < max([self.last_maker[s], *self.readers[s]]):
                self.low[self._column("s", g, s)] = 1.0
        pairs = [(a, b) for a, b in course.pairs[own]]
        more = sum(course.size[b] for _, b in matching(pairs))
        self.budgets.append((len(self.limits), float(more)))
        self._row(0.0, *((self._column("s", g, s), course.size[s] / self._unit) for s in lives))
        return lives

    def _behind(self, g: int, turn: int) -> None:
        """The rows of all that runs again behind a slice."""
        again, lives = self._useful(turn + 1)
        for s in lives:
            maker = [(self._column("y", g, self.maker[s]), -1.0)] if self.maker[s] in again else []
            source = [(self._column("s", g, s), -1.0), *maker]
            if max(self.readers[s], default=-1) > turn:
                self._row(-1.0, *source)
            for i in self.readers[s]:
                if i in again:
                    self._row(0.0, (self._column("y", g, i), 1.0), *source)
        for i in again:
            later = range(g + 1, len(self.turns))
            runs = [(self.columns["r", h, i], -1.0) for h in later if ("r", h, i) in self.columns]
            self._row(0.0, (self._column("y", g, i), 1.0), *runs)

    def _source(
        self, g: int, s: int, start: int, turn: int, kept: set[int], again: set[int]
    ) -> list[tuple[int, float]] | None:
        """Where a storage comes from in a stretch, negated; `None` where it is made there."""
        maker = self.maker.get(s)
        if maker is None or start <= maker <= turn:
            return None
        source = [(self._column("s", g - 1, s), -1.0)] if s in kept else []
        return source + ([(self._column("r", g, maker), -1.0)] if maker in again else [])


_INFEASIBLE = 2


def least_extra(
    course: Course, order: Sequence[int], budget: int, slices: int = 12, seconds: float = 20.0
) -> float:
    """The least cost of what runs again in plans whose first runs are in this order, or a bound of
    it."""
    return Slices(course, order, spread(course, order, budget, slices)).least_extra(budget, seconds)


def spread(course: Course, order: Sequence[int], budget: int, count: int) -> list[int]:
    """About so many turns at which plans under a budget must do without: where the most bytes live
    without one, apart from each other."""
    profile = course.run(order).profile
    above = [t for t, live in enumerate(profile) if live > budget]
    if not above:
        return []
    parts = np.array_split(np.asarray(above), min(count, len(above)))
    return [int(part[np.argmax([profile[t] for t in part])]) for part in parts]
