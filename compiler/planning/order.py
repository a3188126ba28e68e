"""The order of kernels in which the fewest bytes live at once.

An order is a path through sets of kernels that have run. It falls apart at kernels that every other
one must precede or follow: between two of these, each stretch is searched alone, and only where its
kernels as they stand need more than what every order needs. A stretch is searched by the largest
number of live bytes on the way, which gives the optimum, or a bound that no order passes
(`search.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tyc.compiler.planning.graph import Facts, Graph, bits
from tyc.compiler.planning.memory import ALIGNMENT
from tyc.compiler.planning.search import Stretch

MOST_STATES = 8000
"""Sets of kernels that are looked at to prove an order the best; then a good one will do."""


@dataclass(frozen=True)
class Order:
    """Kernels in the order they run in, the most bytes that live at once, a lower bound of that for
    every order, and how many sets of kernels were looked at."""

    kernels: list[int]
    peak: int
    bound: int
    states: int = 0


def find_order(graph: Graph, most_states: int = MOST_STATES) -> Order:
    """An order with few live bytes; the order of the graph is kept wherever it is as good."""
    facts = Facts(graph)
    before, after = facts.closures()
    floor = max(floors(facts, before, after), default=0)
    stretches = [Stretch(facts, *s) for s in _stretches(facts, before, after)]
    order: dict[int, list[int]] = {}
    bound = floor
    peaks = [s.peak() for s in stretches]
    states = most_states
    for i in sorted(range(len(stretches)), key=lambda i: (-peaks[i], i)):
        if peaks[i] <= bound:
            break  # all that follow fit beneath it as they stand
        found = stretches[i].search(bound, states)
        states = max(states - found.states, 0)
        bound = max(bound, found.bound)
        if found.peak < peaks[i]:
            most = max(found.peak, bound)
            order[i], peaks[i] = stretches[i].straighten(found.kernels, most), found.peak
    kernels = [k for i, s in enumerate(stretches) for k in order.get(i, s.kernels)]
    return Order(kernels, max(peaks, default=0), bound)


def updates_last(graph: Graph, order: Sequence[int]) -> list[int]:
    """The order with kernels at its end that touch nothing of the arena but scalars, and whose
    results only such kernels read: they need no room, and what they overwrite serves those that run
    again."""
    facts = Facts(graph)
    waited = 0
    last: list[int] = []
    for k in reversed(order):
        if waited >> k & 1 or any(facts.size[s] > ALIGNMENT for s in facts.touched[k]):
            waited |= facts.needs[k]
        else:
            last.append(k)
    late = set(last)
    return [k for k in order if k not in late] + last[::-1]


def floors(facts: Facts, before: Sequence[int], after: Sequence[int]) -> list[int]:
    """For each kernel the bytes that live while it runs, whatever the order: its own, and what is
    touched both by kernels that must precede it and by some that must follow."""
    sized = [s for s, size in enumerate(facts.size) if size and facts.touch[s]]
    found = []
    for k in range(facts.count):
        own = set(facts.touched[k])
        total = sum(facts.size[s] for s in own)
        if len(sized) <= _MOST_SPANNING:
            for s in sized:
                touch = facts.touch[s]
                if touch & before[k] and touch & after[k] and s not in own:
                    total += facts.size[s]
        if facts.pairs[k]:
            # What some kernel after this one reads cannot be taken over; the rest might.
            taken = facts.takeovers(k, ~after[k])
            total -= sum(facts.size[b] for b in taken)
        found.append(total)
    return found


_MOST_SPANNING = 1500


def _stretches(
    facts: Facts, before: Sequence[int], after: Sequence[int]
) -> list[tuple[int, int, list[int]]]:
    """(done before, live bytes before, kernels) between kernels that are comparable to all."""
    count = facts.count
    cuts = [k for k in range(count) if before[k].bit_count() + after[k].bit_count() + 1 == count]
    found, done = [], 0
    for cut in cuts:
        inside = before[cut] & ~done
        if inside:
            found.append((done, bits(inside)))
        found.append((before[cut], [cut]))
        done = before[cut] | 1 << cut
    rest = ((1 << count) - 1) & ~done
    if rest:
        found.append((done, bits(rest)))
    live, result = 0, []
    for done, kernels in found:
        result.append((done, live, kernels))
        for k in kernels:
            _, live = facts.step(done, live, k)
            done |= 1 << k
    return result
