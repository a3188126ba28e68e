"""Where each value of an ordered graph lies in the arena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tyc.compiler.planning.graph import Facts, Graph
from tyc.compiler.planning.memory import Lifetime, largest_live_set, pack


@dataclass(frozen=True)
class Layout:
    """The byte offset of each value (-1 for what lives elsewhere), the bytes of the arena, and the
    most bytes that live at a step."""

    offsets: list[int]
    arena_bytes: int
    peak: int


def lay_out(graph: Graph, order: Sequence[int]) -> Layout:
    """Offsets for the kernels in this order; a storage takes over the bytes of another one wherever
    that is possible."""
    facts = Facts(graph)
    first, last, over = _lifetimes(facts, order)
    groups: dict[int, list[int]] = {}
    for s in first:
        root = s
        while root in over:
            root = over[root]
        groups.setdefault(root, []).append(s)
    lives = [
        Lifetime(graph.sizes[root], min(first[s] for s in group), max(last[s] for s in group))
        for root, group in groups.items()
    ]
    places, _ = pack(lives)
    at = {s: place for place, group in zip(places, groups.values()) for s in group}
    offsets = []
    for v, size in enumerate(graph.sizes):
        root, inside = graph.root(v)
        offsets.append(at[root] + inside if (size and root in at) else -1)
    # Without the padding of the last buffer: every byte that is asked for is used.
    total = max((o + life.nbytes for o, life in zip(places, lives)), default=0)
    return Layout(offsets, total, largest_live_set(lives))


def _lifetimes(
    facts: Facts, order: Sequence[int]
) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """First and last step of each storage, and the storage whose bytes it takes over."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    over: dict[int, int] = {}
    done = 0
    for step, k in enumerate(order):
        for s in facts.touched[k]:
            first.setdefault(s, step)
            last[s] = step
        if facts.pairs[k]:
            over.update(facts.takeovers(k, done))
        done |= 1 << k
    return first, last, over
