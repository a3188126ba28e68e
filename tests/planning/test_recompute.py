"""Kernels that run again: what is read is what was written, and fewer bytes live."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from plan_check import graphs, run_plan

from tyc.compiler.planning.budget import own_bytes, place
from tyc.compiler.planning.graph import Facts, Graph, Kernel
from tyc.compiler.planning.memory import reserved
from tyc.compiler.planning.order import find_order
from tyc.compiler.planning.plan import Buffer, Plan, Step, arrange, largest_step, live_at
from tyc.compiler.planning.rematerialize import Rematerializer
from tyc.compiler.planning.sequence import Sequences


def check(graph: Graph, fitted) -> None:
    """Runs a fitted plan on stamps, and sees that each run reads the values it read before."""
    expanded, layout = fitted.expanded, fitted.layout
    run_plan(expanded.graph, range(len(expanded.kernels)), layout.offsets, layout.arena_bytes)
    assert set(expanded.kernels) == set(range(len(graph.kernels)))
    for k, run in zip(expanded.kernels, expanded.graph.kernels):
        kernel = graph.kernels[k]
        assert [expanded.values[v] for v in run.inputs] == list(kernel.inputs)
        assert [expanded.values[v] for v in run.outputs] == list(kernel.outputs)


@given(graphs(16, parts=True), st.floats(0.1, 1.0))
def test_a_plan_under_a_budget_computes_the_same(graph, share):
    free = place(graph)
    check(graph, free)
    fitted = place(graph, int(free.layout.arena_bytes * share))
    check(graph, fitted)
    assert fitted.layout.arena_bytes <= free.layout.arena_bytes
    facts = Facts(graph)
    least = max((own_bytes(facts, k) for k in range(facts.count)), default=0)
    assert least <= reserved(fitted.layout.arena_bytes)


@given(graphs(16, parts=True), st.integers(0, 8000))
def test_the_profile_of_a_sequence_is_that_of_its_graph(graph, budget):
    order = find_order(graph).kernels
    replay = Rematerializer(graph, order).plan(budget)
    expanded = Sequences(graph).expand(replay.kernels)
    assert Facts(expanded.graph).peak(range(len(replay.kernels))) <= replay.peak


def forgetful() -> Graph:
    """A cheap large value that is read at the beginning and at the end of a large computation."""
    kernels = [
        Kernel((), (0,), cost=1, name="cheap"),
        Kernel((0,), (1,), cost=9, name="shrink"),
        Kernel((1,), (2,), cost=9, name="grow"),
        Kernel((2,), (3,), cost=9, name="end"),
        Kernel((0, 3), (4,), cost=9, name="join"),
    ]
    return Graph([6400, 64, 12800, 64, 0], kernels)


def test_a_cheap_value_is_computed_again():
    free, tight = place(forgetful()), place(forgetful(), 13000)
    assert free.layout.arena_bytes == 19200 + 64
    assert tight.expanded.kernels == [0, 1, 2, 3, 0, 4]
    assert tight.layout.arena_bytes == 12800 + 64


def test_what_no_repetition_helps_stays():
    fitted = place(forgetful(), 100)
    assert fitted.layout.arena_bytes == 12800 + 64


def training(layers: int, size: int = 6400) -> Graph:
    """Forward and backward of a chain: each activation is read again on the way back."""
    sizes, kernels, values = [0], [], [0]
    for i in range(layers):
        sizes.append(size)
        kernels.append(Kernel((values[-1],), (i + 1,), cost=10.0))
        values.append(i + 1)
    sizes.append(size)
    grad = len(sizes) - 1
    kernels.append(Kernel((values[-1],), (grad,), cost=10.0))
    for i in reversed(range(layers)):
        sizes += [0, size]
        kernels.append(Kernel((grad, values[i]), (len(sizes) - 2,), cost=10.0))
        pair = ((grad, len(sizes) - 1),)
        kernels.append(Kernel((grad, values[i + 1]), (len(sizes) - 1,), pair, cost=10.0))
        grad = len(sizes) - 1
    return Graph(sizes, kernels)


def test_training_in_half_of_the_memory_runs_half_of_the_layers_again():
    graph = training(48)
    free = place(graph)
    half = place(graph, free.layout.arena_bytes // 2)
    assert half.layout.arena_bytes <= free.layout.arena_bytes // 2
    assert len(half.expanded.kernels) <= len(graph.kernels) + 30
    check(graph, half)


def test_a_budget_gives_the_same_plan_each_time():
    graph = training(200)
    budget = place(graph).layout.arena_bytes // 4
    first, second = place(graph, budget), place(graph, budget)
    assert first == second and first.layout.arena_bytes <= budget


def test_arrange_repeats_steps():
    graph = forgetful()
    buffers = [Buffer(n, "arena") if n else Buffer(64, "output", 0) for n in graph.sizes]
    steps = [Step(k.name, list(k.inputs), list(k.outputs), f"at {k.name}") for k in graph.kernels]
    plan = Plan(buffers, steps)
    arrange(plan, budget=13000)
    assert [s.kernel for s in plan.steps] == ["cheap", "shrink", "grow", "end", "cheap", "join"]
    assert plan.recomputed == 1 and plan.moved == 0 and plan.arena_bytes == 12864
    assert plan.steps[4].outputs == [5] and plan.steps[5].inputs == [5, 3]
    assert plan.steps[largest_step(plan)].kernel in ("grow", "end")
    assert live_at(plan, 2) == [2, 1]
