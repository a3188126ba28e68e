"""The best cuts of a chain, by `native/chain.c`: a dynamic programme over its stretches and the
bytes that are left.

The stretches are those between positions where few bytes cross. A run of stretches is kept whole,
where that fits; or its first one is kept; or a cut in it is kept, the rest behind the cut is done
with what that leaves, and the part before the cut is made again and done with all (the persistent
schedules of Rotor, Beaumont 2019); or the rest is kept whole and the cut is not.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tyc.compiler.planning import native
from tyc.compiler.planning.checkpoints import Cuts, Line

MOST_STRETCHES = 96
"""Longer chains are cut at some of their positions only."""

_MOST_WORK, _MOST_SLOTS = 40_000_000, 2000


def best_cuts(line: Line, budget: int, shares: Sequence[float], running: bool = True) -> list[Cuts]:
    """The cuts that cost the least within each share of the budget, without those that do not fit;
    what kernels touch on the way out counts where it is `running`."""
    return _Programme(line, budget, running).cuts(shares)


class _Programme:
    """The chain of a line, its bytes in units of which the budget has `slots`."""

    def __init__(self, line: Line, budget: int, running: bool) -> None:
        self.ends = [-1, *_narrow(line), line.turn]
        self.count = count = len(self.ends) - 1
        replayer = line.replayer
        cost = [replayer.cost[k] for k in replayer.order[: line.turn + 1]]
        work = np.concatenate([[0.0], np.cumsum(cost)]) / (sum(replayer.cost) or 1.0)
        made = np.concatenate([[0], np.cumsum(line.made)])
        beside = [
            int(line.beside[a + 1 : b + 2].max(initial=0)) for a, b in zip(self.ends, self.ends[1:])
        ]
        after = [e + 1 for e in self.ends]
        crossing = _crossing(line, self.ends)
        most = int(min(max(6 * _MOST_WORK // count**3, 64), _MOST_SLOTS))
        first, later = _touched(line, self.ends)
        first, later = first * running, later * running
        parts = [first, later, np.diff(made[after]), np.asarray(beside), crossing.ravel()]
        common = int(np.gcd.reduce(np.concatenate(parts)))
        unit = common if common and budget <= common * most else max(budget, 1) / most
        self.slots = int(budget / unit)
        self.work = np.ascontiguousarray(work[after])
        self.last = np.where(_inside(line, self.ends) > 0, np.diff(self.work), 0.0)
        self.made = _slots(made[after] / unit, self.slots)
        self.beside = _slots(np.asarray(beside) / unit, self.slots)
        self.cross = _slots(crossing / unit, self.slots)
        self.first, self.later = _slots(first / unit, self.slots), _slots(later / unit, self.slots)
        self.hold = _slots(running * line.hold[np.asarray(self.ends[1:])] / unit, self.slots)

    def cuts(self, shares: Sequence[float]) -> list[Cuts]:
        """The best for each share of the slots."""
        rooms = np.asarray([int(self.slots * share) for share in shares], dtype=np.int32)
        cuts = np.zeros((len(rooms), self.count + 1), dtype=np.int32)
        kept = np.zeros((len(rooms), self.count), dtype=np.int32)
        costs = np.zeros(len(rooms), dtype=np.float32)
        arrays = (self.work, self.last, self.made, self.beside, self.cross)
        arrays += (self.first, self.later, self.hold)
        chain = native.Chain(self.count, self.slots, *(a.ctypes.data for a in arrays))
        found = (cuts.ctypes.data, kept.ctypes.data, costs.ctypes.data)
        told = ctypes.addressof(chain), rooms.ctypes.data, len(rooms)
        if not native.library().tyc_chain_solve(*told, *found):
            raise MemoryError("no memory for a chain's programme")
        return [self._cuts(cuts[r], kept[r]) for r in np.flatnonzero(costs < 1e38)]

    def _cuts(self, cuts: np.ndarray, kept: np.ndarray) -> Cuts:
        depths = np.where(cuts < -1, -2 - cuts, cuts)
        top = int(max(depths.max(), kept.max())) + 1
        chosen = np.flatnonzero(depths >= 0)
        return Cuts(
            tuple(self.ends[n] for n in chosen),
            tuple(top - int(depths[n]) for n in chosen),
            tuple((self.ends[n], self.ends[n + 1], top - int(kept[n])) for n in range(self.count)),
            frozenset(self.ends[n] for n in np.flatnonzero(cuts < -1)),
        )


def _slots(found: np.ndarray, slots: int) -> np.ndarray:
    """Whole slots; what has no room at all, as one more than there are."""
    most = np.minimum(np.rint(found), 1 << 28) if found.ndim < 2 else np.minimum(found, slots + 1)
    return np.ascontiguousarray(np.rint(most), dtype=np.int32)


def _touched(line: Line, ends: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The most bytes that a kernel of each stretch touches: of what is made in it, and of all."""
    replayer, found = line.replayer, np.zeros((2, len(ends) - 1), dtype=np.int64)
    for n, (low, high) in enumerate(pairwise(ends)):
        for t in range(low + 1, high + 1):
            k = replayer.order[t]
            touched = {*replayer.reads[k], *replayer.writes[k]}
            own = sum(replayer.size[s] for s in touched if line.born[s] > low)
            found[:, n] = np.maximum(found[:, n], (own, sum(replayer.size[s] for s in touched)))
    return found[0], found[1]


def _inside(line: Line, ends: Sequence[int]) -> np.ndarray:
    """Bytes of each stretch that are saved, and not read behind it on the way out."""
    born = np.searchsorted(ends, line.born) - 1
    read = np.searchsorted(ends, line.forward) - 1
    chosen = line.saved & ~line.cheap & ~line.dear & (read <= born)
    found = np.zeros(len(ends) - 1, dtype=np.int64)
    np.add.at(found, born[chosen], line.size[chosen])
    return found


def _crossing(line: Line, ends: Sequence[int]) -> np.ndarray:
    """Bytes made from the first stretch on that are read behind the second one's begin."""
    count = len(ends) - 1
    chosen = (line.born >= 0) & (line.born <= line.turn) & (line.forward > line.born)
    born = np.searchsorted(ends, line.born[chosen]) - 1
    read = np.searchsorted(ends, line.forward[chosen]) - 1
    found = np.zeros((count + 1, count + 2), dtype=np.int64)
    np.add.at(found, (born, born + 1), line.size[chosen])
    np.add.at(found, (born, read + 1), -line.size[chosen])
    found = np.cumsum(found, axis=1)[:, : count + 1]
    return np.ascontiguousarray(np.cumsum(found[::-1], axis=0)[::-1])


def _narrow(line: Line) -> list[int]:
    """Positions at which no more bytes cross than beside them."""
    x = line.crossing[: line.turn]
    wide = np.concatenate([[np.inf], x, [np.inf]])
    found = np.flatnonzero((x <= wide[:-2]) & (x <= wide[2:])).tolist()
    return found[:: -(-len(found) // MOST_STRETCHES) or 1]
