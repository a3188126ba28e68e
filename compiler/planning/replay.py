"""Sequences in which kernels run again, told by which values are kept from one use to the next.

Kernels run once in a fixed order: turn t is the first run of the t-th of them. Before a turn, what
it reads and what was not kept since its last use is made again, by its kernel and by those that
this one needs in turn. So a sequence is a set of decisions: for a storage and a turn that needs it,
keep or make again. Whatever is decided, the sequence computes the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.sequence import Sequences

Keep = Callable[[int, int, int], bool]
"""(storage, turn of its last use, turn that needs it) -> whether it is kept in between."""

Key = tuple[int, int]
"""A storage and the turn that needs it."""


@dataclass
class Gap:
    """A storage between two uses: positions of these in the sequence, both not included.

    `turn` needs it and `last` was the turn of the use before. Where it was not `kept`, its kernel
    runs again at position `end`; `saved` is what that and all that runs for it alone costs.
    """

    storage: int
    last: int
    turn: int
    begin: int
    end: int
    kept: bool
    saved: float = 0.0

    @property
    def key(self) -> Key:
        """What a decision names."""
        return self.storage, self.turn


@dataclass
class Replay:
    """A sequence of kernels, the bytes that live at each position, its gaps, what the runs beyond
    the first of each kernel cost, and the lives of each storage: first and last position."""

    kernels: list[int]
    profile: np.ndarray
    gaps: list[Gap]
    extra: float
    lives: dict[int, list[tuple[int, int]]]

    @property
    def peak(self) -> int:
        """The most bytes that live at a position."""
        return int(self.profile.max(initial=0))


class Replayer:
    """Plays decisions back on a graph in a fixed order."""

    def __init__(self, graph: Graph, order: Sequence[int]) -> None:
        self.sequences = sequences = Sequences(graph)
        self.order = list(order)
        self.size, self.producer = sequences.size, sequences.producer
        self.reads, self.writes, self.pairs = sequences.reads, sequences.writes, sequences.pairs
        self.cost = [kernel.cost for kernel in graph.kernels]
        self.turn = [0] * len(self.order)
        for t, k in enumerate(self.order):
            self.turn[k] = t
        self.expiry = _expiry(graph, self.turn)
        self.longest = 6 * len(self.order) + 64

    def free(self) -> Replay:
        """Every kernel once."""
        found = self.play(lambda storage, last, turn: True)
        assert found is not None
        return found

    def play(self, keep: Keep) -> Replay | None:
        """The sequence of these decisions; `None` where it is far too long."""
        recorder = _Recorder(self)
        last, turns = recorder.last_turn, self.turn
        for t, k in enumerate(self.order):
            again = self._missing(k, t, keep, last)
            if again:
                if len(recorder.kernels) + len(again) > self.longest:
                    return None
                for r in sorted(again, key=turns.__getitem__):
                    recorder.run(r, t, True)
            recorder.run(k, t, False)
        return recorder.finish()

    def _missing(self, k: int, t: int, keep: Keep, last: Sequence[int]) -> set[int]:
        """The kernels that must run again before kernel k at turn t."""
        again: set[int] = set()
        seen: set[int] = set()
        work = list(self.reads[k])
        while work:
            s = work.pop()
            if s in seen:
                continue
            seen.add(s)
            r = self.producer.get(s)
            if r is None or last[s] >= t - 1 or t > self.expiry[r] or keep(s, last[s], t):
                continue
            if r not in again:
                again.add(r)
                work += self.reads[r]
        return again


def _expiry(graph: Graph, turns: Sequence[int]) -> list[int]:
    """For each kernel the last turn before which it may run again: what it reads is overwritten
    then. A kernel that overwrites something itself never runs again."""
    never = len(turns)
    expiry = [never] * len(turns)
    overwritten: dict[int, int] = {}
    for k, kernel in enumerate(graph.kernels):
        for v in kernel.outputs:
            if v in graph.updates:
                overwritten[graph.updates[v]] = turns[k]
                expiry[k] = -1
    if overwritten:
        for k, kernel in enumerate(graph.kernels):
            ends = [overwritten[v] for v in kernel.inputs if v in overwritten]
            expiry[k] = min([expiry[k], *ends])
    return expiry


class _Recorder:
    """Notes lives and gaps while kernels run."""

    def __init__(self, replayer: Replayer) -> None:
        self.replayer = replayer
        count = len(replayer.size)
        self.kernels: list[int] = []
        self.last_turn, self.last, self.life = [-1] * count, [-1] * count, [-1] * count
        self.storages: list[int] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.uses: list[int] = []
        self.made_for: list[int] = []
        self.gaps: list[Gap] = []
        self.takeovers: list[tuple[int, int, int, int]] = []
        self.extra = 0.0

    def run(self, k: int, turn: int, again: bool) -> None:
        """Kernel k runs next; `again`: not for the first time."""
        at, replayer = len(self.kernels), self.replayer
        self.kernels.append(k)
        last, last_turn, life, ends = self.last, self.last_turn, self.life, self.ends
        for s in replayer.reads[k]:
            if at - last[s] > 1 and last_turn[s] < turn - 1:
                self.gaps.append(Gap(s, last_turn[s], turn, last[s], at, True))
            last[s], last_turn[s] = at, turn
            ends[life[s]] = at
            self.uses[life[s]] += 1
        self.extra += replayer.cost[k] if again else 0.0
        for s in replayer.writes[k]:
            old = life[s]
            if old >= 0 and s in replayer.sequences.joined:
                ends[old] = at
            else:
                if again:
                    self.gaps.append(Gap(s, last_turn[s], turn, last[s], at, False))
                life[s] = len(self.starts)
                self.storages.append(s)
                self.starts.append(at)
                ends.append(at)
                self.uses.append(0)
                self.made_for.append(turn if again else -1)
            last[s], last_turn[s] = at, turn
        for a, b in replayer.pairs[k]:
            self.takeovers.append((at, life[a], life[b], replayer.size[b]))

    def finish(self) -> Replay:
        """What was noted, with its profile."""
        count = len(self.kernels)
        sizes = np.asarray(self.replayer.size, dtype=np.int64)[self.storages]
        change = np.zeros(count + 1, dtype=np.int64)
        np.add.at(change, self.starts, sizes)
        np.add.at(change, np.asarray(self.ends, dtype=np.int64) + 1, -sizes)
        profile = np.cumsum(change[:-1])
        given: set[int] = set()
        taken: set[int] = set()
        for at, a, b, size in self.takeovers:
            fits = self.ends[a] == at and self.starts[b] == at
            if fits and a not in given and b not in taken:
                given.add(a)
                taken.add(b)
                profile[at] -= size
        self._price()
        lives: dict[int, list[tuple[int, int]]] = {}
        for s, start, end in zip(self.storages, self.starts, self.ends):
            lives.setdefault(s, []).append((start, end))
        return Replay(self.kernels, profile, self.gaps, self.extra, lives)

    def _price(self) -> None:
        """Tells each gap that was not kept what keeping it would have saved."""
        at_turn: dict[Key, Gap] = {g.key: g for g in self.gaps if not g.kept}
        lives: dict[Key, int] = {
            (s, turn): i
            for i, (s, turn) in enumerate(zip(self.storages, self.made_for))
            if turn >= 0
        }
        replayer, uses = self.replayer, self.uses
        prices: dict[Key, float] = {}
        for gap in self.gaps:  # in order: what a run reads was made before it
            if gap.kept:
                continue
            k, turn = replayer.producer[gap.storage], gap.turn
            saved = replayer.cost[k]
            for s in replayer.reads[k]:
                life = lives.get((s, turn))
                if life is not None and uses[life] == 1 and (s, turn) in at_turn:
                    saved += prices[s, turn]
            prices[gap.key] = gap.saved = saved
