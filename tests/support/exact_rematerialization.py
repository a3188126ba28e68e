"""The cheapest sequence under a budget by CP-SAT: an oracle for small graphs.

Every kernel runs once in the given order; in turn t, before the first run of the t-th kernel, any
earlier kernels may run again, in that order and each at most once. Booleans say, turn by turn,
which kernels run (R), which storages are kept from the turn before (S), and up to which of its
readers in the turn each storage lives (X): the programme of Checkmate (Jain 2020, "Checkmate:
breaking the memory wall with optimal tensor rematerialization") with its memory told by X, so that
all is linear, and with in-place pairs (I). Bytes are those of `Course`.

    R[t, reader q of s] <= X[t, s, q] <= X[t, s, q - 1] <= ... <= S[t, s] + R[t, maker of s] <= 1
    S[t + 1, s] <= X[t, s, last];  at each run: sum size * lives - sum size * I <= budget
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kernel_sequences import Course
from ortools.sat.python import cp_model

UNITS = 1_000_000
"""Costs are told to the solver in this many parts of the step's."""

Term = tuple[float, int]


@dataclass
class Programme:
    """A 0-1 programme: columns by key, rows `sum factor * column <= limit`, costs of columns.

    `fixed` columns are one; keys are ("r", t, i), ("s", t, s), ("x", t, s, q), ("i", t, a, b).
    """

    columns: dict[tuple, int] = field(default_factory=dict)
    rows: list[tuple[list[Term], float]] = field(default_factory=list)
    costs: dict[int, float] = field(default_factory=dict)
    ones: set[int] = field(default_factory=set)

    def column(self, *key: object) -> int:
        """The number of a key's column, which is made where it is missing."""
        return self.columns.setdefault(key, len(self.columns))

    def at_most(self, limit: float, terms: Sequence[Term]) -> None:
        """Adds a row."""
        self.rows.append((list(terms), limit))


class Checkmate:
    """The programme of a graph in an order; positions in the order are the kernels' numbers."""

    def __init__(self, course: Course, order: Sequence[int], budget: int) -> None:
        self.course, self.order, self.budget = course, list(order), budget
        place = {k: i for i, k in enumerate(order)}
        self.count = len(self.order)
        self.reads = [course.reads[k] for k in order]
        self.writes = [course.writes[k] for k in order]
        self.maker = {s: place[k] for s, k in course.made_by.items()}
        if course.pieces:
            raise ValueError("the oracle wants a graph without pieces")
        self.readers: dict[int, list[int]] = {s: [] for s in self.maker}
        for i, reads in enumerate(self.reads):
            for s in reads:
                self.readers[s].append(i)
        self.made = Programme()
        for t in range(self.count):
            self._turn(t)

    def _useful(self, t: int) -> tuple[set[int], set[int]]:
        """The kernels that may run in turn t, and the storages that may be kept into it."""
        kernels, storages = set(range(t, self.count)), set()
        for i in reversed(range(t)):
            wanted = [s for s in self.writes[i] if any(r in kernels for r in self.readers[s])]
            storages.update(wanted)
            if wanted and self.course.may_repeat(self.order[i]):
                kernels.add(i)
        return {i for i in kernels if i <= t}, storages

    def _turn(self, t: int) -> None:
        made, (kernels, kept) = self.made, self._useful(t)
        following = self._useful(t + 1)[1] if t + 1 < self.count else set()
        run = {i: made.column("r", t, i) for i in sorted(kernels)}
        made.ones.add(run[t])
        for i in kernels - {t}:
            made.costs[run[i]] = self.course.cost[self.order[i]]
        # Where each storage lives: (first slot, column) in order of slots.
        lives: dict[int, list[tuple[int, int]]] = {}
        for s, maker in self.maker.items():
            if maker > t:
                continue
            before = [made.column("s", t, s)] if s in kept else []
            source = before + ([run[maker]] if maker in run else [])
            if not source:
                continue
            lives[s] = self._life(t, s, run, before, source, s in following)
        for i in run:
            self._bytes(t, i, run, lives, kept)

    def _life(
        self, t: int, s: int, run: dict[int, int], before: list[int], source: list[int], on: bool
    ) -> list[tuple[int, int]]:
        """The rows of a storage's life in a turn; (last slot, column) of its stretches."""
        made = self.made
        made.at_most(1, [(1, c) for c in source])
        above = [(-1, c) for c in source]
        found = []
        for q, reader in enumerate(r for r in self.readers[s] if r in run):
            x = made.column("x", t, s, q)
            made.at_most(0, [(1, x), *above])
            made.at_most(0, [(1, run[reader]), (-1, x)])
            above = [(-1, x)]
            found.append((reader, x))
        if on:
            later = made.column("s", t + 1, s)
            made.at_most(0, [(1, later), *above])
            found.append((self.count, later))
        return found

    def _bytes(
        self, t: int, i: int, run: dict[int, int], lives: dict[int, list[tuple[int, int]]],
        kept: set[int],
    ) -> None:  # fmt: skip
        """The budget holds while kernel i runs in turn t."""
        made, size, terms = self.made, self.course.size, []
        for s, stretches in lives.items():
            maker = self.maker[s]
            if maker >= i and s in kept:
                terms.append((size[s], made.column("s", t, s)))
            if maker == i:
                terms.append((size[s], run[i]))
            elif maker < i:
                terms += [(size[s], c) for end, c in stretches if end >= i][:1]
        for a, b in self.course.pairs[self.order[i]]:
            terms.append((-size[b], self._pair(t, i, a, b, run, lives)))
        self._once(t, i)
        made.at_most(self.budget, terms)

    def _pair(self, t, i, a, b, run, lives) -> int:
        """Whether output b takes over a, which is read for the last time there."""
        made = self.made
        column = made.column("i", t, i, a, b)
        made.at_most(0, [(1, column), (-1, run[i])])
        later = [c for end, c in lives[a] if end > i][:1]
        made.at_most(1, [(1, column), *((1, c) for c in later)])
        return column

    def _once(self, t: int, i: int) -> None:
        pairs = self.course.pairs[self.order[i]]
        for side in (0, 1):
            for s in {pair[side] for pair in pairs}:
                same = [pair for pair in pairs if pair[side] == s]
                if len(same) > 1:
                    self.made.at_most(1, [(1, self.made.column("i", t, i, *p)) for p in same])

    def values(self, kernels: Sequence[int]) -> dict[int, int]:
        """The columns' values for a sequence of this form, but for those of in-place pairs."""
        place = {k: i for i, k in enumerate(self.order)}
        turns, done = [], 0
        for k in kernels:
            turns.append(done)
            done += place[k] == done
        values = dict.fromkeys(self.made.columns.values(), 0)
        columns = self.made.columns
        for k, t in zip(kernels, turns):
            if ("r", t, place[k]) in columns:
                values[columns["r", t, place[k]]] = 1
        for life in self.course.run(kernels).lives:
            s = life.storage
            for t in range(turns[life.start], turns[life.end] + 1):
                if t > turns[life.start] and ("s", t, s) in columns:
                    values[columns["s", t, s]] = 1
                slots = [place[kernels[at]] for at in life.reads if turns[at] == t]
                last = self.count if t < turns[life.end] else max(slots, default=-1)
                readers = [r for r in self.readers[s] if ("r", t, r) in columns]
                for q, reader in enumerate(readers):
                    if reader <= last and ("x", t, s, q) in columns:
                        values[columns["x", t, s, q]] = 1
        return values


@dataclass(frozen=True)
class Optimum:
    """The cost of what runs again in the best sequence that was found, and a bound of it."""

    extra: float
    bound: float


def cheapest(
    course: Course,
    order: Sequence[int],
    budget: int,
    seconds: float = 60.0,
    start: Sequence[int] | None = None,
) -> Optimum | None:
    """The optimum within some seconds of the solver; `None` where nothing fits. `start` is a
    sequence to begin with."""
    programme = Checkmate(course, order, budget)
    made, model = programme.made, cp_model.CpModel()
    columns = [model.new_bool_var("") for _ in made.columns]
    for terms, limit in made.rows:
        model.add(sum(int(f) * columns[c] for f, c in terms) <= int(limit))
    for c in made.ones:
        model.add(columns[c] == 1)
    whole = sum(course.cost) or 1.0
    parts = {c: round(cost / whole * UNITS) for c, cost in made.costs.items()}
    model.minimize(sum(n * columns[c] for c, n in parts.items()))
    if start is not None:
        for c, value in programme.values(start).items():
            model.add_hint(columns[c], value)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 2
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return None
    found = solver.objective_value if status != cp_model.UNKNOWN else float("inf")
    return Optimum(found * whole / UNITS, max(solver.best_objective_bound, 0.0) * whole / UNITS)
