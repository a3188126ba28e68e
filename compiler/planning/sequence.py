"""Orders in which kernels may run more than once: the bytes that live, the graph they amount to.

A step reads a value from the latest step before it that wrote the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tyc.compiler.planning.graph import Facts, Graph, Kernel
from tyc.compiler.planning.memory import reserved


@dataclass
class Life:
    """One computation of a storage, and the steps that touch it: its first is the one that writes
    it."""

    storage: int
    steps: list[int]


@dataclass
class State:
    """Kernels in the order they run; the lives at that, and the bytes that live at each step."""

    kernels: list[int]
    lives: list[Life]
    profile: list[int]

    @property
    def peak(self) -> int:
        """The most bytes that live at a step."""
        return max(self.profile, default=0)

    def excess(self, budget: int) -> int:
        """The bytes above the budget, summed over the steps."""
        return sum(n - budget for n in self.profile if n > budget)


class Sequences:
    """A graph as those who change sequences see it.

    `reads[k]` and `writes[k]` are the storages of kernel k that take bytes, `producer[s]` the
    kernel that can be run again for s alone.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, joined = graph, graph.joined()
        self.size = [reserved(n) for n in graph.sizes]
        roots = [graph.root(v)[0] for v in range(len(graph.sizes))]
        self.joined = {roots[v] for v in joined}

        def sized(values: Sequence[int]) -> tuple[int, ...]:
            return tuple(dict.fromkeys(roots[v] for v in values if self.size[roots[v]]))

        self.reads = [sized(kernel.inputs) for kernel in graph.kernels]
        self.writes = [sized(kernel.outputs) for kernel in graph.kernels]
        self.pairs = Facts(graph).pairs
        self.producer: dict[int, int] = {}
        for k, writes in enumerate(self.writes):
            # What is written elsewhere as well stands there from the first run on.
            everything = len(writes) == len(graph.kernels[k].outputs)
            if everything and not self.joined.intersection(writes):
                self.producer.update(dict.fromkeys(writes, k))

    def state(self, kernels: Sequence[int]) -> State:
        """The lives and the profile of a sequence, runs that nothing reads left out."""
        kept = self._without_idle(kernels) if len(kernels) > len(self.reads) else list(kernels)
        lives: list[Life] = []
        current: dict[int, Life] = {}
        for step, k in enumerate(kept):
            for s in self.reads[k]:
                current[s].steps.append(step)
            for s in self.writes[k]:
                if s in self.joined and s in current:
                    current[s].steps.append(step)
                else:
                    current[s] = Life(s, [step])
                    lives.append(current[s])
        return State(kept, lives, self._profile(kept, lives))

    def _without_idle(self, kernels: Sequence[int]) -> list[int]:
        """The runs whose results are read before they are written again, and one of each kernel."""
        runs: dict[int, int] = {}
        for k in kernels:
            runs[k] = runs.get(k, 0) + 1
        wanted: set[int] = set()
        kept: list[int] = []
        for k in reversed(kernels):
            if runs[k] > 1 and wanted.isdisjoint(self.writes[k]):
                runs[k] -= 1
                continue
            kept.append(k)
            wanted.difference_update(s for s in self.writes[k] if s not in self.joined)
            wanted.update(self.reads[k])
        return kept[::-1]

    def _profile(self, kernels: Sequence[int], lives: Sequence[Life]) -> list[int]:
        change = [0] * (len(kernels) + 1)
        begins: dict[tuple[int, int], int] = {}
        ends: dict[tuple[int, int], int] = {}
        for life in lives:
            size = self.size[life.storage]
            change[life.steps[0]] += size
            change[life.steps[-1] + 1] -= size
            begins[life.steps[0], life.storage] = ends[life.steps[-1], life.storage] = size
        profile = list(accumulate(change[:-1]))
        for step, k in enumerate(kernels):
            taken: set[int] = set()
            for a, b in self.pairs[k]:
                if a not in taken and b not in taken and (step, a) in ends:
                    taken |= {a, b}
                    profile[step] -= begins.get((step, b), 0)
        return profile

    def expand(self, kernels: Sequence[int]) -> Expanded:
        """The graph in which each run is a kernel of its own."""
        sizes, made = list(self.graph.sizes), []
        origin = list(range(len(sizes)))
        latest: dict[int, int] = {}
        seen: set[int] = set()
        for k in kernels:
            kernel = self.graph.kernels[k]
            inputs = {v: latest.get(v, v) for v in kernel.inputs}
            outputs = {}
            for v in kernel.outputs:
                outputs[v] = v
                if k in seen and sizes[v]:
                    outputs[v] = len(sizes)
                    sizes.append(sizes[v])
                    origin.append(v)
                latest[v] = outputs[v]
            seen.add(k)
            pairs = tuple((inputs[a], outputs[b]) for a, b in kernel.in_place)
            reads = tuple(inputs[v] for v in kernel.inputs)
            writes = tuple(outputs[v] for v in kernel.outputs)
            made.append(Kernel(reads, writes, pairs, kernel.cost, kernel.name))
        return Expanded(Graph(sizes, made, self.graph.parts), list(kernels), origin)


@dataclass(frozen=True)
class Expanded:
    """A graph in the order it runs; the kernel and the value of the first graph that each stands
    for."""

    graph: Graph
    kernels: list[int]
    values: list[int]
