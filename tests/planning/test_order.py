"""The fast planner against the exact one: order, in-place choices and offsets together."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from plan_check import graphs, run_plan

from tyc.compiler.planning.graph import Facts, Graph, Kernel
from tyc.compiler.planning.memory import reserved
from tyc.compiler.planning.offsets import lay_out
from tyc.compiler.planning.order import find_order, floors


@given(graphs(20, parts=True))
def test_a_plan_keeps_what_is_read_later(graph):
    order = find_order(graph)
    assert sorted(order.kernels) == list(range(len(graph.kernels)))
    layout = lay_out(graph, order.kernels)
    assert order.peak == Facts(graph).peak(order.kernels) == layout.peak
    assert order.bound <= order.peak <= reserved(layout.arena_bytes)
    run_plan(graph, order.kernels, layout.offsets, layout.arena_bytes)


@given(graphs(12, parts=True))
def test_no_order_needs_less_than_the_bound(graph):
    facts = Facts(graph)
    found = find_order(graph)
    assert found.bound == found.peak == least_peak(facts)
    assert max(floors(facts, *facts.closures()), default=0) <= found.peak
    assert find_order(graph, most_states=1).bound <= found.peak


def least_peak(facts: Facts) -> int:
    """The smallest peak over all orders: every set of kernels that can have run, in turn."""
    best = {0: (0, 0)}
    for _ in range(facts.count):
        following: dict[int, tuple[int, int]] = {}
        for done, (peak, live) in best.items():
            for k in range(facts.count):
                if not done >> k & 1 and not facts.needs[k] & ~done:
                    now, left = facts.step(done, live, k)
                    state = (max(peak, now), left)
                    after = done | 1 << k
                    following[after] = min(following.get(after, state), state)
        best = following
    return next(iter(best.values()))[0]


@settings(max_examples=30, deadline=None)
@given(graphs(12))
def test_the_arena_is_the_exact_optimum_or_two_percent_more(graph):
    solve = pytest.importorskip("exact_memory").solve
    order = find_order(graph)
    layout = lay_out(graph, order.kernels)
    exact = solve(graph, seconds=20)
    assert order.bound <= exact.arena_bytes
    assert reserved(layout.arena_bytes) <= 1.02 * exact.arena_bytes


def chain(*sizes: int) -> Graph:
    kernels = [Kernel((i,), (i + 1,)) for i in range(len(sizes) - 1)]
    return Graph([0, *sizes[1:]], kernels)


def test_the_order_stays_where_none_is_better():
    graph = Graph([64] * 4, [Kernel((), (0,)), Kernel((), (1,)), Kernel((0, 1), (2,))])
    assert find_order(graph).kernels == [0, 1, 2]
    assert find_order(chain(64, 640, 320)).kernels == [0, 1]


def test_a_branch_ends_before_the_next_begins():
    """Two branches that grow and shrink: side by side they would need 6400 bytes."""
    grow = [Kernel((), (0,)), Kernel((0,), (1,)), Kernel((0,), (2,))]
    shrink = [Kernel((1,), (3,)), Kernel((2,), (4,)), Kernel((3, 4), (5,))]
    graph = Graph([64, 3200, 3200, 64, 64, 64], grow + shrink)
    found = find_order(graph)
    assert found.kernels == [0, 1, 3, 2, 4, 5]
    assert found.peak == found.bound == 64 + 3200 + 64


def test_a_value_is_taken_over_only_by_equal_bytes_and_after_its_last_use():
    pair = ((0, 1),)
    graph = Graph([640, 640], [Kernel((), (0,)), Kernel((0,), (1,), pair)])
    assert lay_out(graph, [0, 1]).arena_bytes == 640
    sooner = Graph(graph.sizes, [*graph.kernels, Kernel((0,), ())])
    assert find_order(sooner).kernels == [0, 2, 1] and find_order(sooner).peak == 640
    later = Graph(graph.sizes, [*graph.kernels, Kernel((0, 1), ())])
    assert find_order(later).peak == 1280
    other = Graph([640, 64], graph.kernels)
    assert lay_out(other, [0, 1]).arena_bytes == 704


def test_pieces_are_written_where_the_whole_is_read():
    kernels = [Kernel((), (0,)), Kernel((), (1,)), Kernel((2,), (3,))]
    graph = Graph([64, 128, 192, 64], kernels, {0: (2, 0), 1: (2, 64)})
    layout = lay_out(graph, [0, 1, 2])
    assert layout.offsets[1] - layout.offsets[0] == 64
    assert layout.offsets[2] == layout.offsets[0] and layout.arena_bytes == 256


def test_a_piece_of_a_piece_waits_for_its_own_parts_only():
    kernels = [Kernel((), (0,)), Kernel((), (1,)), Kernel((2,), (3,)), Kernel((4,), (5,))]
    parts = {0: (2, 0), 1: (2, 64), 2: (4, 0), 3: (4, 192)}
    graph = Graph([64, 128, 192, 64, 256, 64], kernels, parts)
    assert graph.producers() == [1, 2, 3, 4, 7, 8]
    found = find_order(graph)
    assert found.kernels == [0, 1, 2, 3] and found.peak == found.bound == 320
    assert lay_out(graph, found.kernels).offsets[3] == 192


def wide(seed: int, count: int) -> Graph:
    """A layered graph with branches that are summed in the end."""
    chance = random.Random(seed)
    sizes, kernels, open_ends = [640], [Kernel((), (0,))], [0]
    while len(kernels) < count:
        source = chance.choice(open_ends[-6:])
        sizes.append(64 * chance.randint(1, 60))
        kernels.append(Kernel((source,), (len(sizes) - 1,)))
        open_ends.append(len(sizes) - 1)
        if len(open_ends) > 9:
            merged = [open_ends.pop(chance.randrange(len(open_ends))) for _ in range(4)]
            sizes.append(640)
            kernels.append(Kernel(tuple(merged), (len(sizes) - 1,)))
            open_ends.append(len(sizes) - 1)
    return Graph(sizes, kernels)


@pytest.mark.parametrize("seed", range(3))
def test_large_graphs_are_planned_quickly_and_alike(seed):
    graph = wide(seed, 400)
    began = time.process_time()
    first, second = find_order(graph), find_order(graph)
    assert first == second
    assert first.bound <= first.peak <= Facts(graph).peak(range(400))
    assert time.process_time() - began < 20  # seconds here mean a search without its limits
