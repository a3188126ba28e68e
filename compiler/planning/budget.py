"""Fits a graph into a number of bytes: by another order, then by running kernels again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tyc.compiler.planning.graph import Facts, Graph
from tyc.compiler.planning.offsets import Layout, lay_out
from tyc.compiler.planning.order import find_order
from tyc.compiler.planning.recompute import recompute
from tyc.compiler.planning.sequence import Expanded, Sequences

_TRIES = 4


@dataclass(frozen=True)
class Fitted:
    """The graph in the order it runs, where its values lie, and a bound of any order's peak."""

    expanded: Expanded
    layout: Layout
    bound: int = 0


def place(graph: Graph, budget: int | None = None) -> Fitted:
    """The plan with the smallest arena; within the budget by running kernels again if it must.

    Where nothing fits the budget, the smallest arena that was found.
    """
    order = find_order(graph)
    given = list(range(len(graph.kernels)))
    best = _fitted(graph, order.kernels, order.bound)
    if order.kernels != given and best.layout.arena_bytes > order.peak:
        best = min(best, _fitted(graph, given, order.bound), key=_bytes)
    if budget is not None and _bytes(best) > budget:
        again = _rerun(graph, order.kernels, budget)
        return again if _bytes(again) < _bytes(best) else best
    return best


def _bytes(fitted: Fitted) -> int:
    return fitted.layout.arena_bytes


def _fitted(graph: Graph, kernels: Sequence[int], bound: int = 0) -> Fitted:
    expanded = Sequences(graph).expand(kernels)
    steps = range(len(kernels))
    return Fitted(expanded, lay_out(expanded.graph, steps), bound)


def _rerun(graph: Graph, order: Sequence[int], budget: int) -> Fitted:
    """A plan within the budget, or the smallest found on the way down to what one kernel needs."""
    target, best = budget, None
    for _ in range(_TRIES):
        fitted = _reordered(graph, recompute(graph, order, target).kernels)
        best = fitted if best is None or _bytes(fitted) < _bytes(best) else best
        if _bytes(best) <= budget or fitted.layout.peak > target:
            break
        target -= _bytes(fitted) - budget  # what the packing lost
    assert best is not None
    return best if _bytes(best) <= budget else _least(graph, order, best)


def _least(graph: Graph, order: Sequence[int], best: Fitted) -> Fitted:
    """The smallest arena found for peaks between that of the dearest kernel and the best so far."""
    facts = Facts(graph)
    low = max((own_bytes(facts, k) for k in range(facts.count)), default=0)
    high = best.layout.peak
    target = low
    for _ in range(_TRIES + 1):
        fitted = _reordered(graph, recompute(graph, order, target).kernels)
        best, high = min(best, fitted, key=_bytes), min(high, fitted.layout.peak)
        if fitted.layout.peak > target:
            low = target
        if high - low <= low // 100:
            break
        target = (low + high) // 2
    return best


def own_bytes(facts: Facts, k: int) -> int:
    """The bytes of what kernel k reads and writes: no order and no repetition makes it less."""
    taken = facts.takeovers(k, -1)
    return sum(facts.size[s] for s in facts.touched[k]) - sum(facts.size[b] for b in taken)


def _reordered(graph: Graph, kernels: Sequence[int]) -> Fitted:
    """The plan of a sequence, its runs in a better order where there is one."""
    expanded = Sequences(graph).expand(kernels)
    steps = range(len(kernels))
    fitted = Fitted(expanded, lay_out(expanded.graph, steps))
    order = find_order(expanded.graph)
    if order.peak >= fitted.layout.peak:
        return fitted
    other = [kernels[i] for i in order.kernels]
    return min(fitted, _fitted(graph, other), key=_bytes)
