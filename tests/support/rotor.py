"""Rotor: the cheapest persistent checkpoints of a chain of stages, by dynamic programming.

Beaumont, Eyraud-Dubois, Herrmann, Joly and Shilova 2019, "Optimal checkpointing for heterogeneous
chains: how to train deep neural networks with limited memory". `C(i, j, m)` is the cost of what
runs again for the way back over stages i..j, in m bytes beside what enters stage i:

    C(i, j, m) = min( C(i + 1, j, m - tape(i)),
                      min over c  forward(i..c) + C(c, j, m - across(c)) + C(i, c - 1, m) )

The first keeps all of stage i; the second keeps what enters stage c and makes stages i..c-1 again.
Bytes are told in slots. One table gives the plans of all budgets.
"""

from __future__ import annotations

import numpy as np
from stages import Stages

SLOTS = 400


class Rotor:
    """The table of a chain."""

    def __init__(self, stages: Stages, slots: int = SLOTS) -> None:
        self.stages, self.slots = stages, slots
        way = stages.way
        self.most = way.free.peak
        self.unit = max(self.most, 1) / slots
        count = stages.count
        self.across = [stages.across(i) for i in range(count)]
        self.tape = [stages.tape(i) for i in range(count)]
        costs = [sum(way.course.cost[k] for k in stages.forward(i, i + 1)) for i in range(count)]
        self.work = np.concatenate([[0.0], np.cumsum(costs)])
        self.out, self.home = self._beside()
        self.costs: dict[tuple[int, int], np.ndarray] = {}
        self.choices: dict[tuple[int, int], np.ndarray] = {}
        for length in range(1, count + 1):
            for i in range(count - length + 1):
                self._solve(i, i + length - 1)

    def plan(self, budget: int) -> list[int] | None:
        """The sequence within a budget as the table tells bytes; `None` where there is none."""
        held = {s for s in self.stages.way.saved if s in self.stages.way.fixed}
        kept = sum(self.stages.way.course.size[s] for s in held)
        room = min(int((budget - kept) / self.unit), self.slots)
        if room < 0 or not np.isfinite(self.costs[0, self.stages.count - 1][room]):
            return None
        found: list[int] = []
        self._unfold(0, self.stages.count - 1, room, held, True, found)
        return self.stages.way.course.without_idle_runs(found)

    def _slots(self, storages: set[int]) -> int:
        return int(np.ceil(self.stages.nbytes(storages) / self.unit))

    def _beside(self) -> tuple[list[int], list[int]]:
        """Slots that the way out and the way back of each stage need beside what is kept."""
        stages, way = self.stages, self.stages.way
        size, out, home = way.course.size, [], []
        passing = np.zeros(way.turn + 2)
        for s, at in way.born.items():
            if at <= way.turn:
                passing[at] += size[s]
                passing[max(way.forward.get(s, at), at) + 1] -= size[s]
        passing = np.cumsum(passing)
        for i in range(stages.count):
            low, high = stages.start(i), stages.ends[i]
            need = passing[low : high + 1].max() - sum(size[s] for s in self.across[i])
            out.append(int(np.ceil(max(need, 0) / self.unit)))
        for i, back in enumerate(stages.back):
            # What a later stage made and is read only now lives beside as well.
            kept = [s for s in way.saved if way.born[s] <= stages.ends[i]]
            need = [
                way.free.profile[at] - sum(size[s] for s in kept if at <= way.final[s])
                for at in back
            ]
            home.append(int(np.ceil(max(need, default=0) / self.unit)))
        return out, home

    def _solve(self, i: int, j: int) -> None:
        rooms = np.arange(self.slots + 1)
        costs = np.full(self.slots + 1, np.inf)
        choices = np.full(self.slots + 1, -1)
        tape = self._slots(self.tape[i])
        kept = self._slots(self.tape[i] | (self.across[i + 1] - self.across[i] if i < j else set()))
        if i == j:
            costs[rooms >= max(tape + self.home[i], self.out[i])] = 0.0
            choices[:] = i
        else:
            inside = self._shifted(self.costs[i + 1, j], kept)
            inside[rooms < max(tape + self.home[i], self.out[i])] = np.inf
            costs, choices = inside, np.full(self.slots + 1, i)
        need = 0
        for c in range(i + 1, j + 1):
            need = max(need, self.out[c - 1])
            entering = self._slots(self.across[c] - self.across[i])
            total = self._shifted(self.costs[c, j], entering) + self.costs[i, c - 1]
            total = total + (self.work[c] - self.work[i])
            total[rooms < need] = np.inf
            better = total < costs
            costs = np.where(better, total, costs)
            choices = np.where(better, c, choices)
        self.costs[i, j], self.choices[i, j] = costs, choices

    def _shifted(self, costs: np.ndarray, slots: int) -> np.ndarray:
        found = np.full(self.slots + 1, np.inf)
        if slots <= self.slots:
            found[slots:] = costs[: self.slots + 1 - slots]
        return found

    def _unfold(
        self, i: int, j: int, room: int, held: set[int], first: bool, found: list[int]
    ) -> None:
        """Appends the kernels of stages i to j, out and back, with `room` beside what is held."""
        stages, way = self.stages, self.stages.way
        c = int(self.choices[i, j][room])
        behind = self.across[c] if c > i else self.across[i + 1] if i < j else set()
        tape = self.tape[i] if c == i else set()
        end = max(c, i + 1)
        if first:
            found += stages.forward(i, end)
        else:
            found += stages.again(behind | tape, held)
        if c == i:
            if i < j:
                kept = self._slots(tape | (behind - self.across[i]))
                self._unfold(i + 1, j, room - kept, held | tape | behind, first, found)
            found += [way.order[at] for at in stages.back[i]]
        else:
            kept = self._slots(behind - self.across[i])
            self._unfold(c, j, room - kept, held | behind, first, found)
            self._unfold(i, c - 1, room, held, False, found)
