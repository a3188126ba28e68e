"""How the executor deals the items of a kernel out (`runtime/native/executor.c`), for cost models.

    shares(32, 2)  ->  [(0, 8), (8, 12), (12, 16)], [(16, 24), (24, 28), (28, 32)]

A thread owns a contiguous share, in pieces that are half of what is left of it each; a kernel is
called once a piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

TEAMS = ((1, 4.0), (2, 4.0), (4, 2.0), (8, 1.0), (16, 1.0))
"""Numbers of threads that a schedule is for, with weights."""

MOST_PIECES = 4
"""Pieces of a share, at most."""

LEAST_ITEMS = 4
"""Items of a piece, at least, where a share has as many."""


def pieces(items: int, threads: int) -> int:
    """How many pieces each share has."""
    if threads == 1:
        return 1
    share = items // max(min(threads, items), 1)
    return next((p for p in range(1, MOST_PIECES) if share >> p < LEAST_ITEMS), MOST_PIECES)


def shares(items: int, threads: int) -> list[list[tuple[int, int]]]:
    """For each thread that has any the [begin, end) of its pieces, in order."""
    count, parts = pieces(items, threads), min(threads, items)
    found = []
    for t in range(parts):
        begin, end = items * t // parts, items * (t + 1) // parts
        starts = [end - ((end - begin) >> p) for p in range(count)]
        found.append(list(zip(starts, [*starts[1:], end])))
    return found


def busiest(items: int, threads: int) -> int:
    """Items of the largest share."""
    return -(-items // threads)


def mean(taken: Callable[[int], float], teams: Sequence[tuple[int, float]] = TEAMS) -> float:
    """The weighted mean over teams of `threads * taken(threads)`: what a kernel takes of all
    threads together, and one thread's own time where it splits well."""
    return sum(w * n * taken(n) for n, w in teams) / sum(w for _, w in teams)
