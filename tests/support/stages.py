"""A training step as a chain of stages out and back: what checkpoints of segments work on.

The turn is the position with the most live bytes. Stages end where the values that cross to later
kernels before the turn have the fewest bytes: at a chain's or a residual network's joints this is
one value. A stage's way back is the kernels behind the turn that read nothing saved by a later one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property

from kernel_sequences import Course


class Way:
    """An order of a graph's kernels as a way out to its turn and back."""

    def __init__(self, course: Course, order: Sequence[int]) -> None:
        self.course, self.order = course, list(order)
        self.free = course.run(self.order)
        profile = self.free.profile
        self.turn = profile.index(self.free.peak)
        self.born: dict[int, int] = {}
        self.forward: dict[int, int] = {}
        self.final: dict[int, int] = {}
        for at, k in enumerate(self.order):
            for s in course.writes[k]:
                self.born.setdefault(s, at)
            for s in course.reads[k]:
                self.final[s] = at
                if at <= self.turn:
                    self.forward[s] = at
        self.saved = {s for s, at in self.born.items() if at <= self.turn < self.final.get(s, -1)}
        self.fixed = {s for s in self.born if not course.may_repeat(course.made_by[s])}

    @cached_property
    def crossing(self) -> list[int]:
        """Bytes that kernels between each position and the turn read of what was made up to it."""
        change = [0] * (self.turn + 2)
        for s, last in self.forward.items():
            if self.born.get(s, last) < last:
                change[self.born[s]] += self.course.size[s]
                change[last] -= self.course.size[s]
        total, found = 0, []
        for step in change[: self.turn + 1]:
            total += step
            found.append(total)
        return found

    def joints(self, most: int) -> list[int]:
        """Ends of stages, the turn last: the positions where fewest bytes cross, at most so
        many."""
        x = self.crossing
        low = [at for at in range(1, self.turn) if x[at] <= min(x[at - 1], x[at + 1])]
        low.sort(key=lambda at: (x[at], at))
        if len(low) >= most:
            limit = x[low[most - 2]]
            even = [at for at in sorted(low) if x[at] <= limit]
            step = -(-len(even) // (most - 1))
            low = even[::step] if len(even) > most - 1 else low[: most - 1]
        return [*sorted(low), self.turn]

    def sites(self) -> dict[int, int]:
        """For each position behind the turn where what it needs was made: falling numbers that are
        the nearest ones to what the kernels read, weighed by bytes."""
        after = range(self.turn + 1, len(self.order))
        reads = [
            [(self.born[s], self.course.size[s]) for s in self.course.reads[self.order[at]]
             if s in self.saved]
            for at in after
        ]  # fmt: skip
        return dict(zip(after, _falling(reads, self.turn)))


def _falling(points: Sequence[list[tuple[int, int]]], highest: int) -> list[int]:
    """The numbers that never rise with the least sum of weighted distances to the points of each:
    neighbours that would rise are joined at their weighted median (Barlow 1972)."""
    blocks: list[tuple[list[tuple[int, int]], int, int]] = []  # points, median, how many
    for own in points:
        block = (own, _median(own, blocks[-1][1] if blocks else highest), 1)
        while blocks and blocks[-1][1] < block[1]:
            before = blocks.pop()
            merged = before[0] + block[0]
            block = (merged, _median(merged, highest), before[2] + block[2])
        blocks.append(block)
    return [median for _, median, count in blocks for _ in range(count)]


def _median(points: list[tuple[int, int]], otherwise: int) -> int:
    total, half = 0, sum(weight for _, weight in points) / 2
    for value, weight in sorted(points):
        total += weight
        if total >= half:
            return value
    return otherwise


class Stages:
    """A way cut at joints: stage i has the positions `ends[i - 1] + 1 .. ends[i]`, and `back[i]`
    those of its way back."""

    def __init__(self, way: Way, ends: Sequence[int]) -> None:
        self.way, self.ends = way, list(ends)
        self.count = len(self.ends)
        self.back: list[list[int]] = [[] for _ in self.ends]
        for at, site in sorted(way.sites().items()):
            self.back[self.stage(site)].append(at)

    def stage(self, at: int) -> int:
        """The stage of a position up to the turn."""
        return bisect_left(self.ends, at)

    def forward(self, i: int, j: int) -> list[int]:
        """The kernels of stages i to j - 1."""
        return self.way.order[self.start(i) : self.start(j)]

    def start(self, i: int) -> int:
        """The first position of a stage."""
        return self.ends[i - 1] + 1 if i else 0

    def across(self, i: int) -> set[int]:
        """What stages from i on read, on the way out, of what was made before."""
        at = self.start(i)
        way = self.way
        return {s for s, last in way.forward.items() if way.born.get(s, at) < at <= last}

    def tape(self, i: int) -> set[int]:
        """What stage i makes and its way back reads."""
        low, high = self.start(i), self.ends[i]
        return {s for s in self.way.saved if low <= self.way.born[s] <= high}

    def again(self, targets: Iterable[int], held: set[int]) -> list[int]:
        """The kernels, in order, that make targets from what is held."""
        course, born = self.way.course, self.way.born
        chosen: set[int] = set()
        work = [s for s in targets if s not in held]
        while work:
            s = work.pop()
            if s in held or s in self.way.fixed or course.made_by[s] in chosen:
                continue
            chosen.add(course.made_by[s])
            work += course.reads[course.made_by[s]]
        return sorted(chosen, key=lambda k: min(born[s] for s in course.writes[k]))

    def nbytes(self, storages: Iterable[int]) -> int:
        """The bytes of storages that may be dropped."""
        return sum(self.way.course.size[s] for s in storages if s not in self.way.fixed)
