"""Packs buffers with known lifetimes into one arena.

Offsets are multiples of `ALIGNMENT`. The packing is greedy: buffers in some order, each at the
tightest gap among those that live at the same time; several orders are tried, the best ones are
improved by moving buffers, and few buffers by a search over skylines (`native/packing.c`). The
largest sum of live bytes is a lower bound: the search stops there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tyc.compiler.planning import native

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


MOST_WORK = 200_000_000
"""Buffers looked at by the greedy packing before it gives up."""

_FEW, _SKYLINE_WORK = 200, 8_000_000

_BUFFER = np.dtype([("size", "i8"), ("offset", "i8"), ("start", "i4"), ("end", "i4")])
"""`tyc_buffer` of `native/packing.h`."""


def pack(lifetimes: Sequence[Lifetime]) -> tuple[list[int], int]:
    """The offset of each buffer, and the bytes of the arena."""
    bound, buffers = largest_live_set(lifetimes), np.zeros(len(lifetimes), _BUFFER)
    buffers["size"] = [life.reserved for life in lifetimes]
    starts, ends = [life.start for life in lifetimes], [life.end + 1 for life in lifetimes]
    times = np.unique(np.asarray([*starts, *ends], dtype=np.int64))
    buffers["start"] = np.searchsorted(times, starts)
    buffers["end"] = np.searchsorted(times, ends) - 1
    total = ctypes.c_int64()
    told = buffers.ctypes.data, len(buffers), bound, MOST_WORK
    if not native.library().tyc_pack(*told, ctypes.addressof(total)):
        raise MemoryError("no memory to pack buffers")
    found = _search_skylines(buffers, bound, total.value) if total.value > bound else None
    return found or (buffers["offset"].tolist(), total.value)


def _search_skylines(buffers: np.ndarray, bound: int, total: int) -> tuple[list[int], int] | None:
    """Offsets and bytes of an arena smaller than `total`, small ones first; `None` where the search
    finds none."""
    chosen = np.flatnonzero(buffers["size"])
    if len(chosen) > _FEW:
        return None
    for share in (0, 4, 16, 64):
        trial, target = buffers[chosen], bound + (total - bound) * share // 100
        told = trial.ctypes.data, len(trial), target, _SKYLINE_WORK
        if native.library().tyc_pack_skylines(*told):
            offsets = np.zeros(len(buffers), dtype=np.int64)
            offsets[chosen] = trial["offset"]
            return offsets.tolist(), int((trial["offset"] + trial["size"]).max())
    return None
