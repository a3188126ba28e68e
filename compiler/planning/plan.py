"""What runs in which order on which bytes: the plan of a program, as plain data."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tyc.compiler.planning.graph import Graph, Kernel
from tyc.compiler.planning.offsets import Layout, lay_out
from tyc.compiler.planning.order import find_order


@dataclass
class Buffer:
    """Bytes that a step reads or writes.

    `place` is `input`, `output`, `weight` or `arena`; `index` the number of the input, output or
    weight, or the byte offset in the arena. A piece of another buffer names it by `whole`, and says
    by `offset` where in it the piece begins.
    """

    nbytes: int
    place: str
    index: int = -1
    whole: int = -1
    offset: int = 0


@dataclass
class Step:
    """One call of a kernel: the buffers of its inputs, then of its outputs; where it came from."""

    kernel: str
    inputs: list[int]
    outputs: list[int]
    origin: str = ""


@dataclass
class Plan:
    """Steps over buffers, and the arena that they need.

    `peak_live_bytes` is the largest set of buffers that live at once, `bound_bytes` what it is at
    least in any order; `moved` counts the steps that were put elsewhere, `recomputed` those that
    run again.
    """

    buffers: list[Buffer] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    arena_bytes: int = 0
    peak_live_bytes: int = 0
    bound_bytes: int = 0
    moved: int = 0
    recomputed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True)
class Facts:
    """What is known of the kernel of a step: (input, output) numbers that may share one buffer, and
    what running it costs."""

    in_place: Sequence[tuple[int, int]] = ()
    flops: int = 0
    bytes: int = 0


def graph_of(plan: Plan, facts: Sequence[Facts] = ()) -> Graph:
    """The steps as kernels, the buffers as values, by the same numbers."""
    kernels = []
    for i, step in enumerate(plan.steps):
        known = facts[i] if facts else Facts()
        pairs = tuple((step.inputs[a], step.outputs[b]) for a, b in known.in_place)
        inputs, outputs = tuple(step.inputs), tuple(step.outputs)
        kernels.append(Kernel(inputs, outputs, pairs, known.flops, known.bytes, step.kernel))
    sizes = [b.nbytes if b.place == "arena" else 0 for b in plan.buffers]
    parts = {v: (b.whole, b.offset) for v, b in enumerate(plan.buffers) if b.whole >= 0}
    return Graph(sizes, kernels, parts)


def assign_offsets(plan: Plan, facts: Sequence[Facts] = ()) -> None:
    """Gives every arena buffer its offset; the steps stay in their order."""
    graph = graph_of(plan, facts)
    _place(plan, lay_out(graph, range(len(graph.kernels))))


def arrange(plan: Plan, facts: Sequence[Facts] = ()) -> None:
    """Puts the steps in the order that needs the fewest bytes, and gives every buffer its offset.

    The order stays as it is where that is as good.
    """
    graph = graph_of(plan, facts)
    order = find_order(graph)
    given = list(range(len(graph.kernels)))
    layouts = [(kernels, lay_out(graph, kernels)) for kernels in (order.kernels,)]
    if order.kernels != given and layouts[0][1].arena_bytes > order.peak:
        layouts.append((given, lay_out(graph, given)))
    kernels, layout = min(layouts, key=lambda found: found[1].arena_bytes)
    plan.steps = [plan.steps[k] for k in kernels]
    plan.bound_bytes = order.bound
    plan.moved = len(kernels) - _longest_ascent(kernels)
    _place(plan, layout)


def _place(plan: Plan, layout: Layout) -> None:
    plan.arena_bytes, plan.peak_live_bytes = layout.arena_bytes, layout.peak
    for buffer, offset in zip(plan.buffers, layout.offsets):
        if buffer.place == "arena":
            buffer.index = max(offset, 0)


def _longest_ascent(numbers: Sequence[int]) -> int:
    """How many of the numbers can stay where they are when the rest is moved to sort them."""
    tails: list[int] = []
    for n in numbers:
        at = bisect(tails, n)
        tails[at : at + 1] = [n]
    return len(tails)
