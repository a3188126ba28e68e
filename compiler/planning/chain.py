"""The best cuts of a chain: a dynamic programme over its stretches and the bytes that are left.

The stretches are those between positions where few bytes cross. A run of stretches is kept whole,
where that fits; or a cut in it is kept, the rest behind the cut is done with what that leaves, and
the part before the cut is made again and done with all (the persistent schedules of Rotor, Beaumont
2019).
"""

from __future__ import annotations

import numpy as np

from tyc.compiler.planning.checkpoints import Cuts, Line

MOST_STRETCHES = 64
"""Longer chains are cut at every n-th of their positions."""


def best_cuts(line: Line, budget: int, slots: int) -> Cuts | None:
    """The cuts that cost the least within the budget, told in `slots` steps; `None` where there
    are none."""
    return _Programme(line, budget, slots).cuts()


class _Programme:
    """Tables by (first stretch, stretch behind the last): costs at each room, and the choice."""

    def __init__(self, line: Line, budget: int, slots: int) -> None:
        self.ends = [-1, *_narrow(line), line.turn]
        self.count, self.slots = len(self.ends) - 1, slots
        unit = max(budget, 1) / slots
        replayer = line.replayer
        cost = [replayer.cost[k] for k in replayer.order[: line.turn + 1]]
        work = np.concatenate([[0.0], np.cumsum(cost)])
        made = np.concatenate([[0], np.cumsum(line.made)])
        self.work = [float(work[e + 1]) for e in self.ends]
        self.made = [float(made[e + 1]) / unit for e in self.ends]
        self.beside = [
            float(line.beside[a + 1 : b + 2].max(initial=0)) / unit
            for a, b in zip(self.ends, self.ends[1:])
        ]
        self.cross = [0] + [int(np.ceil(line.crossing[e] / unit)) for e in self.ends[1:]]
        self.costs: dict[tuple[int, int], np.ndarray] = {}
        self.choices: dict[tuple[int, int], np.ndarray] = {}

    def cuts(self) -> Cuts | None:
        """The cuts of the whole chain."""
        for length in range(1, self.count + 1):
            for i in range(self.count - length + 1):
                self._solve(i, i + length)
        if not np.isfinite(self.costs[0, self.count][self.slots]):
            return None
        found: dict[int, int] = {}
        work = [(0, self.count, self.slots, 0)]
        while work:
            i, j, room, depth = work.pop()
            c = int(self.choices[i, j][room])
            if c < j:
                found[self.ends[c]] = depth
                work += [(c, j, room - self.cross[c], depth), (i, c, room, depth + 1)]
        top = max(found.values(), default=0)
        positions = sorted(found)
        return Cuts(tuple(positions), tuple(top - found[c] + 1 for c in positions))

    def _solve(self, i: int, j: int) -> None:
        rooms = np.arange(self.slots + 1)
        costs = np.full(self.slots + 1, np.inf)
        choices = np.full(self.slots + 1, j)
        for c in range(i + 1, j):
            behind = np.full(self.slots + 1, np.inf)
            cross = min(self.cross[c], self.slots + 1)
            behind[cross:] = self.costs[c, j][: self.slots + 1 - cross]
            total = behind + self.costs[i, c] + (self.work[c] - self.work[i])
            better = total < costs
            costs[better], choices[better] = total[better], c
        whole = self.made[j] - self.made[i] + max(self.beside[i:j])
        costs[rooms >= whole], choices[rooms >= whole] = 0.0, j
        self.costs[i, j], self.choices[i, j] = costs, choices


def _narrow(line: Line) -> list[int]:
    """Positions at which no more bytes cross than beside them."""
    x = line.crossing[: line.turn]
    found = [i for i in range(1, len(x) - 1) if x[i] <= min(x[i - 1], x[i + 1])]
    return found[:: -(-len(found) // MOST_STRETCHES) or 1]
