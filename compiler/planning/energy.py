"""The least energy of binary labels: `sum u[i](x[i]) + sum p[i, j](x[i], x[j])`, whole numbers.

Nodes with at most two neighbours are eliminated: `p'(b, c) = min_a u(a) + p(a, b) + p(a, c)`.
That alone is exact on chains, trees and series-parallel graphs (nonserial dynamic programming,
Bertele and Brioschi 1972). What is left is a minimum s-t cut where `p(0,0) + p(1,1) <= p(0,1) +
p(1,0)`, after some nodes have exchanged their labels (Kolmogorov and Zabih 2004, "What energy
functions can be minimized via graph cuts?"). Only a cycle with an odd number of pairs that want to
differ has no such exchange: there its weakest pair is left out, and single labels change as long as
that gains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tyc.compiler.planning.min_cut import source_side

Table = tuple[int, int, int, int]
"""The costs of a pair's labels 00, 01, 10 and 11."""


class Energy:
    """Nodes 0, 1, ... with a cost of label 0 and of label 1, and pairs of them with tables."""

    def __init__(self) -> None:
        self.single: list[list[int]] = []
        self.neighbours: list[dict[int, Table]] = []

    def add_node(self, zero: int = 0, one: int = 0) -> int:
        """A new node's number."""
        self.single.append([zero, one])
        self.neighbours.append({})
        return len(self.single) - 1

    def add(self, node: int, zero: int, one: int) -> None:
        """Adds to the costs of a node's labels."""
        self.single[node][0] += zero
        self.single[node][1] += one

    def add_pair(self, i: int, j: int, table: Table) -> None:
        """Adds to the costs of two nodes' labels; `i` and `j` differ."""
        a, b, c, d = table
        old = self.neighbours[i].get(j, (0, 0, 0, 0))
        new = (old[0] + a, old[1] + b, old[2] + c, old[3] + d)
        self.neighbours[i][j] = new
        self.neighbours[j][i] = (new[0], new[2], new[1], new[3])

    def value(self, labels: Sequence[int]) -> int:
        """The energy of labels, by its definition."""
        total = sum(costs[x] for costs, x in zip(self.single, labels))
        for i, pairs in enumerate(self.neighbours):
            total += sum(t[2 * labels[i] + labels[j]] for j, t in pairs.items() if i < j)
        return total

    def minimize(self) -> list[int]:
        """Labels of least energy; the tables are used up."""
        labels = [0] * len(self.single)
        eliminated = self._eliminate()
        gone = {node for node, _ in eliminated}
        left = [i for i in range(len(labels)) if i not in gone]
        for i, label in self._cut(left).items():
            labels[i] = label
        for node, pairs in reversed(eliminated):
            labels[node] = self._best(node, pairs, labels)
        return labels

    def _best(self, node: int, pairs: Mapping[int, Table], labels: Sequence[int]) -> int:
        zero, one = self.single[node]
        for j, t in pairs.items():
            zero += t[labels[j]]
            one += t[2 + labels[j]]
        return int(one < zero)

    def _eliminate(self) -> list[tuple[int, dict[int, Table]]]:
        """Takes nodes of at most two neighbours out, each with the tables that it had."""
        done: list[tuple[int, dict[int, Table]]] = []
        pending = [i for i, pairs in enumerate(self.neighbours) if len(pairs) <= 2]
        gone: set[int] = set()
        while pending:
            node = pending.pop()
            pairs = self.neighbours[node]
            if node in gone or len(pairs) > 2:
                continue
            gone.add(node)
            done.append((node, dict(pairs)))
            self._replace(node)
            pending += [j for j in pairs if len(self.neighbours[j]) <= 2]
        return done

    def _replace(self, node: int) -> None:
        """Gives the neighbours of a node the least that it costs for their labels."""
        zero, one = self.single[node]
        pairs = list(self.neighbours[node].items())
        for j, _ in pairs:
            del self.neighbours[j][node]
        if len(pairs) == 1:
            ((j, t),) = pairs
            self.add(j, min(zero + t[0], one + t[2]), min(zero + t[1], one + t[3]))
        if len(pairs) == 2:
            (i, s), (j, t) = pairs
            costs = [
                min(zero + s[b] + t[c], one + s[2 + b] + t[2 + c]) for b in (0, 1) for c in (0, 1)
            ]
            self.add_pair(i, j, (costs[0], costs[1], costs[2], costs[3]))

    def _cut(self, nodes: Sequence[int]) -> dict[int, int]:
        """Labels of nodes with all their neighbours among them."""
        pairs = [
            (i, j, t) for i in nodes for j, t in self.neighbours[i].items() if i < j
        ]  # fmt: skip
        exchanged, kept, left_out = _exchange(nodes, pairs)
        number = {node: k + 2 for k, node in enumerate(nodes)}
        arcs: list[tuple[int, int, int]] = []
        rise = {i: self.single[i][1] - self.single[i][0] for i in nodes}
        for i, j, t in left_out:
            # What a label costs on average over the labels of the other.
            rise[i] += (t[2] + t[3] - t[0] - t[1]) // 2
            rise[j] += (t[1] + t[3] - t[0] - t[2]) // 2
        rise = {i: -r if exchanged[i] else r for i, r in rise.items()}
        for i, j, t in kept:
            t = _with_exchanged(t, exchanged[i], exchanged[j])
            rise[i] += t[2] - t[0]
            rise[j] += t[3] - t[2]
            arcs.append((number[i], number[j], _attraction(t)))
        arcs += [(0, number[i], r) if r > 0 else (number[i], 1, -r) for i, r in rise.items() if r]
        zero = source_side(len(nodes) + 2, arcs)
        labels = {i: int(number[i] not in zero) ^ exchanged[i] for i in nodes}
        if left_out:
            self._descend(labels)
        return labels

    def _descend(self, labels: dict[int, int]) -> None:
        """Changes single labels while that makes the energy less."""
        changed = True
        while changed:
            changed = False
            for i, label in labels.items():
                sums = [
                    self.single[i][x]
                    + sum(t[2 * x + labels[j]] for j, t in self.neighbours[i].items())
                    for x in (0, 1)
                ]
                if sums[1 - label] < sums[label]:
                    labels[i] = 1 - label
                    changed = True


_Pair = tuple[int, int, Table]


def _attraction(t: Table) -> int:
    """What it costs to differ rather than be equal, summed: a cut needs it not to be negative."""
    return t[1] + t[2] - t[0] - t[3]


def _with_exchanged(t: Table, i: int, j: int) -> Table:
    """The table where labels 0 and 1 of a node stand for each other."""
    if i:
        t = (t[2], t[3], t[0], t[1])
    return (t[1], t[0], t[3], t[2]) if j else t


def _exchange(
    nodes: Sequence[int], pairs: Sequence[_Pair]
) -> tuple[dict[int, int], list[_Pair], list[_Pair]]:
    """Which nodes exchange labels so that pairs attract; the pairs that then do, and the others.

    A union-find forest with the parity of each node to its root; the strongest pairs first.
    """
    above = {i: (i, 0) for i in nodes}

    def find(i: int) -> tuple[int, int]:
        path, parity = [], 0
        while above[i][0] != i:
            path.append(i)
            i = above[i][0]
        for node in reversed(path):
            parity ^= above[node][1]
            above[node] = (i, parity)
        return i, parity

    kept, left_out = [], []
    for pair in sorted(pairs, key=lambda p: -abs(_attraction(p[2]))):
        i, j, t = pair
        (a, p), (b, q) = find(i), find(j)
        differ, strength = int(_attraction(t) < 0), _attraction(t)
        if a != b:
            above[b] = (a, p ^ q ^ differ)
        fits = strength == 0 or find(i)[1] ^ find(j)[1] == differ
        (kept if fits else left_out).append(pair)
    return {i: find(i)[1] for i in nodes}, kept, left_out
