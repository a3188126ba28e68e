"""Minimum s-t cuts by maximum flow: Dinic's algorithm ("Algorithm for solution of a problem of
maximum flow in a network with power estimation", 1970), capacities whole numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

SOURCE, SINK = 0, 1


def source_side(count: int, arcs: Iterable[tuple[int, int, int]]) -> set[int]:
    """The nodes of `0 .. count - 1` on the side of node 0 in a minimum cut from node 1.

    `arcs` are (from, to, capacity). Of several minimum cuts it is the one with most nodes there.
    """
    flow = _Flow(count, arcs)
    while flow.find_levels():
        flow.block()
    return flow.not_before_sink()


class _Flow:
    """A residual network: arc `e` and its reverse `e ^ 1` have numbers side by side."""

    def __init__(self, count: int, arcs: Iterable[tuple[int, int, int]]) -> None:
        self.heads: list[int] = []
        self.left: list[int] = []
        self.out: list[list[int]] = [[] for _ in range(count)]
        self.level: list[int] = []
        self.next: list[int] = []
        for a, b, capacity in arcs:
            for tail, head, room in ((a, b, capacity), (b, a, 0)):
                self.out[tail].append(len(self.heads))
                self.heads.append(head)
                self.left.append(room)

    def find_levels(self) -> bool:
        """Distances from the source over arcs with room; whether they reach the sink."""
        self.level = [-1] * len(self.out)
        self.level[SOURCE] = 0
        pending = deque([SOURCE])
        while pending:
            node = pending.popleft()
            for arc in self.out[node]:
                head = self.heads[arc]
                if self.left[arc] > 0 and self.level[head] < 0:
                    self.level[head] = self.level[node] + 1
                    pending.append(head)
        self.next = [0] * len(self.out)
        return self.level[SINK] >= 0

    def block(self) -> None:
        """Fills paths that rise by one level an arc until none is left."""
        path: list[int] = []
        node = SOURCE
        while True:
            if node == SINK:
                self._fill(path)
                path, node = [], SOURCE
            arc = self._open_arc(node)
            if arc is not None:
                path.append(arc)
                node = self.heads[arc]
            elif path:
                node = self.heads[path.pop() ^ 1]
                self.next[node] += 1
            else:
                return

    def _open_arc(self, node: int) -> int | None:
        out = self.out[node]
        while self.next[node] < len(out):
            arc = out[self.next[node]]
            if self.left[arc] > 0 and self.level[self.heads[arc]] == self.level[node] + 1:
                return arc
            self.next[node] += 1
        return None

    def _fill(self, path: list[int]) -> None:
        least = min(self.left[arc] for arc in path)
        for arc in path:
            self.left[arc] -= least
            self.left[arc ^ 1] += least

    def not_before_sink(self) -> set[int]:
        """The nodes from which no arcs with room lead to the sink."""
        before = {SINK}
        pending = [SINK]
        while pending:
            for arc in self.out[pending.pop()]:
                tail = self.heads[arc]
                if self.left[arc ^ 1] > 0 and tail not in before:
                    before.add(tail)
                    pending.append(tail)
        return set(range(len(self.out))) - before
