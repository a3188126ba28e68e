"""What runs in which order on which bytes: the plan of a program, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tyc.compiler.planning.memory import Lifetime, largest_live_set, pack


@dataclass
class Buffer:
    """Bytes that a step reads or writes.

    `place` is `input`, `output`, `weight` or `arena`; `index` the number of the input, output or
    weight, or the byte offset in the arena.
    """

    nbytes: int
    place: str
    index: int = -1


@dataclass
class Step:
    """One call of a kernel: the buffers of its inputs, then of its outputs; where it came from."""

    kernel: str
    inputs: list[int]
    outputs: list[int]
    origin: str = ""


@dataclass
class Plan:
    """Steps over buffers, the arena's size, and the largest live set that bounds it from below."""

    buffers: list[Buffer] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    arena_bytes: int = 0
    peak_live_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON-able data."""
        return asdict(self)


InPlace = Sequence[tuple[int, int]]


def assign_offsets(plan: Plan, in_place: Sequence[InPlace] = ()) -> None:
    """Gives every arena buffer its offset, from the steps that use it.

    `in_place` has for each step the (input, output) numbers that may share one buffer: where the
    input's last use is that step, the output takes its bytes over.
    """
    starts, ends = _lifetimes(plan)
    share = _shared(plan, in_place, ends)
    groups: dict[int, list[int]] = {}
    for b in starts:
        groups.setdefault(_find(share, b), []).append(b)
    roots = list(groups)
    lifetimes = [
        Lifetime(
            max(plan.buffers[b].nbytes for b in groups[r]),
            min(starts[b] for b in groups[r]),
            max(ends[b] for b in groups[r]),
        )
        for r in roots
    ]
    offsets, _ = pack(lifetimes)
    # Without the padding of the last buffer: every byte that is asked for is used.
    plan.arena_bytes = max((o + life.nbytes for o, life in zip(offsets, lifetimes)), default=0)
    plan.peak_live_bytes = largest_live_set(lifetimes)
    for r, offset in zip(roots, offsets):
        for b in groups[r]:
            plan.buffers[b].index = offset


def _lifetimes(plan: Plan) -> tuple[dict[int, int], dict[int, int]]:
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for i, step in enumerate(plan.steps):
        for b in (*step.inputs, *step.outputs):
            if plan.buffers[b].place == "arena":
                starts.setdefault(b, i)
                ends[b] = i
    return starts, ends


def _shared(plan: Plan, in_place: Sequence[InPlace], ends: dict[int, int]) -> dict[int, int]:
    """Links from a buffer to the one whose bytes it takes over."""
    share: dict[int, int] = {}
    for i, pairs in enumerate(in_place):
        step = plan.steps[i]
        taken: set[int] = set()
        for source, result in pairs:
            a, b = step.inputs[source], step.outputs[result]
            once = step.inputs.count(a) == 1
            if once and ends.get(a) == i and b in ends and b not in share and a not in taken:
                share[b] = a
                taken.add(a)
    return share


def _find(share: dict[int, int], b: int) -> int:
    while b in share:
        b = share[b]
    return b
