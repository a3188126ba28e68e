"""What runs in which order on which bytes: the plan of a program, as plain data."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tyc.compiler.planning.budget import Budget, Fitted, Placer
from tyc.compiler.planning.graph import Graph, Kernel
from tyc.compiler.planning.offsets import Layout, lay_out


@dataclass
class Buffer:
    """Bytes that a step reads or writes.

    `place` is `input`, `output`, `weight` or `arena`; `index` the number of the input, output or
    weight, or the byte offset in the arena. A piece of another buffer, which may be a piece itself,
    names it by `whole`, and says by `offset` where in it the piece begins; its rows may be apart.
    """

    nbytes: int
    place: str
    index: int = -1
    whole: int = -1
    offset: int = 0


@dataclass
class Step:
    """One call of a kernel: the buffers of its inputs, then of its outputs; where it came from, and
    the number of the call in the program."""

    kernel: str
    inputs: list[int]
    outputs: list[int]
    origin: str = ""
    call: int = -1

    @property
    def label(self) -> str:
        """Where it came from, and the kernel: `layer1.0.conv1 (resnet.py:55): conv_add_1c3f`."""
        return f"{self.origin}: {self.kernel}" if self.origin else self.kernel


@dataclass
class Plan:
    """Steps over buffers, and the arena that they need.

    `peak_live_bytes` is the largest set of buffers that live at once, `bound_bytes` what it is at
    least in any order; `moved` counts the steps that were put elsewhere, `recomputed` those that
    run again. `budget_bytes` is what was asked for. `updates` are buffers with the new value of an
    input, and the buffer with the old value, which has the same bytes.
    """

    buffers: list[Buffer] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    arena_bytes: int = 0
    peak_live_bytes: int = 0
    bound_bytes: int = 0
    moved: int = 0
    recomputed: int = 0
    budget_bytes: int | None = None
    updates: dict[int, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True)
class Facts:
    """What is known of the kernel of a step: (input, output) numbers that may share one buffer, and
    what running it costs, in any unit."""

    in_place: Sequence[tuple[int, int]] = ()
    cost: float = 0.0


def graph_of(plan: Plan, facts: Sequence[Facts] = ()) -> Graph:
    """The steps as kernels, the buffers as values, by the same numbers."""
    kernels = []
    for i, step in enumerate(plan.steps):
        known = facts[i] if facts else Facts()
        pairs = tuple((step.inputs[a], step.outputs[b]) for a, b in known.in_place)
        inputs, outputs = tuple(step.inputs), tuple(step.outputs)
        kernels.append(Kernel(inputs, outputs, pairs, known.cost, step.kernel))
    sizes = [b.nbytes if b.place == "arena" else 0 for b in plan.buffers]
    parts = {v: (b.whole, b.offset) for v, b in enumerate(plan.buffers) if b.whole >= 0}
    return Graph(sizes, kernels, parts, plan.updates)


def assign_offsets(plan: Plan, facts: Sequence[Facts] = ()) -> None:
    """Gives every arena buffer its offset; the steps stay in their order."""
    graph = graph_of(plan, facts)
    _place(plan, lay_out(graph, range(len(graph.kernels))))


def arrange(plan: Plan, facts: Sequence[Facts] = (), budget: Budget = None) -> None:
    """Puts the steps in the order that needs the fewest bytes, and gives every buffer its offset.

    The order stays as it is where that is as good. Where the arena would be larger than the budget,
    steps run again; what then still is too large is the smallest arena that was found.
    """
    placer = Placer(graph_of(plan, facts))
    limit = None if budget is None else placer.bytes_of(budget)
    adopt(plan, placer.free if limit is None else placer.place(limit))
    plan.budget_bytes = limit


def adopt(plan: Plan, fitted: Fitted) -> None:
    """Makes a plan that was found for its graph the plan."""
    order, steps = fitted.expanded.kernels, plan.steps
    for value in fitted.expanded.values[len(plan.buffers) :]:
        plan.buffers.append(replace(plan.buffers[value]))
    plan.steps = [
        replace(steps[k], inputs=list(kernel.inputs), outputs=list(kernel.outputs))
        for k, kernel in zip(order, fitted.expanded.graph.kernels)
    ]
    plan.bound_bytes = fitted.bound or fitted.layout.peak
    plan.recomputed = len(order) - len(steps)
    plan.moved = len(steps) - _longest_ascent(list(dict.fromkeys(order)))
    _place(plan, fitted.layout)


def root(plan: Plan, buffer: int) -> int:
    """The buffer that a piece lies in, or the buffer itself."""
    while plan.buffers[buffer].whole >= 0:
        buffer = plan.buffers[buffer].whole
    return buffer


def offset_in_root(plan: Plan, buffer: int) -> int:
    """Where in its root a piece begins; 0 for what is no piece."""
    offset = 0
    while plan.buffers[buffer].whole >= 0:
        offset += plan.buffers[buffer].offset
        buffer = plan.buffers[buffer].whole
    return offset


def live_at(plan: Plan, at: int) -> list[int]:
    """The arena's buffers that live while a step runs, the largest first; for pieces the whole."""
    found = [b for b, (first, last) in _spans(plan).items() if first <= at <= last]
    return sorted(found, key=lambda b: (-plan.buffers[b].nbytes, b))


def _spans(plan: Plan) -> dict[int, tuple[int, int]]:
    """The first and the last step of the arena's buffers, pieces counted for their whole."""
    spans: dict[int, tuple[int, int]] = {}
    for i, step in enumerate(plan.steps):
        for b in (root(plan, b) for b in (*step.inputs, *step.outputs)):
            if plan.buffers[b].place == "arena":
                spans[b] = (spans[b][0] if b in spans else i, i)
    return spans


def used_bytes(plan: Plan) -> list[int]:
    """The bytes of the arena that are in use while each step runs."""
    spans, used = _spans(plan), []
    for i in range(len(plan.steps)):
        live = (plan.buffers[b] for b, (first, last) in spans.items() if first <= i <= last)
        total = end = 0
        for low, high in sorted((b.index, b.index + b.nbytes) for b in live):
            total += max(high - max(low, end), 0)
            end = max(end, high)
        used.append(total)
    return used


def largest_step(plan: Plan) -> int:
    """The first of the steps at which the most bytes of the arena are in use."""
    used = used_bytes(plan)
    return used.index(max(used)) if used else -1


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
