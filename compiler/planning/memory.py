"""Packs buffers with known lifetimes into one arena.

Offsets are multiples of `ALIGNMENT`. The packing is greedy: buffers in some order, each at the
tightest gap among those that live at the same time; several orders are tried, the best ones are
improved by moving buffers, and few buffers by a search over skylines. The largest sum of live bytes
is a lower bound: the search stops there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tyc.compiler.planning.skylines import search_skylines

ALIGNMENT = 64


def reserved(nbytes: int) -> int:
    """Bytes with the padding that keeps the next buffer aligned."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Lifetime:
    """A buffer of `nbytes` that lives from step `start` to step `end`, both included."""

    nbytes: int
    start: int
    end: int

    @property
    def reserved(self) -> int:
        """Bytes with the alignment's padding."""
        return reserved(self.nbytes)

    def overlaps(self, other: Lifetime) -> bool:
        """True where both live at some step."""
        return self.start <= other.end and other.start <= self.end


def largest_live_set(lifetimes: Sequence[Lifetime]) -> int:
    """The largest sum of reserved bytes that live at one step: no arena can be smaller."""
    changes: dict[int, int] = {}
    for life in lifetimes:
        changes[life.start] = changes.get(life.start, 0) + life.reserved
        changes[life.end + 1] = changes.get(life.end + 1, 0) - life.reserved
    live = peak = 0
    for step in sorted(changes):
        live += changes[step]
        peak = max(peak, live)
    return peak


_ORDERS: tuple[Callable[[Lifetime], tuple[int, ...]], ...] = (
    lambda b: (-b.reserved, b.start),
    lambda b: (-b.reserved * (b.end - b.start + 1), b.start),
    lambda b: (b.start - b.end, -b.reserved),
    lambda b: (b.start, -b.reserved),
    lambda b: (b.end, -b.reserved),
    lambda b: (-b.end, -b.reserved),
)


def pack(lifetimes: Sequence[Lifetime]) -> tuple[list[int], int]:
    """The offset of each buffer, and the bytes of the arena."""
    bound = largest_live_set(lifetimes)
    packing = _Packing(lifetimes)
    plans = []
    for order in _ORDERS:
        indices = sorted(range(len(lifetimes)), key=lambda i, order=order: (order(lifetimes[i]), i))
        plans.append((*packing.place(indices), indices))
        if plans[-1][1] <= bound:
            return plans[-1][:2]
    plans.sort(key=lambda plan: plan[1])
    best = plans[0][:2]
    for plan in plans[:_CLIMBS]:
        best = min(best, packing.climb(plan, bound), key=lambda found: found[1])
        if best[1] <= bound:
            return best
    lives = [(life.reserved, life.start, life.end) for life in lifetimes]
    return search_skylines(lives, best[1], bound) or best


_CLIMBS, _PLACEMENTS = 3, 6000


class _Packing:
    """Buffers one after another, each at the tightest gap among those it lives with."""

    def __init__(self, lifetimes: Sequence[Lifetime]) -> None:
        self.sizes = [life.reserved for life in lifetimes]
        self.beside = [
            [j for j, b in enumerate(lifetimes) if a.overlaps(b) and b.nbytes and i != j]
            for i, a in enumerate(lifetimes)
        ]

    def place(self, indices: Sequence[int]) -> tuple[list[int], int]:
        """Offsets and total of the buffers placed in the order given."""
        sizes, beside = self.sizes, self.beside
        offsets, ends = [0] * len(sizes), [0] * len(sizes)
        total = 0
        for i in indices:
            taken = sorted([(offsets[j], ends[j]) for j in beside[i] if ends[j]])
            offsets[i] = _tightest_gap(taken, sizes[i])
            ends[i] = offsets[i] + sizes[i]
            total = max(total, ends[i])
        return offsets, total

    def climb(self, plan: tuple[list[int], int, list[int]], bound: int) -> tuple[list[int], int]:
        """Moves a buffer that stands above the bound to an earlier turn, as long as that is no
        worse. The random numbers are seeded: the same lifetimes give the same plan."""
        offsets, total, indices = plan
        random = Random(len(indices))
        for _ in range(_PLACEMENTS // max(len(indices), 50)):
            if total <= bound:
                break
            high = [n for n, i in enumerate(indices) if offsets[i] + self.sizes[i] > bound]
            turn = random.choice(high)
            trial = list(indices)
            trial.insert(random.randrange(turn // 2 + 1), trial.pop(turn))
            trial_offsets, trial_total = self.place(trial)
            if trial_total <= total:
                offsets, total, indices = trial_offsets, trial_total, trial
        return offsets, total


def _tightest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """The start of the smallest gap of at least `size` between sorted intervals, or their end."""
    best, best_size, end = -1, 0, 0
    for low, high in taken:
        gap = low - end
        if gap >= size and (best < 0 or gap < best_size):
            best, best_size = end, gap
        if high > end:
            end = high
    return best if best >= 0 else end
