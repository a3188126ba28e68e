"""Decides what to keep under a memory budget: cuts first, then all that still fits.

Several sets of cuts (`checkpoints.py`), and what a greedy search from the plan without repetition
finds (`drops.py`), are filled up: of the values that are made again those are kept that save the
most for their bytes, as long as the budget holds at every position in between. The cheapest is then
improved: some kept values are dropped and the room is filled in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from random import Random

import numpy as np

from tyc.compiler.planning.chain import best_cuts
from tyc.compiler.planning.checkpoints import Cuts, Line
from tyc.compiler.planning.drops import Candidate, Decisions, bring_down, drops
from tyc.compiler.planning.eviction import evict
from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.replay import Gap, Key, Replay, Replayer

CHEAP = (0.01, 0.0, 0.04)
"""Values made again at each use: as many as cost this share of the step, the cheapest first."""

DEAR = (0.4, 0.7, 0.2, 0.0)
"""Values kept from the first use to the last: as many as take this share of the budget."""

SHARES = (1.0, 0.75, 0.5, 0.3, 0.15)
"""What a segment may have of the bytes that the kept values leave."""

LEVELS = 4

MOST_WORK = 80_000
"""Positions that are played back in all, for one budget."""


class Rematerializer:
    """Plans for one graph in one order, at any budget."""

    def __init__(self, graph: Graph, order: Sequence[int]) -> None:
        self.replayer = Replayer(graph, order)
        self.line = Line(self.replayer)
        self.free = self.least = self.replayer.free()
        self.work = 0

    def plan(self, budget: int) -> Replay:
        """The cheapest sequence found that fits the budget; where none does, the lowest one."""
        if self.free.peak <= budget:
            return self.free
        self.work = 0
        seeds = sorted(self._seeds(budget), key=lambda c: c.rank)
        if not seeds:
            return self.least
        filled = sorted((self.fill(c, budget) for c in seeds[:_FILLED]), key=lambda c: c.rank)
        return self.improve(filled[0], budget).replay

    def _play(self, decisions: Decisions) -> Replay | None:
        replay = self.replayer.play(decisions)
        self.work += len(replay.kernels) if replay else self.replayer.longest
        if replay is not None and replay.peak < self.least.peak:
            self.least = replay
        return replay

    def _seeds(self, budget: int) -> list[Candidate]:
        """Decisions that fit the budget, before what still has room is kept."""
        seeds: list[Candidate] = []
        free = Candidate(Decisions(lambda storage, last, turn: True), self.free)
        greedy = bring_down(self.replayer, free, budget, _ROUNDS)
        close = [greedy]
        for share in (1.0, 0.9) if len(self.replayer.order) <= _MOST_EVICTING else ():
            again = evict(self.replayer, int(budget * share))
            if again is not None:
                decisions = Decisions(lambda storage, last, turn: True, dropped=frozenset(again))
                replay = self._play(decisions)
                close += [Candidate(decisions, replay)] if replay is not None else []
        for decisions in self._chains(budget):
            replay = self._play(decisions)
            close += [Candidate(decisions, replay)] if replay is not None else []
        for levels in range(1, LEVELS + 1):
            for decisions in self._rules(budget, levels):
                replay = self._play(decisions)
                if replay is not None:
                    close.append(Candidate(decisions, replay))
                if self.work > MOST_WORK * levels // 2:
                    break
            seeds = [c for c in close if c.replay.peak <= budget]
            if len(seeds) >= 2:
                return seeds
        close = sorted(close, key=lambda c: c.replay.peak)[:_FILLED]
        brought = [bring_down(self.replayer, c, budget, _ROUNDS) for c in close]
        for c in brought:
            self.least = min(self.least, c.replay, key=lambda r: r.peak)
        return [c for c in (*seeds, *brought) if c.replay.peak <= budget]

    def _chains(self, budget: int) -> Iterator[Decisions]:
        for cheap, scale in product((0.0, 0.01), (1.0, 0.93, 0.87, 0.8)):
            self.line.classify(cheap, 0)
            cuts = best_cuts(self.line, int(budget * scale), _SLOTS)
            if cuts is not None:
                yield Decisions(self.line.keep(cuts))

    def _rules(self, budget: int, levels: int) -> Iterator[Decisions]:
        seen: set[tuple[float, float, Cuts]] = set()
        for share, scale, cheap, dear in product(SHARES, (1.0, 0.8, 0.6), CHEAP, DEAR):
            self.line.classify(cheap, dear * budget)
            cuts = self.line.cuts(budget * scale, share, levels)
            if cuts is not None and (cheap, dear, cuts) not in seen:
                seen.add((cheap, dear, cuts))
                yield Decisions(self.line.keep(cuts))

    def fill(self, start: Candidate, budget: int, random: Random | None = None) -> Candidate:
        """Keeps what has room, the most saved per byte first."""
        decisions, replay = start.decisions, start.replay
        while True:
            chosen = _that_fit(replay, self.replayer.size, budget, decisions.kept, random)
            while chosen:
                more = decisions.keeping(chosen)
                played = self._play(more)
                if played is not None and played.peak <= budget and played.extra < replay.extra:
                    decisions, replay = more, played
                    break
                chosen = chosen[: len(chosen) // 2]
            if not chosen:
                return Candidate(decisions, replay)

    def improve(self, best: Candidate, budget: int) -> Candidate:
        """Drops some of what is kept where the budget is tight, and fills the room again."""
        random, end, now = Random(budget), self.work + MOST_WORK, best
        while self.work < end:
            keys = self._loosened(now.replay, budget, random)
            decisions = now.decisions.dropping(keys)
            played = self._play(decisions)
            if played is None or played.peak > budget or not keys:
                self.work += len(now.replay.kernels)
                continue
            trial = self.fill(Candidate(decisions, played), budget, random)
            # A little worse may lead to better; far from the best it begins there again.
            if trial.replay.extra <= now.replay.extra * random.uniform(1.0, 1.1):
                now = trial
            if trial.rank < best.rank:
                best = trial
            elif now.replay.extra > 1.15 * best.replay.extra:
                now = best
        return best

    def _loosened(self, replay: Replay, budget: int, random: Random) -> list[Key]:
        """Some of what is kept at a position, mostly one where the budget is tight."""
        tight = np.flatnonzero(replay.profile > budget * random.choice((0.97, 0.97, 0.5)))
        at = int(tight[random.randrange(len(tight))]) if len(tight) else 0
        options = sorted(
            drops(self.replayer, replay, at),
            key=lambda d: d.cost / d.saved * random.uniform(0.5, 2.0),
        )
        count = max(1, int(len(options) * random.uniform(0, 0.1)))
        return [key for drop in options[:count] for key in drop.keys]


_FILLED, _ROUNDS, _SLOTS, _MOST_EVICTING = 6, 40, 100, 700


def _that_fit(
    replay: Replay, size: Sequence[int], budget: int, kept: frozenset[Key], random: Random | None
) -> list[Key]:
    """What was made again and has room to be kept, the most saved per byte first."""
    profile = replay.profile.copy()

    def rank(gap: Gap) -> tuple[float, int]:
        noise = random.uniform(0.7, 1.4) if random else 1.0
        return -gap.saved / size[gap.storage] * noise, gap.end - gap.begin

    chosen: list[Key] = []
    for gap in sorted((g for g in replay.gaps if not g.kept and g.saved > 0), key=rank):
        if gap.key in kept:
            continue
        between = profile[gap.begin + 1 : gap.end]
        if int(np.max(between, initial=0)) + size[gap.storage] <= budget:
            between += size[gap.storage]
            chosen.append(gap.key)
    return chosen
