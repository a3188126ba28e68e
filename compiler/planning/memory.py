"""Packs buffers with known lifetimes into one arena.

Offsets are multiples of `ALIGNMENT`. The packing is greedy: buffers in some order, each at the
tightest gap among those that live at the same time; several orders are tried, and the best ones are
improved by moving buffers. The largest sum of live bytes is a lower bound: the search stops there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

ALIGNMENT = 64


@dataclass(frozen=True)
class Lifetime:
    """A buffer of `nbytes` that lives from step `start` to step `end`, both included."""

    nbytes: int
    start: int
    end: int

    @property
    def reserved(self) -> int:
        """Bytes with the alignment's padding."""
        return -(-self.nbytes // ALIGNMENT) * ALIGNMENT

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
    plans = []
    for order in _ORDERS:
        indices = sorted(range(len(lifetimes)), key=lambda i, order=order: (order(lifetimes[i]), i))
        plans.append((*_place(lifetimes, indices), indices))
        if plans[-1][1] <= bound:
            return plans[-1][:2]
    plans.sort(key=lambda plan: plan[1])
    climbed = [_climb(lifetimes, plan, bound) for plan in plans[:_CLIMBS]]
    return min(climbed, key=lambda plan: plan[1], default=([], 0))


_CLIMBS, _ROUNDS = 3, 120


def _climb(
    lifetimes: Sequence[Lifetime], plan: tuple[list[int], int, list[int]], bound: int
) -> tuple[list[int], int]:
    """Moves a buffer that stands above the bound to an earlier turn, as long as that is no worse.

    The random numbers are seeded: the same lifetimes give the same plan.
    """
    offsets, total, indices = plan
    random = Random(len(lifetimes))
    for _ in range(_ROUNDS):
        if total <= bound:
            break
        high = [n for n, i in enumerate(indices) if offsets[i] + lifetimes[i].reserved > bound]
        turn = random.choice(high)
        trial = list(indices)
        trial.insert(random.randrange(turn // 2 + 1), trial.pop(turn))
        trial_offsets, trial_total = _place(lifetimes, trial)
        if trial_total <= total:
            offsets, total, indices = trial_offsets, trial_total, trial
    return offsets, total


def _place(lifetimes: Sequence[Lifetime], indices: Sequence[int]) -> tuple[list[int], int]:
    """Each buffer, in the order given, at the tightest gap that holds it."""
    offsets = [0] * len(lifetimes)
    placed: list[int] = []
    total = 0
    for i in indices:
        life = lifetimes[i]
        taken = sorted(
            (offsets[j], offsets[j] + lifetimes[j].reserved)
            for j in placed
            if lifetimes[j].overlaps(life) and lifetimes[j].nbytes
        )
        offsets[i] = _tightest_gap(taken, life.reserved)
        total = max(total, offsets[i] + life.reserved)
        placed.append(i)
    return offsets, total


def _tightest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """The start of the smallest gap of at least `size` between sorted intervals, or their end."""
    best, best_size, end = -1, 0, 0
    for low, high in taken:
        gap = low - end
        if gap >= size and (best < 0 or gap < best_size):
            best, best_size = end, gap
        end = max(end, high)
    return best if best >= 0 else end
