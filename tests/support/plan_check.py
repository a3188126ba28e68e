"""Random graphs for the planner, and a machine that runs a plan on bytes of an arena."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from tyc.compiler.planning.graph import Graph, Kernel

SIZES = (1, 64, 65, 128, 200, 320, 640, 1000, 2560, 4096)


@st.composite
def graphs(draw: st.DrawFn, most: int = 12, parts: bool = False) -> Graph:
    """Graphs of kernels that read up to three values; some values live outside of the arena."""
    sizes: list[int] = []
    kernels: list[Kernel] = []
    for _ in range(draw(st.integers(1, most))):
        inputs: list[int] = []
        if sizes:
            inputs = draw(st.lists(st.integers(0, len(sizes) - 1), max_size=3, unique=True))
        outputs = []
        for _ in range(draw(st.sampled_from((1, 1, 1, 2)))):
            sizes.append(draw(st.sampled_from((0, *SIZES))))
            outputs.append(len(sizes) - 1)
        pairs = [(a, b) for a in inputs for b in outputs if sizes[a] == sizes[b] > 0]
        cost = draw(st.integers(1, 100))
        kernels.append(
            Kernel(tuple(inputs), tuple(outputs), tuple(pairs), cost, name=f"k{len(kernels)}")
        )
    found: dict[int, tuple[int, int]] = {}
    if parts and draw(st.booleans()):
        pieces = [v for v in range(len(sizes)) if sizes[v] and draw(st.booleans())][:3]
        if pieces:
            found, total = _joined(sizes, pieces)
            sizes += [total, 64]
            whole = len(sizes) - 2
            kernels.append(Kernel((whole,), (whole + 1,), name="reader"))
    return Graph(sizes, kernels, found)


def _joined(sizes: list[int], pieces: list[int]) -> tuple[dict[int, tuple[int, int]], int]:
    """Parts of a whole, one after another, and the bytes of the whole."""
    found, offset = {}, 0
    for v in pieces:
        found[v] = (len(sizes), offset)
        offset += -(-sizes[v] // 64) * 64
    return found, offset


def run_plan(graph: Graph, order: Sequence[int], offsets: Sequence[int], nbytes: int) -> None:
    """Runs the kernels on an arena of stamps: every byte that is read is the one that was written.

    A kernel's output may lie on an input only where the two are a pair that may share bytes.
    """
    arena = np.full(nbytes, -1)
    made = {v for kernel in graph.kernels for v in kernel.outputs}
    written = set(range(len(graph.sizes))) - made
    parts: dict[int, list[int]] = {}
    for v, (whole, _) in graph.parts.items():
        parts.setdefault(whole, []).append(v)

    def pieces(v: int) -> list[int]:
        return [p for w in parts[v] for p in pieces(w)] if v in parts else [v]

    for k in order:
        kernel = graph.kernels[k]
        for v in (p for i in kernel.inputs for p in pieces(i)):
            assert v in written, f"{kernel.name} reads {v} too early"
            assert (arena[offsets[v] : offsets[v] + graph.sizes[v]] == v).all(), (kernel.name, v)
        for v in kernel.outputs:
            low, high = offsets[v], offsets[v] + graph.sizes[v]
            assert not graph.sizes[v] or 0 <= low < high <= nbytes
            for i in kernel.inputs:
                a, b = offsets[i], offsets[i] + graph.sizes[i]
                if graph.sizes[i] and graph.sizes[v] and a < high and low < b:
                    assert (i, v) in kernel.in_place and a == low, (kernel.name, i, v)
        for v in kernel.outputs:
            arena[offsets[v] : offsets[v] + graph.sizes[v]] = v
            written.add(v)
        for v in kernel.outputs:  # outputs of one kernel do not lie on each other
            assert (arena[offsets[v] : offsets[v] + graph.sizes[v]] == v).all(), (kernel.name, v)
