"""Brings a sequence down to a budget: drops what costs the least at the position that is the worst.

At the position where the most bytes live, some values lie there that its kernel does not touch.
Each may be made again before its next use, by its kernel and those of what that reads and what no
longer lives then. Those with the most bytes for their cost are dropped, until nothing is above the
budget or nothing helps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tyc.compiler.planning.replay import Gap, Keep, Key, Replay, Replayer

_MOST_AGAIN = 48
_PATIENCE = 6


@dataclass(frozen=True)
class Drop:
    """Decisions not to keep, the bytes that they save at a position, and what they cost."""

    keys: tuple[Key, ...]
    saved: int
    cost: float


@dataclass(frozen=True)
class Decisions:
    """A rule, and the storages at turns for which something else holds."""

    rule: Keep
    kept: frozenset[Key] = frozenset()
    dropped: frozenset[Key] = frozenset()

    def __call__(self, storage: int, last: int, turn: int) -> bool:
        """Whether a storage is kept from the turn of its last use to the turn that needs it."""
        key = storage, turn
        if key in self.kept:
            return True
        return key not in self.dropped and self.rule(storage, last, turn)

    def keeping(self, keys: Sequence[Key]) -> Decisions:
        """With these kept."""
        return Decisions(self.rule, self.kept.union(keys), self.dropped.difference(keys))

    def dropping(self, keys: Sequence[Key]) -> Decisions:
        """With these made again."""
        return Decisions(self.rule, self.kept.difference(keys), self.dropped.union(keys))


@dataclass
class Candidate:
    """Decisions and what they come to."""

    decisions: Decisions
    replay: Replay

    @property
    def rank(self) -> tuple[float, int]:
        """Cheaper first."""
        return self.replay.extra, self.replay.peak


def bring_down(replayer: Replayer, start: Candidate, budget: int, rounds: int) -> Candidate:
    """Decisions that fit the budget, or the lowest on the way there."""
    now = best = start
    waited = 0
    for _ in range(rounds):
        if best.replay.peak <= budget or waited > _PATIENCE:
            break
        keys = _dropped_at_peak(replayer, now.replay, budget)
        if not keys:
            break
        decisions = now.decisions.dropping(keys)
        replay = replayer.play(decisions)
        if replay is None:
            break
        now = Candidate(decisions, replay)
        waited += 1
        if replay.peak < best.replay.peak:
            best, waited = now, 0
    return best


def _dropped_at_peak(replayer: Replayer, replay: Replay, budget: int) -> list[Key]:
    at = int(np.argmax(replay.profile))
    wanted = replay.peak - budget
    # A part at a time: what is dropped changes what the rest costs.
    wanted = max(wanted // 3, min(wanted, replay.peak // 50))
    keys: list[Key] = []
    for drop in sorted(drops(replayer, replay, at), key=lambda d: d.cost / d.saved):
        if wanted <= 0:
            break
        if not set(keys).intersection(drop.keys):
            wanted -= drop.saved
        keys += drop.keys
    return keys


def drops(replayer: Replayer, replay: Replay, at: int) -> Iterator[Drop]:
    """What may be dropped of the values that live at a position and are not touched there."""
    for gap in replay.gaps:
        if gap.kept and gap.begin < at < gap.end and gap.storage in replayer.producer:
            drop = _drop(replayer, replay, gap, at)
            if drop is not None and drop.saved > 0:
                yield drop


def _drop(replayer: Replayer, replay: Replay, gap: Gap, at: int) -> Drop | None:
    keys, saved, cost = [gap.key], replayer.size[gap.storage], 0.0
    kernels = {replayer.producer[gap.storage]}
    work = list(kernels)
    while work:
        k = work.pop()
        if replayer.expiry[k] < gap.turn or len(kernels) > _MOST_AGAIN:
            return None
        cost += replayer.cost[k]
        for s in replayer.reads[k]:
            end = max((e for b, e in replay.lives[s] if b < gap.end), default=-1)
            if end >= at:
                continue
            again = replayer.producer.get(s)
            if again is None or replayer.expiry[again] < gap.turn:
                saved -= replayer.size[s]
            elif again not in kernels:
                kernels.add(again)
                work.append(again)
                keys.append((s, gap.turn))
    return Drop(tuple(keys), saved, cost)
