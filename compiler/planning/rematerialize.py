"""Decides what to keep under a memory budget: cuts first, then all that still fits.

Several sets of cuts (`checkpoints.py`), and what a greedy search from the plan without repetition
finds, are filled up: of the values that are made again those are kept that save the most for their
bytes, as long as the budget holds at every position in between. The cheapest is then improved:
some kept values are dropped and the room is filled in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from tyc.compiler.planning.checkpoints import Line
from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.replay import Gap, Keep, Key, Replay, Replayer

SHARES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.08)
"""What a segment may have of the bytes that the kept values leave."""

LEVELS = 4

CHEAP = (0.0, 0.01, 0.04)


@dataclass(frozen=True)
class Decisions:
    """A rule, and the storages at turns for which something else holds."""

    rule: Keep
    kept: frozenset[Key] = frozenset()
    dropped: frozenset[Key] = frozenset()

    def __call__(self, storage: int, last: int, turn: int) -> bool:
        key = storage, turn
        if key in self.kept:
            return True
        return key not in self.dropped and self.rule(storage, last, turn)


@dataclass
class Candidate:
    """Decisions and what they come to."""

    decisions: Decisions
    replay: Replay


@dataclass
class Rematerializer:
    """Plans for one graph in one order, at any budget."""

    graph: Graph
    order: Sequence[int]
    replayer: Replayer = field(init=False)
    line: Line = field(init=False)
    free: Replay = field(init=False)

    def __post_init__(self) -> None:
        self.replayer = Replayer(self.graph, self.order)
        self.line = Line(self.replayer)
        self.free = self.replayer.free()
        self.least: Replay = self.free
        self.found: list[Candidate] = []

    def plan(self, budget: int) -> Replay:
        """The cheapest sequence that fits the budget, or the one with the lowest peak."""
        if self.free.peak <= budget:
            return self.free
        seeds = self._seeds(budget)
        if not seeds:
            return self.least
        filled = [self.fill(c, budget) for c in seeds]
        best = min(filled, key=lambda c: (c.replay.extra, c.replay.peak))
        return self.improve(best, budget).replay

    def _seeds(self, budget: int) -> list[Candidate]:
        """Decisions that fit the budget, before what still has room is kept."""
        seeds, seen = [], set()
        for cheap, levels in [(c, l) for l in range(1, LEVELS + 1) for c in CHEAP]:
            self.line.cheapen(cheap)
            for share in SHARES:
                for scale in (1.0, 0.9, 0.75):
                    cuts = self.line.cuts(budget * scale, share, levels)
                    if cuts is None or (cheap, cuts) in seen:
                        continue
                    seen.add((cheap, cuts))
                    decisions = Decisions(self.line.keep(cuts))
                    replay = self.replayer.play(decisions)
                    if replay is None:
                        continue
                    if replay.peak < self.least.peak:
                        self.least = replay
                    if replay.peak <= budget:
                        seeds.append(Candidate(decisions, replay))
                        break
            if len(seeds) >= 2 and cheap == CHEAP[-1]:
                break
        return seeds

    def fill(self, start: Candidate, budget: int, random: Random | None = None) -> Candidate:
        """Keeps what has room, the most saved per byte first."""
        kept, replay = set(start.decisions.kept), start.replay
        dropped = start.decisions.dropped
        while True:
            chosen = _that_fit(replay, self.replayer.size, budget, kept, random)
            if not chosen:
                return Candidate(Decisions(start.decisions.rule, frozenset(kept), dropped), replay)
            kept |= chosen
            dropped = dropped - chosen
            played = self.replayer.play(Decisions(start.decisions.rule, frozenset(kept), dropped))
            assert played is not None
            if played.peak > budget:
                kept -= chosen
                return Candidate(Decisions(start.decisions.rule, frozenset(kept), dropped), replay)
            replay = played

    def improve(self, best: Candidate, budget: int) -> Candidate:
        return best


def _that_fit(
    replay: Replay, size: Sequence[int], budget: int, kept: set[Key], random: Random | None
) -> set[Key]:
    profile = replay.profile.copy()

    def rank(gap: Gap) -> tuple[float, int]:
        noise = random.uniform(0.7, 1.4) if random else 1.0
        return -gap.saved / size[gap.storage] * noise, gap.end - gap.begin

    chosen: set[Key] = set()
    for gap in sorted((g for g in replay.gaps if not g.kept), key=rank):
        if gap.key in kept or gap.saved <= 0:
            continue
        between = profile[gap.begin + 1 : gap.end]
        if int(np.max(between, initial=0)) + size[gap.storage] <= budget:
            between += size[gap.storage]
            chosen.add(gap.key)
    return chosen
