"""Packs lifetimes by branch and bound over skylines: exact where the search ends.

Sorted by offset, every buffer of a tight packing lies on the highest of those below it. So each
step of the search lays one more buffer on the skyline of those that lie already, never lower than
the one before; it turns back where what is left at some time cannot fit beneath the best total.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_WORK = 150_000
"""Buffers looked at before the search gives up."""

_MOST_BUFFERS = 200

Life = tuple[int, int, int]
"""A buffer's bytes, and its first and last step."""


def search_skylines(
    lives: Sequence[Life], total: int, bound: int, most_work: int = MOST_WORK
) -> tuple[list[int], int] | None:
    """Offsets and bytes of an arena smaller than `total`; `None` where the search finds none.

    Between the bound and the total, small arenas are tried first.
    """
    if len(lives) > _MOST_BUFFERS:
        return None
    for share in (0, 4, 16, 64):
        search = _Search(lives, bound + (total - bound) * share // 100, most_work // 2)
        if search.run(0):
            return search.offsets, max(o + life[0] for o, life in zip(search.offsets, lives))
        most_work = max(most_work - search.work, 0)
    return None


class _Search:
    def __init__(self, lives: Sequence[Life], target: int, most_work: int) -> None:
        times = sorted({t for _, start, end in lives for t in (start, end + 1)})
        section = {t: i for i, t in enumerate(times)}
        self.spans = [range(section[start], section[end + 1]) for _, start, end in lives]
        self.sizes = [size for size, _, _ in lives]
        self.offsets = [0] * len(lives)
        self.left = {i for i, size in enumerate(self.sizes) if size}
        self.floor = [0] * len(times)
        self.rest = [0] * len(times)
        for i, span in enumerate(self.spans):
            for t in span:
                self.rest[t] += self.sizes[i]
        self.target, self.most_work, self.work = target, most_work, 0

    def run(self, height: int) -> bool:
        """Lays all that is left at `height` or above; true where it fits beneath the target."""
        if not self.left:
            return True
        self.work += len(self.left)
        if self.work > self.most_work or any(
            rest and max(floor, height) + rest > self.target
            for floor, rest in zip(self.floor, self.rest)
        ):
            return False
        return any(self._lay(i, at) for at, _, i in self._candidates(height))

    def _candidates(self, height: int) -> list[tuple[int, int, int]]:
        """(offset, minus the area, buffer) of what may be laid next, the lowest first."""
        found = []
        for i in self.left:
            span = self.spans[i]
            at = max(self.floor[t] for t in span)
            if at >= height:
                found.append((at, -self.sizes[i] * len(span), i))
        found.sort()
        # Something has to lie on the lowest place that is left; what begins above the top of a
        # buffer that could lie below it all may as well come later.
        top = min((at + self.sizes[i] for at, _, i in found), default=0)
        return [f for f in found if f[0] < top]

    def _lay(self, i: int, at: int) -> bool:
        span, size = self.spans[i], self.sizes[i]
        before = [self.floor[t] for t in span]
        self.left.discard(i)
        self.offsets[i] = at
        for t in span:
            self.floor[t] = at + size
            self.rest[t] -= size
        if self.run(at):
            return True
        self.left.add(i)
        for t, floor in zip(span, before):
            self.floor[t] = floor
            self.rest[t] += size
        return False
