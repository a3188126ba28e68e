"""Orders in which kernels may run more than once, and the graph that they amount to.

A step reads a value from the latest step before it that wrote the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tyc.compiler.planning.graph import Facts, Graph, Kernel
from tyc.compiler.planning.memory import reserved


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
        graph = Graph(sizes, made, self.graph.parts, self.graph.updates)
        return Expanded(graph, list(kernels), origin)


@dataclass(frozen=True)
class Expanded:
    """A graph in the order it runs; the kernel and the value of the first graph that each stands
    for."""

    graph: Graph
    kernels: list[int]
    values: list[int]
