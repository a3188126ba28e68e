"""What a sequence of kernels needs and costs: the arithmetic that planners are compared by.

    course = Course(graph)
    outcome = course.run([0, 1, 2, 1, 3])
    outcome.peak, outcome.extra

Written from the definition of `Graph` alone, without the planner's modules. A run reads the latest
write before it. What was written lives from there to the last run that reads it before it is
written again; the pieces of one whole live together, from the first touch to the last. The bytes of
a run are those of all that lives, less those of outputs that take over what is read for the last
time there. A run after the first one costs its kernel's cost again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from tyc.compiler.planning.graph import Graph

_ALIGNMENT = 64


@dataclass
class Life:
    """A storage from a write to its last use: positions in the sequence, both included."""

    storage: int
    start: int
    end: int
    reads: list[int] = field(default_factory=list)


@dataclass
class Outcome:
    """Live bytes at each position, the cost of what runs again, and the lives in order of start."""

    profile: list[int]
    extra: float
    lives: list[Life]

    @property
    def peak(self) -> int:
        """The most bytes that live at a position."""
        return max(self.profile, default=0)


class Course:
    """A graph as sequences of its kernels see it.

    `reads[k]` and `writes[k]` are storages that take bytes; `size[s]` is rounded up to 64 bytes.
    `may_repeat(k)`: whether kernel k computes the same again: it writes neither state nor what
    lives outside of the arena nor a piece of something. It may until what it reads is overwritten.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.size = [-(-n // _ALIGNMENT) * _ALIGNMENT for n in graph.sizes]
        self.cost = [kernel.cost for kernel in graph.kernels]
        self.root = [self._root(v) for v in range(len(graph.sizes))]
        self.pieces = {self.root[v] for v in graph.parts}
        self.reads = [self._storages(kernel.inputs) for kernel in graph.kernels]
        self.writes = [self._storages(kernel.outputs) for kernel in graph.kernels]
        self.pairs = [self._pairs(k) for k in range(len(graph.kernels))]
        self.made_by: dict[int, int] = {}
        for k, writes in enumerate(self.writes):
            for s in writes:
                self.made_by.setdefault(s, k)
        state = set(graph.updates)
        self.repeats = [
            len(self.writes[k]) == len(set(kernel.outputs)) > 0
            and not self.pieces.intersection(self.writes[k])
            and not state.intersection(kernel.outputs)
            for k, kernel in enumerate(graph.kernels)
        ]

    def may_repeat(self, k: int) -> bool:
        """Whether kernel k may run more than once."""
        return self.repeats[k]

    def _root(self, value: int) -> int:
        while value in self.graph.parts:
            value = self.graph.parts[value][0]
        return value

    def _storages(self, values: Sequence[int]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.root[v] for v in values if self.size[self.root[v]]))

    def _pairs(self, k: int) -> list[tuple[int, int]]:
        """(read, written) of equal bytes; no pieces, and nothing that is read twice."""
        kernel = self.graph.kernels[k]
        return [
            (a, b)
            for a, b in kernel.in_place
            if a != b and self.size[a] == self.size[b] > 0 and kernel.inputs.count(a) == 1
            if a not in self.pieces and b not in self.pieces
        ]

    def run(self, kernels: Sequence[int]) -> Outcome:
        """What the sequence needs and costs. `ValueError` where it reads what is not there yet, a
        kernel is missing, or one runs again that may not."""
        lives, extra = self._lives(kernels)
        change = [0] * (len(kernels) + 1)
        for life in lives:
            change[life.start] += self.size[life.storage]
            change[life.end + 1] -= self.size[life.storage]
        profile = list(accumulate(change[:-1]))
        starts = {(life.storage, life.start) for life in lives}
        ends = {(life.storage, life.end): life for life in lives}
        for at, k in enumerate(kernels):
            usable = [
                (a, b)
                for a, b in self.pairs[k]
                if (b, at) in starts and (a, at) in ends and ends[a, at].start < at
            ]
            profile[at] -= sum(self.size[b] for _, b in matching(usable))
        return Outcome(profile, extra, lives)

    def _lives(self, kernels: Sequence[int], checked: bool = True) -> tuple[list[Life], float]:
        current: dict[int, Life] = {}
        lives: list[Life] = []
        done, gone, extra = set(), set(), 0.0
        for at, k in enumerate(kernels):
            kernel = self.graph.kernels[k]
            if checked and k in done and gone.intersection(kernel.inputs):
                raise ValueError(f"position {at}: kernel {k} reads what is overwritten")
            gone.update(self.graph.updates[v] for v in kernel.outputs if v in self.graph.updates)
            for s in self.reads[k]:
                if s not in current:
                    raise ValueError(f"position {at}: kernel {k} reads {s} before it is written")
                current[s].end = at
                current[s].reads.append(at)
            if k in done:
                if not self.repeats[k]:
                    raise ValueError(f"position {at}: kernel {k} may run only once")
                extra += self.cost[k]
            done.add(k)
            for s in self.writes[k]:
                if s in self.pieces and s in current:
                    current[s].end = at
                else:
                    current[s] = Life(s, at, at)
                    lives.append(current[s])
        if len(done) != len(self.cost):
            raise ValueError(f"{len(self.cost) - len(done)} kernels do not run")
        return lives, extra

    def without_idle_runs(self, kernels: Sequence[int]) -> list[int]:
        """The sequence without runs after the first of whose results none is read."""
        kernels = list(kernels)
        while True:
            read = {life.start for life in self._lives(kernels, False)[0] if life.reads}
            seen: set[int] = set()
            kept = []
            for at, k in enumerate(kernels):
                if k not in seen or at in read:
                    kept.append(k)
                seen.add(k)
            if len(kept) == len(kernels):
                return kept
            kernels = kept


def matching(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs with nothing in two of them, the most bytes: by augmenting paths. All pairs of one
    output have its bytes, and inputs are of those bytes too, so the number decides by size."""
    taker: dict[int, int] = {}

    def assign(b: int, seen: set[int]) -> bool:
        for a in (a for a, other in pairs if other == b and a not in seen):
            seen.add(a)
            if a not in taker or assign(taker[a], seen):
                taker[a] = b
                return True
        return False

    for b in dict.fromkeys(b for _, b in pairs):
        assign(b, set())
    return list(taker.items())
