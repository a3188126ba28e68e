"""Where the steps of a plan stand on a page: layers by dependence, in lines as text is.

    step:      0 -> 1 -> 2            line 1, to the right
    depth:     0    1    2
                          \
               5 <- 4 <- 3            line 2, to the left: edges between lines are short
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Places of the nodes, paths of the edges, and the size of it all; y goes down."""

    nodes: list[Point]
    edges: list[list[Point]]
    width: int
    height: float


def edges_of(
    steps: Sequence[Mapping[str, Any]], buffers: Sequence[Sequence[Any]]
) -> list[tuple[int, int]]:
    """Pairs (producer, consumer) of steps, from the bytes that they share: a buffer is a manifest
    row of bytes, place, index, whole and offset."""
    writers: dict[int, list[tuple[int, int, int]]] = {}
    found = []
    for i, step in enumerate(steps):
        sources: dict[int, None] = {}
        for b in step["inputs"]:
            whole, begin, end = _bytes_of(b, buffers)
            for source, first, last in writers.get(whole, ()):
                if first < end and begin < last:
                    sources[source] = None
        found += [(s, i) for s in sorted(sources)]
        for b in step["outputs"]:
            whole, begin, end = _bytes_of(b, buffers)
            writers.setdefault(whole, []).append((i, begin, end))
    return found


def whole_of(b: int, buffers: Sequence[Sequence[Any]]) -> int:
    """The buffer that a buffer is a piece of, or itself."""
    return _bytes_of(b, buffers)[0]


def _bytes_of(b: int, buffers: Sequence[Sequence[Any]]) -> tuple[int, int, int]:
    nbytes, begin = buffers[b][0], 0
    while buffers[b][3] >= 0:
        begin += buffers[b][4]
        b = buffers[b][3]
    return b, begin, begin + max(nbytes, 1)


def layout(
    steps: Sequence[Mapping[str, Any]], buffers: Sequence[Sequence[Any]], columns: int = 14
) -> Layout:
    """Places each step at its depth (the longest way to it), `columns` layers to a line."""
    edges = edges_of(steps, buffers)
    depth = [0] * len(steps)
    for source, sink in edges:  # in the order of sinks, so that sources are final
        depth[sink] = max(depth[sink], depth[source] + 1)
    lane = _lanes(depth, edges)
    lines = max(depth, default=0) // columns + 1
    tall = [1] * lines
    for d, n in zip(depth, lane):
        tall[d // columns] = max(tall[d // columns], n + 1)
    tops = [sum(tall[:i]) for i in range(lines)]
    nodes = []
    for d, n in zip(depth, lane):
        line, column = divmod(d, columns)
        x = column if line % 2 == 0 else columns - 1 - column
        nodes.append((float(x), float(tops[line] + n)))
    paths = [_path(nodes[a], nodes[b]) for a, b in edges]
    width = min(max(depth, default=0) + 1, columns)
    return Layout(nodes, paths, width, float(sum(tall)))


def _lanes(depth: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[int]:
    """A row in its layer for each node: the uppermost of its producers', or the next that is free,
    so that the main path stays on top."""
    sources: dict[int, list[int]] = {}
    for a, sink in edges:
        sources.setdefault(sink, []).append(a)
    lane = [0] * len(depth)
    taken: set[tuple[int, int]] = set()
    for i, d in enumerate(depth):
        row = min((lane[a] for a in sources.get(i, [])), default=0)
        while (d, row) in taken:
            row += 1
        lane[i] = row
        taken.add((d, row))
    return lane


def _path(start: Point, end: Point) -> list[Point]:
    """A line between neighbours; around the nodes in between where there are some."""
    (x0, y0), (x1, y1) = start, end
    if y0 == y1 and abs(x1 - x0) > 1:
        side = 0.4 if x1 > x0 else -0.4
        return [start, (x0 + side, y0 - 0.36), (x1 - side, y1 - 0.36), _short(x1, y1, -side)]
    return [start, _near(start, end)]


def _short(x: float, y: float, side: float) -> Point:
    """A little before a node, so that the arrow's head is seen."""
    return (x + side * 0.4, y - 0.14)


def _near(start: Point, end: Point) -> Point:
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    cut = min(0.17, length / 3)
    return (x1 - (x1 - x0) / length * cut, y1 - (y1 - y0) / length * cut)
