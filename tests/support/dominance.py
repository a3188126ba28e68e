"""Whether a baseline gets by on fewer bytes at no more cost than a plan of ours.

Bytes are the largest live set on both sides, in-place pairs taken; theirs as `Course` counts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kernel_sequences import Course
from rematerialization_baselines import chen, dtr
from rotor import Rotor
from stages import Stages, Way

from tyc.compiler.planning.budget import Placer

BUDGETS = tuple(share / 100 for share in range(15, 100, 5))
_STAGES = (16, 32, 64)
_MOST_DTR = 3000


@dataclass(frozen=True)
class Theirs:
    """A baseline's plan: its name, live bytes, cost of what runs again, and the sequence."""

    name: str
    peak: int
    extra: float
    kernels: list[int]


def front(course: Course, orders: list[list[int]]) -> list[Theirs]:
    """The plans of all baselines, in every order given, that none of the others is as good as; by
    falling peak."""
    plans = []
    for order in orders:
        way = Way(course, order)
        for name, kernels in _plans(way):
            try:
                outcome = course.run(kernels)
            except ValueError:  # it runs a layer again whose weight is updated by then
                continue
            if outcome.extra > 0 and outcome.peak < way.free.peak:
                plans.append(Theirs(name, outcome.peak, outcome.extra, kernels))
    found: list[Theirs] = []
    for plan in sorted(plans, key=lambda p: (p.extra, p.peak)):
        if not found or plan.peak < found[-1].peak:
            found.append(plan)
    return found


def _plans(way: Way) -> Iterator[tuple[str, list[int]]]:
    yield from (("chen", kernels) for kernels in chen(way))
    for ends in sorted({tuple(way.joints(most)) for most in _STAGES}):
        table = Rotor(Stages(way, ends))
        for share in BUDGETS:
            kernels = table.plan(int(share * way.free.peak))
            if kernels is not None:
                yield "rotor", kernels
    if len(way.order) <= _MOST_DTR:
        for share in BUDGETS:
            kernels = dtr(way.course, way.order, int(share * way.free.peak))
            if kernels is not None:
                yield "dtr", kernels


def dominated(placer: Placer, plans: list[Theirs], most: int = 12) -> Iterator[dict[str, Any]]:
    """For each of at most so many plans ours at a budget of its peak, and whether it is beaten."""
    step = -(-len(plans) // most)
    free, whole = placer.free.layout.peak, sum(k.cost for k in placer.graph.kernels)
    for plan in plans[::step] if step else []:
        placer.place(plan.peak)
        fits = [f.extra for f in placer.found if f.layout.peak <= plan.peak]
        ours = min(fits, default=float("inf"))
        yield {
            "baseline": plan.name,
            "bytes": plan.peak,
            "share": plan.peak / free,
            "extra": plan.extra / whole,
            "ours": ours / whole if fits else None,
            "beaten": ours > plan.extra * (1 + 1e-9),
        }
