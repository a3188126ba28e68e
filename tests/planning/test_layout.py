"""Choices of layouts: against all choices of small graphs, and how they grow."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tyc.compiler.planning.energy import Energy
from tyc.compiler.planning.layout import Form, Graph, Read, Tensor, choose
from tyc.compiler.planning.min_cut import source_side

N, A, B = (0, 1, 2), (0, 2, 1), (2, 0, 1)
COSTS = st.integers(0, 20)


def least(graph: Graph) -> int:
    """The cost of the best of all choices."""
    return min(graph.cost(labels) for labels in itertools.product((0, 1), repeat=len(graph.ops)))


@st.composite
def graphs(draw: st.DrawFn, readers: int = 3, forms: tuple[Form, ...] = (N, A)) -> Graph:
    """Up to eight ops whose tensors go to later ones; `forms` are those of labels 0 and 1, and
    others that some readers want."""
    count = draw(st.integers(1, 8))
    graph = Graph([(draw(COSTS), draw(COSTS)) for _ in range(count)])
    for op in (None, *range(count)):
        later = range(0 if op is None else op + 1, count)
        found = draw(st.lists(st.sampled_from([None, *later]), max_size=readers, unique=True))
        reads = []
        for reader in found:
            wanted = draw(st.sampled_from([(forms[0], f) for f in (*forms[1:], None)]))
            reads.append(Read(reader, (N, N) if reader is None else wanted))
        costs = {(N, A): draw(COSTS), (A, N): draw(COSTS)}
        # Any other form costs as much from both.
        costs |= dict.fromkeys([(N, B), (A, B)], draw(COSTS))
        graph.tensors.append(Tensor(op, (forms[0], forms[1]), reads, costs))
    return graph


@settings(max_examples=200, deadline=None)
@given(graphs(forms=(N, A, B)))
def test_choice_is_the_best_of_all(graph: Graph) -> None:
    assert graph.cost(choose(graph)) == least(graph)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_chains_are_exact_with_any_forms(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 8))
    graph = Graph([(data.draw(COSTS), data.draw(COSTS)) for _ in range(count)])
    form = st.sampled_from((N, A, B))
    for op in range(count - 1):
        costs = {pair: data.draw(COSTS) for pair in itertools.permutations((N, A, B), 2)}
        read = Read(op + 1, (data.draw(form), data.draw(form)))
        graph.tensors.append(Tensor(op, (data.draw(form), data.draw(form)), [read], costs))
    assert graph.cost(choose(graph)) == least(graph)


@settings(max_examples=100, deadline=None)
@given(graphs(readers=4), st.lists(st.booleans(), min_size=8, max_size=8))
def test_labels_are_only_names(graph: Graph, crossed: list[bool]) -> None:
    # The same graph where some ops call their layouts the other way round.
    ops = [c[::-1] if x else c for c, x in zip(graph.ops, crossed)]
    tensors = []
    for t in graph.tensors:
        reads = [
            Read(r.op, r.forms[::-1] if r.op is not None and crossed[r.op] else r.forms)
            for r in t.reads
        ]
        forms = t.forms[::-1] if t.op is not None and crossed[t.op] else t.forms
        tensors.append(Tensor(t.op, forms, reads, t.costs))
    renamed = Graph(ops, tensors)
    assert renamed.cost(choose(renamed)) == least(graph)


def test_one_relayout_serves_all_readers() -> None:
    reads = [Read(1, (N, A)), Read(2, (N, A)), Read(3, (N, A))]
    graph = Graph([(0, 100), (10, 0), (10, 0), (10, 0)])
    graph.tensors.append(Tensor(0, (N, A), reads, {(N, A): 25}))
    assert choose(graph) == [0, 1, 1, 1]
    graph.tensors[0] = Tensor(0, (N, A), reads, {(N, A): 31})
    assert choose(graph) == [0, 0, 0, 0]


def test_ties_keep_the_natural_order() -> None:
    graph = Graph([(5, 5), (3, 3)], [Tensor(0, (N, A), [Read(1, (N, A))], {})])
    assert choose(graph) == [0, 0]
    assert choose(Graph()) == []


def test_a_contradiction_still_gains() -> None:
    # Three that want to differ in pairs: two can.
    energy = Energy()
    for _ in range(4):
        energy.add_node()
    for i, j in itertools.combinations(range(4), 2):
        energy.add_pair(i, j, (6, 0, 0, 6))
    best = min(energy.value(x) for x in itertools.product((0, 1), repeat=4))
    assert energy.value(energy.minimize()) == best == 12


@pytest.mark.parametrize("seed", range(5))
def test_minimum_cuts(seed: int) -> None:
    rng = random.Random(seed)
    arcs = [(a, b, rng.randrange(10)) for a in range(7) for b in range(7) if rng.random() < 0.5]

    def cut(side: set[int]) -> int:
        return sum(c for a, b, c in arcs if a in side and b not in side)

    sides = [{0, *rest} for n in range(6) for rest in itertools.combinations(range(2, 7), n)]
    assert cut(source_side(7, arcs)) == min(map(cut, sides))


def test_large_graphs_take_linear_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    # Blocks as of residual networks: elimination leaves nothing for the cut.
    import tyc.compiler.planning.energy as module

    sizes: list[int] = []

    def counted(count: int, arcs: list[tuple[int, int, int]]) -> set[int]:
        sizes.append(count)
        return source_side(count, arcs)

    monkeypatch.setattr(module, "source_side", counted)
    rng, graph = random.Random(1), Graph()
    graph.ops = [(rng.randrange(99), rng.randrange(99)) for _ in range(3000)]
    costs = {(N, A): 40, (A, N): 40}
    for i in range(2999):
        nexts = (i + 1, i + 3) if i % 3 == 0 and i + 3 < 3000 else (i + 1,)
        graph.tensors.append(Tensor(i, (N, A), [Read(j, (N, A)) for j in nexts], costs))
    labels = choose(graph)
    assert sizes == [2]
    assert graph.cost(labels) <= min(graph.cost([0] * 3000), graph.cost([1] * 3000))
