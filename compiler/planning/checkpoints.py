"""Cuts of a graph between which values are made again: treeverse on graphs of any form.

Of an order, the position where the most bytes live is the turn: what was made before it and is read
after it is saved. A cut before the turn keeps the values that the kernels behind it read, up to
the turn; all else that is saved is made again, segment by segment, from the cut before it. Each
segment is as long as the bytes allow that the kept values leave; segments of segments (levels) make
again from cuts that themselves are kept only while their segment is worked on, so that n equal
layers fit into n^(1/(levels + 1)) times as many bytes (Griewank 1992; Chen 2016 for one level with
equal segments).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tyc.compiler.planning.replay import Replay, Replayer, Rule

_WINDOW = 0.3
"""The share of a segment in which its end may be moved to where the fewest bytes cross."""

_LATE = 0.15
"""The share of all values by which one that is kept all the time is read later than others."""

_NEAR = 8
"""Turns for which a cheap value is kept on the way back."""


@dataclass(frozen=True)
class Cuts:
    """Positions after which values are kept, ascending, with their levels; the highest level lasts
    from the first use to the last. `within` are stretches (after one position, up to another) with
    the level of what is saved in them; 0 elsewhere. What crosses a `bare` position is not kept."""

    positions: tuple[int, ...]
    levels: tuple[int, ...]
    within: tuple[tuple[int, int, int], ...] = ()
    bare: frozenset[int] = frozenset()


class Line:
    """An order as a way out to its turn and back."""

    def __init__(self, replayer: Replayer, free: Replay) -> None:
        self.replayer = replayer
        profile = free.profile
        self.turn = int(np.argmax(profile)) if len(profile) else 0
        count = len(replayer.size)
        self.born = np.full(count, -1)
        self.forward, self.final = np.full(count, -1), np.full(count, -1)
        for t, k in enumerate(replayer.order):
            for s in replayer.writes[k]:
                if self.born[s] < 0:
                    self.born[s] = t
            for s in replayer.reads[k]:
                self.final[s] = t
                if t <= self.turn:
                    self.forward[s] = t
        self.size = np.asarray(replayer.size, dtype=np.int64)
        early = (self.born >= 0) & (self.born <= self.turn)
        self.saved = early & (self.final > self.turn)
        self.saved[[s for s in range(count) if s not in replayer.producer]] = False
        self.pinned = self._pinned()
        self.saved &= ~self.pinned
        self.sites = self._sites()
        self.cheap, self.dear = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        self.made = self._made()
        self.crossing = self._crossing(early)
        self.beside, self.hold = self._beside(profile)

    def _pinned(self) -> np.ndarray:
        """What is read far later on the way back than what was made about when it was."""
        saved = np.flatnonzero(self.saved)
        rank = np.zeros((2, len(self.saved)), dtype=np.int64)
        for row, keys in enumerate((self.born[saved], -self.final[saved])):
            rank[row, saved[np.lexsort((self.born[saved], keys))]] = np.arange(len(saved))
        return rank[0] - rank[1] > _LATE * len(saved) + 2

    def _made(self) -> np.ndarray:
        """Bytes of what is saved and not cheap, by where it is made."""
        made = np.zeros(self.turn + 2, dtype=np.int64)
        chosen = self.saved & ~self.cheap & ~self.dear
        np.add.at(made, self.born[chosen], self.size[chosen])
        return made

    def classify(self, share: float, kept: float) -> None:
        """Has the values made again at each use that cost the least for their bytes, as many as
        cost this share of the step when they run once more; and those kept that cost the most, up
        to so many bytes."""
        replayer = self.replayer
        cost = np.asarray([
            replayer.cost[replayer.producer[s]] if s in replayer.producer else np.inf
            for s in range(len(self.size))
        ])  # fmt: skip
        chosen = np.flatnonzero(self.saved & np.isfinite(cost))
        chosen = chosen[np.argsort(cost[chosen] / self.size[chosen], kind="stable")]
        total = share * sum(replayer.cost)
        self.cheap[:] = self.dear[:] = False
        self.cheap[chosen[np.cumsum(cost[chosen]) <= total]] = True
        chosen = chosen[::-1]
        self.dear[chosen[np.cumsum(self.size[chosen]) <= kept]] = True
        self.dear &= ~self.cheap
        self.made = self._made()

    def _sites(self) -> list[int]:
        """For each turn on the way back, the latest way-out turn whose values are still needed."""
        order, reads, born = self.replayer.order, self.replayer.reads, self.born
        sites, latest = [self.turn] * len(order), 0
        for t in range(len(order) - 1, self.turn, -1):
            for s in reads[order[t]]:
                if self.saved[s] and born[s] > latest:
                    latest = int(born[s])
            sites[t] = latest
        return sites

    def _crossing(self, early: np.ndarray) -> np.ndarray:
        """Bytes that the kernels behind each position read of what was made up to it."""
        change = np.zeros(self.turn + 2, dtype=np.int64)
        chosen = early & (self.forward > self.born)
        np.add.at(change, self.born[chosen], self.size[chosen])
        np.add.at(change, self.forward[chosen], -self.size[chosen])
        return np.cumsum(change)

    def _beside(self, profile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The most and the fewest bytes that live beside saved values while the way back is at a
        position."""
        count = len(profile)
        change = np.zeros(count + 1, dtype=np.int64)
        np.add.at(change, self.born[self.saved], self.size[self.saved])
        np.add.at(change, self.final[self.saved] + 1, -self.size[self.saved])
        rest = profile - np.cumsum(change[:-1])
        most = np.zeros(self.turn + 2, dtype=np.int64)
        least = np.full(self.turn + 2, int(rest.max(initial=0)), dtype=np.int64)
        sites = np.asarray(self.sites[self.turn :])
        np.maximum.at(most, sites, rest[self.turn :])
        np.minimum.at(least, sites, rest[self.turn :])
        return most, np.minimum(least, most)

    def cuts(self, budget: float, share: float, levels: int) -> Cuts | None:
        """Cuts that should fit the budget; `None` where these levels do not reach the turn. Each
        segment may have the share of what is left."""
        found: list[tuple[int, int]] = []
        end = self._walk(-1, budget, share, levels, found)
        if end < self.turn:
            return None
        found.sort()
        return Cuts(tuple(c for c, _ in found), tuple(level for _, level in found))

    def _walk(
        self, at: int, budget: float, share: float, level: int, found: list[tuple[int, int]]
    ) -> int:
        """Where segments of a level end that begin after `at`."""
        if level == 0:
            return self._segment(at, budget)
        while budget > 0:
            inner: list[tuple[int, int]] = []
            end = self._walk(at, budget * share, share if level == 1 else 1.0, level - 1, inner)
            found += inner
            if end >= self.turn or end == at:
                return end
            found.append((end, level))
            inside = (self.born > at) & (self.born <= end)
            crosses = inside & ((self.forward > end) | self.dear)
            budget -= float(self.size[crosses].sum())
            at = end
        return at

    def _segment(self, at: int, budget: float) -> int:
        end, saved, beside = at, 0, 0
        while end < self.turn:
            saved += int(self.made[end + 1])
            beside = max(beside, int(self.beside[end + 1]))
            if saved + beside > budget:
                break
            end += 1
        if end >= self.turn or end == at:
            return end
        low = end - int((end - at) * _WINDOW)
        crossing = self.crossing[low : end + 1]
        return low + len(crossing) - 1 - int(np.argmin(crossing[::-1]))

    def rule(self, cuts: Cuts) -> Rule:
        """The decisions of these cuts."""
        top = max(cuts.levels, default=0)
        top = max(top, max((level for _, _, level in cuts.within), default=0))
        levels = np.zeros(len(self.size), dtype=np.int64)
        for c, level in zip(cuts.positions, cuts.levels):
            crosses = (self.born <= c) & (self.forward > c) & (self.born >= 0)
            crosses &= c not in cuts.bare
            levels[crosses] = np.maximum(levels[crosses], level)
        saved = self.saved & ~self.cheap
        for low, high, level in cuts.within:
            inside = saved & (self.born > low) & (self.born <= high)
            levels[inside] = np.maximum(levels[inside], level)
        levels[(self.born > self.turn) | self.dear | self.pinned] = top
        return Rule(levels, self._segments(cuts, top), self.cheap, top, self.turn, _NEAR)

    def _segments(self, cuts: Cuts, top: int) -> np.ndarray:
        """By level and turn: how many cuts of a higher level lie before what a turn works on."""
        positions, levels = np.asarray(cuts.positions), np.asarray(cuts.levels)
        sites = np.asarray(self.sites)
        found = np.zeros((max(top, 1), len(sites)), dtype=np.int64)
        for level in range(top):
            own = positions[levels > level]
            found[level] = np.searchsorted(own, sites, side="left")
            found[level, : self.turn + 1] = len(own)
        return found
