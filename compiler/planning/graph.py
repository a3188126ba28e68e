"""Kernels and the bytes that they read and write, as the planner sees them: no MLIR here.

    x = Graph([6400, 6400], [Kernel((), (0,)), Kernel((0,), (1,), in_place=((0, 1),))])

A value is a number; its size is what it takes of the arena, and 0 for what lives elsewhere (inputs,
outputs, weights). A value that is part of another one (a piece of a concatenation) has no bytes of
its own: all parts and the whole are one *storage*, which lives from the first kernel that touches
it to the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tyc.compiler.planning.memory import reserved


@dataclass(frozen=True)
class Kernel:
    """Reads values, writes values. `in_place` has (value read, value written) that may share bytes
    where nothing reads the first one later; `cost` is what running it again costs, in any unit."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    in_place: tuple[tuple[int, int], ...] = ()
    cost: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class Graph:
    """Sizes of values, and kernels in an order in which they can run.

    `parts[v] = (whole, offset)`: v is the bytes of `whole` from `offset` on. `updates[v] = u`: who
    writes v writes over u, after all who read u; neither may run again after that.
    """

    sizes: Sequence[int]
    kernels: Sequence[Kernel]
    parts: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    updates: Mapping[int, int] = field(default_factory=dict)

    def root(self, value: int) -> tuple[int, int]:
        """The storage that a value lies in, named by its whole, and where in it."""
        offset = 0
        while value in self.parts:
            value, start = self.parts[value]
            offset += start
        return value, offset

    def joined(self) -> set[int]:
        """Values that are parts of another one or have parts: their bytes are written together."""
        return set(self.parts) | {whole for whole, _ in self.parts.values()}

    def producers(self) -> list[int]:
        """For each value the mask of the kernels that must have run before it can be read."""
        own = [0] * len(self.sizes)
        for k, kernel in enumerate(self.kernels):
            for v in kernel.outputs:
                own[v] |= 1 << k
        masks = list(own)
        for v in self.parts:
            whole = self.parts[v][0]
            while True:  # a whole is there when all of its parts are
                masks[whole] |= own[v]
                if whole not in self.parts:
                    break
                whole = self.parts[whole][0]
        for v in self.parts:
            whole = v
            while not masks[v] and whole in self.parts:  # a piece of what is written elsewhere
                whole = self.parts[whole][0]
                masks[v] = masks[whole]
        return masks


def bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, ascending."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def _readers(graph: Graph) -> dict[int, int]:
    """For each value that is written over the mask of the kernels that read it."""
    masks = dict.fromkeys(graph.updates.values(), 0)
    for k, kernel in enumerate(graph.kernels):
        for v in (graph.root(v)[0] for v in kernel.inputs):
            if v in masks:
                masks[v] |= 1 << k
    return masks


class Facts:
    """What a search for an order asks again and again, as lists and bit masks.

    `needs[k]` has the kernels before k; `touched[k]` the storages of k; `touch[s]` the kernels that
    touch storage s; `size[s]` its bytes, rounded to the alignment; `pairs[k]` the storages of k
    (read, written) that may be one.
    """

    def __init__(self, graph: Graph) -> None:
        producers = graph.producers()
        roots = [graph.root(v)[0] for v in range(len(graph.sizes))]
        self.count = len(graph.kernels)
        self.size = [reserved(n) for n in graph.sizes]
        self.touch = [0] * len(graph.sizes)
        self.needs: list[int] = []
        readers = _readers(graph)
        self.touched: list[tuple[int, ...]] = []
        for k, kernel in enumerate(graph.kernels):
            need = 0
            for v in kernel.inputs:
                need |= producers[v]
            for v in kernel.outputs:
                if v in graph.updates:
                    need |= readers[graph.updates[v]]
            self.needs.append(need & ~(1 << k))
            storages = dict.fromkeys(roots[v] for v in (*kernel.inputs, *kernel.outputs))
            self.touched.append(tuple(s for s in storages if self.size[s]))
            for s in self.touched[-1]:
                self.touch[s] |= 1 << k
        joined = graph.joined()
        self.pairs = [self._pairs(kernel, joined) for kernel in graph.kernels]

    def _pairs(self, kernel: Kernel, joined: set[int]) -> tuple[tuple[int, int], ...]:
        """The pairs of equal bytes; parts of something else are not taken over."""
        return tuple(
            (a, b)
            for a, b in kernel.in_place
            if a not in joined and b not in joined and a != b
            if self.size[a] == self.size[b] > 0 and kernel.inputs.count(a) == 1
        )

    def takeovers(self, k: int, done: int) -> dict[int, int]:
        """Storage written -> storage taken over, where kernel k runs after the kernels `done`.

        The most bytes: larger outputs first, each with augmenting paths.
        """
        taker: dict[int, int] = {}
        options: dict[int, list[int]] = {}
        for a, b in self.pairs[k]:
            if not self.touch[a] & ~done & ~(1 << k):
                options.setdefault(b, []).append(a)

        def assign(b: int, seen: set[int]) -> bool:
            for a in options[b]:
                if a not in seen:
                    seen.add(a)
                    if a not in taker or assign(taker[a], seen):
                        taker[a] = b
                        return True
            return False

        for b in sorted(options, key=lambda b: -self.size[b]):
            assign(b, set())
        return {b: a for a, b in taker.items()}

    def step(self, done: int, live: int, k: int) -> tuple[int, int]:
        """Bytes that live while kernel k runs after the kernels `done`, and after it."""
        after = done | 1 << k
        peak = left = live
        for s in self.touched[k]:
            touch = self.touch[s]
            if not touch & done:
                peak += self.size[s]
                left += self.size[s]
            if not touch & ~after:
                left -= self.size[s]
        if self.pairs[k]:
            peak -= sum(self.size[b] for b in self.takeovers(k, done))
        return peak, left

    def closures(self) -> tuple[list[int], list[int]]:
        """For each kernel the masks of all that must run before it, and after it."""
        before, after = [0] * self.count, [0] * self.count
        for k in range(self.count):
            mask = self.needs[k]
            for j in bits(self.needs[k]):
                mask |= before[j]
            before[k] = mask
        for k in reversed(range(self.count)):
            for j in bits(self.needs[k]):
                after[j] |= after[k] | 1 << k
        return before, after

    def peak(self, order: Sequence[int], done: int = 0, live: int = 0) -> int:
        """The most bytes that live at a step of an order, after the kernels `done`."""
        most = 0
        for k in order:
            now, live = self.step(done, live, k)
            done |= 1 << k
            most = max(most, now)
        return most
