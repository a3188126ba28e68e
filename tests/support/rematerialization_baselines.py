"""What others do under a budget, as planners on the same graphs: for comparison only.

Each gives sequences of kernels; `Course.run` tells what they need and cost. Nothing here is shared
with the planner but `Graph`. `chen`: segments whose inside is made again (Chen 2016, "Training deep
nets with sublinear memory cost"), of equal bytes, kernels or cost, for each number of them. `rotor`
in `rotor.py`. `dtr`: kernels run in order, and whenever the budget is exceeded the value with the
least cost / (bytes x staleness) is dropped (Kirisame 2021, "Dynamic tensor rematerialization").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kernel_sequences import Course
from stages import Stages, Way


def chen(way: Way) -> Iterator[list[int]]:
    """Sequences for each number of segments from 2 to four times the root, and to one a joint."""
    joints = way.joints(way.turn + 1)
    root = int(len(joints) ** 0.5)
    counts = sorted({*range(2, min(4 * root, len(joints)) + 1), len(joints)})
    seen: set[tuple[int, ...]] = set()
    for measure in _measures(way):
        for count in counts:
            ends = _even(joints, measure, count)
            if ends not in seen:
                seen.add(ends)
                yield segments(Stages(way, ends))


def segments(stages: Stages) -> list[int]:
    """All stages forward, keeping what crosses their ends, then each again before its way back; the
    last one is kept as it is."""
    way = stages.way
    found = way.order[: way.turn + 1]
    held = set().union(*(stages.across(i) for i in range(1, stages.count)))
    for i in reversed(range(stages.count)):
        if i < stages.count - 1:
            found = found + stages.again(stages.tape(i), held)
        found = found + [way.order[at] for at in stages.back[i]]
    return way.course.without_idle_runs(found)


def _measures(way: Way) -> list[list[float]]:
    """What segments have equal parts of, up to each position: saved bytes, kernels, cost."""
    course, made, cost = way.course, [], []
    for k in way.order[: way.turn + 1]:
        made.append(float(sum(course.size[s] for s in course.writes[k] if s in way.saved)))
        cost.append(course.cost[k])
    found = []
    for steps in (made, [1.0] * len(made), cost):
        total, sums = 0.0, []
        for step in steps:
            total += step
            sums.append(total)
        found.append(sums)
    return found


def _even(joints: Sequence[int], measure: Sequence[float], count: int) -> tuple[int, ...]:
    """As many joints as segments, the nearest ones to equal parts of a measure."""
    chosen = {joints[-1]}
    for i in range(1, count):
        goal = measure[-1] * i / count
        chosen.add(min(joints, key=lambda at: abs(measure[at] - goal)))
    return tuple(sorted(chosen))


def dtr(course: Course, order: Sequence[int], budget: int) -> list[int] | None:
    """The sequence of the greedy eviction under a budget; `None` where it has no room, or runs six
    times as many kernels."""
    run = _Eviction(course, order, budget)
    return run.sequence if run.all() else None


class _Eviction:
    """The run of Kirisame's runtime: storages live or not, evicted ones in classes.

    A class is a set of evicted storages joined by reads, with the sum of their costs (h_eq of the
    paper, by union-find; a storage that is made again leaves its class's cost).
    """

    def __init__(self, course: Course, order: Sequence[int], budget: int) -> None:
        self.course, self.order, self.budget = course, order, budget
        self.sequence: list[int] = []
        self.live: dict[int, int] = {}
        self.bytes = 0
        self.longest = 6 * len(order) + 64
        self.references = [0] * len(course.size)
        self.neighbours: dict[int, set[int]] = {}
        for k in order:
            for s in course.reads[k]:
                self.references[s] += 1
            for s in course.writes[k]:
                self.neighbours.setdefault(s, set()).update(course.reads[k])
        for s, others in list(self.neighbours.items()):
            for other in others:
                self.neighbours.setdefault(other, set()).add(s)
        self.parent = list(range(len(course.size)))
        self.costs = [0.0] * len(course.size)
        self.evicted: set[int] = set()

    def all(self) -> bool:
        """Runs the order; false without room."""
        for k in self.order:
            if not self._run(k):
                return False
            for s in self.course.reads[k]:
                self.references[s] -= 1
            for s in (*self.course.reads[k], *self.course.writes[k]):
                if not self.references[s] and s in self.live:
                    self._drop(s)
        return True

    def _run(self, wanted: int) -> bool:
        """Runs a kernel, and before it all that it needs and is not there."""
        locked: dict[int, int] = {}
        work = [(wanted, False)]
        while work:
            k, ready = work.pop()
            if not ready:
                for s in self.course.reads[k]:
                    locked[s] = locked.get(s, 0) + 1
                work.append((k, True))
                missing = {self.course.made_by[s] for s in self.course.reads[k]
                           if s not in self.live}  # fmt: skip
                if any(not self.course.may_repeat(r) for r in missing) or len(work) > 4000:
                    return False
                work += [(r, False) for r in missing]
            elif k == wanted or any(s not in self.live for s in self.course.writes[k]):
                if not self._execute(k, locked):
                    return False
                for s in self.course.reads[k]:
                    locked[s] -= 1
            else:
                for s in self.course.reads[k]:
                    locked[s] -= 1
        return True

    def _execute(self, k: int, locked: dict[int, int]) -> bool:
        course = self.course
        fresh = [s for s in course.writes[k] if s not in self.live]
        needed = sum(course.size[s] for s in fresh)
        while self.bytes + needed > self.budget:
            if not self._evict({*course.reads[k], *course.writes[k]}, locked):
                return False
        if len(self.sequence) > self.longest:
            return False
        self.bytes += needed
        self.sequence.append(k)
        for s in fresh:
            if s in self.evicted:
                self.evicted.discard(s)
                self.costs[self._class(s)] -= course.cost[k]
                self.parent[s], self.costs[s] = s, 0.0
        for s in (*course.reads[k], *course.writes[k]):
            self.live[s] = len(self.sequence)
        return True

    def _evict(self, own: set[int], locked: dict[int, int]) -> bool:
        best, least = -1, float("inf")
        now = len(self.sequence) + 1
        for s, touched in self.live.items():
            if s in own or locked.get(s) or not self.course.may_repeat(self.course.made_by[s]):
                continue
            classes = {self._class(n) for n in self.neighbours[s] if n in self.evicted}
            cost = self.course.cost[self.course.made_by[s]]
            cost += sum(self.costs[c] for c in classes)
            score = cost / (self.course.size[s] * (now - touched + 1))
            if score < least:
                best, least = s, score
        if best < 0:
            return False
        self._drop(best)
        return True

    def _drop(self, s: int) -> None:
        del self.live[s]
        self.bytes -= self.course.size[s]
        self.evicted.add(s)
        self.costs[s] = self.course.cost[self.course.made_by[s]]
        for n in self.neighbours[s]:
            if n in self.evicted:
                one, other = self._class(n), self._class(s)
                if one != other:
                    self.parent[one] = other
                    self.costs[other] += self.costs[one]

    def _class(self, s: int) -> int:
        while self.parent[s] != s:
            self.parent[s] = self.parent[self.parent[s]]
            s = self.parent[s]
        return s
