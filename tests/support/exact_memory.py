"""The smallest arena there is, by CP-SAT: order, in-place choices and offsets in one model.

Times are half steps: the kernel at position p runs in [2p, 2p + 2). A storage that another one
takes over ends in the middle of that kernel, where its successor begins at the same offset.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyc.compiler.planning.graph import Facts, Graph, bits
from tyc.compiler.planning.memory import ALIGNMENT


@dataclass(frozen=True)
class Exact:
    """Bytes of the arena (rounded up to the alignment), the proven bound, and the order."""

    arena_bytes: int
    bound: int
    order: list[int]


def solve(graph: Graph, seconds: float = 60.0, workers: int = 2, most: int | None = None) -> Exact:
    """The exact optimum, or the best and its bound when the time is over."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    built = _Model(graph, model, most)
    model.minimize(built.total)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = 1
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise RuntimeError(f"no plan within {seconds} s")
    order = sorted(range(built.facts.count), key=lambda k: solver.value(built.position[k]))
    bound = int(solver.best_objective_bound + 0.5)
    return Exact(int(solver.objective_value) * ALIGNMENT, bound * ALIGNMENT, order)


class _Model:
    def __init__(self, graph: Graph, model, most: int | None) -> None:
        self.facts, self.model = Facts(graph), model
        facts, n = self.facts, len(graph.kernels)
        self.position = [model.new_int_var(0, n - 1, f"p{k}") for k in range(n)]
        model.add_all_different(self.position)
        for k in range(n):
            for j in bits(facts.needs[k]):
                model.add(self.position[j] < self.position[k])
        self.storages = [s for s, size in enumerate(facts.size) if size and facts.touch[s]]
        room = sum(facts.size[s] for s in self.storages) // ALIGNMENT
        room = min(room, most // ALIGNMENT) if most else room
        self.total = model.new_int_var(0, room, "total")
        self.offset = {s: model.new_int_var(0, room, f"o{s}") for s in self.storages}
        self.taken: dict[int, list] = {s: [] for s in self.storages}
        self.taking: dict[int, list] = {s: [] for s in self.storages}
        for k in range(n):
            for a, b in facts.pairs[k]:
                self._pair(k, a, b)
        self._rectangles(room)

    def _pair(self, k: int, a: int, b: int) -> None:
        chosen = self.model.new_bool_var(f"x{k}_{a}_{b}")
        for j in bits(self.facts.touch[a] & ~(1 << k)):
            self.model.add(self.position[j] < self.position[k]).only_enforce_if(chosen)
        self.model.add(self.offset[a] == self.offset[b]).only_enforce_if(chosen)
        self.taken[a].append(chosen)
        self.taking[b].append(chosen)

    def _rectangles(self, room: int) -> None:
        model, facts, n = self.model, self.facts, len(self.position)
        times, places = [], []
        for s in self.storages:
            size = facts.size[s] // ALIGNMENT
            touching = [self.position[k] for k in bits(facts.touch[s])]
            first, last = model.new_int_var(0, n, ""), model.new_int_var(0, n, "")
            model.add_min_equality(first, touching)
            model.add_max_equality(last, touching)
            model.add_at_most_one(self.taken[s])
            model.add_at_most_one(self.taking[s])
            start, end, length = (model.new_int_var(0, 2 * n, "") for _ in range(3))
            model.add(start == 2 * first + sum(self.taking[s]))
            model.add(end == 2 * last + 2 - sum(self.taken[s]))
            model.add(length == end - start)
            times.append(model.new_interval_var(start, length, end, ""))
            places.append(model.new_fixed_size_interval_var(self.offset[s], size, ""))
            model.add(self.offset[s] + size <= self.total)
        model.add_no_overlap_2d(times, places)
        model.add_cumulative(times, [facts.size[s] // ALIGNMENT for s in self.storages], self.total)
