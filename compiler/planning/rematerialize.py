"""Decides what to keep under a memory budget: cuts first, then all that still fits.

Several sets of cuts (`checkpoints.py`, `chain.py`), and what greedy searches find, are filled up:
of the values that are made again those are kept that save the most for their bytes, as long as the
budget holds at every position in between. The cheapest are then improved: some kept values are
dropped and the room is filled in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from tyc.compiler.planning.chain import best_cuts
from tyc.compiler.planning.checkpoints import Cuts, Line
from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.replay import Candidate, Replay, Replayer

CHEAP = (0.0, 0.01, 0.04)
"""Values made again at each use: as many as cost this share of the step, the cheapest first."""

DEAR = (0.0, 0.3, 0.6)
"""Values kept from the first use to the last: as many as take this share of the budget."""

SHARES = (1.0, 0.5, 0.2)
"""What a segment may have of the bytes that the kept values leave."""

LEVELS = 3

ROOMS = (1.0, 0.95, 0.9, 0.83, 0.75, 0.65)
"""Shares of the budget that a chain's programme may have; the rest is for what it does not see."""

MOST_WORK, WORK_A_KERNEL = 12_000_000, 20_000
"""Positions that the search plays for one budget, at most, and for each kernel of the graph."""

_FILLED, _IMPROVED = 12, 3

_STEPS = (0.85, 0.95)
"""How far down the next step to the least peak goes."""

_TIGHTENING = 0.3
"""The share of the work that the search may do for a budget close to the last one."""


class Rematerializer:
    """Plans for one graph in one order, at any budget."""

    def __init__(self, graph: Graph, order: Sequence[int]) -> None:
        self.replayer = Replayer(graph, order)
        self.start = self.replayer.begin()
        self.free = self.replayer.replay()
        self.line = Line(self.replayer, self.free)
        self.least = self.start
        self.found: list[Candidate] = []

    def plan(self, budget: int) -> Replay:
        """The cheapest sequence found that fits the budget; where none does, the lowest one."""
        if self.free.peak <= budget:
            return self.free
        best = self._best(self._seeds(budget), budget)
        if best is None:
            self._sink(budget)
            lowest = max(self.least.peak, budget)
            if lowest < self.free.peak:
                best = self._best(self._seeds(lowest), lowest)  # as low, and cheaper
        return self._chosen(best or self.least)

    def _sink(self, budget: int) -> None:
        """Lowers the least peak towards a budget by steps, while that goes on."""
        floor = max(budget, _floor(self.replayer))
        for share in _STEPS:
            before = self.least.peak + 1
            while floor < self.least.peak < before:
                before = self.least.peak
                self._seeds(max(floor, int(share * before)))

    def tighten(self, budget: int) -> Replay:
        """The last plan brought down to a budget that is a little lower, or a whole new one."""
        seeds = [self.replayer.bring_down(c, budget) for c in self.found[-1:]]
        best = self._best([c for c in seeds if c.peak <= budget], budget, _TIGHTENING)
        return self.plan(budget) if best is None else self._chosen(best)

    def _chosen(self, best: Candidate) -> Replay:
        self.found.append(best)
        found = self.replayer.play(best.decisions)
        assert found is not None
        return found

    def _best(
        self, seeds: Sequence[Candidate], budget: int, share: float = 1.0
    ) -> Candidate | None:
        """The best that the search finds from decisions that fit; `None` without any."""
        if not seeds:
            return None
        filled = [self.replayer.fill(c, budget) for c in sorted(seeds, key=_rank)[:_FILLED]]
        filled = sorted(filled, key=_rank)[:_IMPROVED]
        work = int(share * min(MOST_WORK, WORK_A_KERNEL * len(self.replayer.order)))
        end = self.replayer.work + work
        tried = [
            self.replayer.improve(c, budget, work // (4 * _IMPROVED), seed)
            for seed, c in enumerate(filled)
        ]
        best = min(tried, key=_rank)
        left = end - self.replayer.work
        return self.replayer.improve(best, budget, left, _IMPROVED) if left > 0 else best

    def _seeds(self, budget: int) -> list[Candidate]:
        """Decisions that fit the budget, before what still has room is kept."""
        replayer = self.replayer
        tried = [*self._evicted(budget), *self._chained(budget), *self._ruled(budget)]
        tried += [c for c in self.found if c.peak > budget][-2:]
        over = sorted((c for c in tried if c.peak > budget), key=lambda c: c.peak)
        lowered = [self.start, *over[:_FILLED]]
        for parts in (3, 12):
            tried += [replayer.bring_down(c, budget, parts=parts) for c in lowered]
        tried += [c for c in self.found if c.peak <= budget]
        self.least = min([self.least, *tried], key=lambda c: c.peak)
        return [c for c in tried if c.peak <= budget]

    def _evicted(self, budget: int) -> Iterator[Candidate]:
        for share in (1.0, 0.9):
            found = self.replayer.evict(int(budget * share))
            if found is not None:
                yield found

    def _chained(self, budget: int) -> Iterator[Candidate]:
        for cheap, running in ((CHEAP[0], False), *((cheap, True) for cheap in CHEAP)):
            self.line.classify(cheap, 0)
            yield from self._follow(best_cuts(self.line, budget, ROOMS, running))

    def _ruled(self, budget: int) -> Iterator[Candidate]:
        for cheap, dear in product(CHEAP, DEAR):
            self.line.classify(cheap, dear * budget)
            tried = product(range(1, LEVELS + 1), (1.0, 0.75), SHARES)
            cuts = [self.line.cuts(budget * scale, s, levels) for levels, scale, s in tried]
            yield from self._follow(c for c in dict.fromkeys(cuts) if c is not None)

    def _follow(self, cuts: Iterator[Cuts] | Sequence[Cuts]) -> Iterator[Candidate]:
        for c in cuts:
            found = self.replayer.follow(self.line.rule(c))
            if found is not None:
                yield found


def _floor(replayer: Replayer) -> int:
    """Bytes that every sequence needs: those of a kernel's values, without what may be shared."""
    size, most = replayer.size, 0
    for reads, writes, pairs in zip(replayer.reads, replayer.writes, replayer.sequences.pairs):
        shared = {b for _, b in pairs}
        most = max(most, sum(size[s] for s in {*reads, *writes} - shared))
    return most


def _rank(candidate: Candidate) -> tuple[float, int]:
    return candidate.rank
