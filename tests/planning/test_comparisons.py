"""What the planner is compared with is right: sequences, their optimum, bounds, baselines."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest
from exact_rematerialization import Checkmate, cheapest
from hypothesis import given
from hypothesis import strategies as st
from kernel_sequences import Course
from plan_check import graphs
from rematerialization_baselines import chen, dtr
from rematerialization_bound import least_extra
from rotor import Rotor
from stages import Stages, Way
from training_models import equal

from tyc.compiler.planning.graph import Facts, Graph, Kernel
from tyc.compiler.planning.sequence import Sequences


@given(graphs(14, parts=True), st.data())
def test_bytes_of_a_sequence_are_those_of_its_graph(graph, data):
    course = Course(graph)
    kernels = []
    for k in range(len(graph.kernels)):
        before = [r for r in range(k) if course.may_repeat(r)]
        kernels += data.draw(st.lists(st.sampled_from(before), max_size=2)) if before else []
        kernels.append(k)
    outcome, expanded = course.run(kernels), Sequences(graph).expand(kernels)
    assert outcome.peak == Facts(expanded.graph).peak(range(len(kernels)))
    cost = sum(kernel.cost for kernel in expanded.graph.kernels)
    assert outcome.extra == pytest.approx(cost - sum(course.cost))


def test_what_may_not_be_is_refused():
    graph = Graph([64, 0], [Kernel((), (0,)), Kernel((0,), (1,))])
    course = Course(graph)
    with pytest.raises(ValueError, match="kernel 1 reads 0 before it is written"):
        course.run([1, 0])
    with pytest.raises(ValueError, match="kernel 1 may run only once"):
        course.run([0, 1, 1])
    with pytest.raises(ValueError, match="1 kernels do not run"):
        course.run([0])
    kernels = [Kernel((1,), (0,)), Kernel((0,), (2,))]
    course = Course(Graph([64, 0, 0], kernels, updates={2: 1}))
    with pytest.raises(ValueError, match="kernel 0 reads what is overwritten"):
        course.run([0, 1, 0])


def small(seed: int) -> Graph:
    """A chain of five layers and its way back, of random sizes and costs, some of it in place."""
    random, layers = Random(seed), 5
    sizes = [64 * random.choice((4, 4, 8, 12)) for _ in range(layers)]
    kernels = []
    for i in range(layers):
        reads = tuple({max(i - 1, 0), max(i - random.randint(1, 3), 0)} - {i})
        pairs = tuple((r, i) for r in reads if sizes[r] == sizes[i])
        kernels.append(Kernel(reads, (i,), pairs, cost=random.randint(1, 20)))
    grad = layers - 1
    for i in reversed(range(layers)):
        sizes.append(sizes[i])
        pairs = ((grad, len(sizes) - 1),) if sizes[grad] == sizes[i] and grad != i else ()
        reads = tuple(dict.fromkeys((grad, i)))
        kernels.append(Kernel(reads, (len(sizes) - 1,), pairs, cost=20))
        grad = len(sizes) - 1
    return Graph(sizes, kernels)


def searched(course: Course, budget: int) -> float | None:
    """The least extra cost by a search through all states: kernels that ran, what lives."""
    start = (0, frozenset[int]())
    costs, work, number = {start: 0.0}, [(0.0, 0, start)], count(1)
    while work:
        cost, _, state = heappop(work)
        turn, live = state
        if turn == len(course.cost):
            return cost
        if cost > costs[state]:
            continue
        for k in range(turn + 1):
            again = k < turn
            if (again and not course.may_repeat(k)) or not live.issuperset(course.reads[k]):
                continue
            after = live | set(course.writes[k])
            for taken in [(), *((pair,) for pair in course.pairs[k])]:
                saved = sum(course.size[b] for _, b in taken if b not in live)
                if sum(course.size[s] for s in after) - saved > budget:
                    continue
                left = frozenset(after - {a for a, _ in taken})
                heads = [(turn + (not again), left)]
                heads += [(heads[0][0], left - {s}) for s in left]
                for head in heads:
                    total = cost + again * course.cost[k]
                    if total < costs.get(head, float("inf")):
                        costs[head] = total
                        heappush(work, (total, next(number), head))
        for s in live:
            head = (turn, live - {s})
            if cost < costs.get(head, float("inf")):
                costs[head] = cost
                heappush(work, (cost, next(number), head))
    return None


@pytest.mark.parametrize("seed", range(4))
def test_the_oracle_finds_what_a_search_finds(seed):
    graph = small(seed)
    course, order = Course(graph), list(range(len(graph.kernels)))
    peak = course.run(order).peak
    for share in (0.9, 0.75, 0.6):
        least = searched(course, int(share * peak))
        exact = cheapest(course, order, int(share * peak), 20.0)
        assert (least is None) == (exact is None)
        if least is not None and exact is not None:
            assert exact.extra == pytest.approx(least, rel=1e-4, abs=1e-5 * sum(course.cost))
            assert least_extra(course, order, int(share * peak)) <= least + 1e-5 * sum(course.cost)


def test_a_sequence_satisfies_the_rows_of_the_oracle():
    graph = equal(12)
    course, order = Course(graph), list(range(len(graph.kernels)))
    kernels = dtr(course, order, int(0.6 * course.run(order).peak))
    assert kernels is not None and len(kernels) > len(order)
    programme = Checkmate(course, order, course.run(order).peak)
    values = programme.values(kernels)
    for terms, limit in programme.made.rows:
        assert sum(factor * values[column] for factor, column in terms) <= limit
    cost = sum(cost * values[column] for column, cost in programme.made.costs.items())
    assert cost == pytest.approx(course.run(kernels).extra)


def test_the_oracle_wants_no_pieces():
    graph = Graph([64, 64], [Kernel((), (0,)), Kernel((1,), ())], {0: (1, 0)})
    with pytest.raises(ValueError, match="wants a graph without pieces"):
        Checkmate(Course(graph), [0, 1], 64)


def test_baselines_do_what_their_papers_say_on_equal_layers():
    layers = 64
    graph = equal(layers)
    course, order = Course(graph), list(range(len(graph.kernels)))
    way, step = Way(course, order), sum(course.cost)
    least = min((course.run(kernels) for kernels in chen(way)), key=lambda outcome: outcome.peak)
    # Chen: about 2 sqrt(n) values live, each layer runs forward once more: a quarter of the step.
    assert least.peak <= (2 * layers**0.5 + 4) * (1 << 20) and least.extra <= 0.26 * step
    table = Rotor(Stages(way, way.joints(layers)))
    for share in (0.5, 0.25, 0.12):
        budget = int(share * way.free.peak)
        kernels = table.plan(budget)
        assert kernels is not None
        outcome = course.run(kernels)
        assert outcome.peak <= budget + (2 << 20)
    greedy = dtr(course, order, int(0.4 * way.free.peak))
    assert greedy is not None and course.run(greedy).peak <= 0.4 * way.free.peak
    assert dtr(course, order, 1 << 20) is None
