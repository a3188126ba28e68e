"""New values of inputs in the old ones' bytes: which order, and where that cannot be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tyc.compiler.planning.plan import Buffer, Facts, Plan, Step, arrange
from tyc.compiler.planning.updates import in_order, share_outputs


def _plan(inputs: int, arena: int, updates: dict[int, int], steps: list[Step]) -> Plan:
    """Inputs come first, then as many buffers of the arena; then the new values of inputs."""
    buffers = [Buffer(128, "input", i) for i in range(inputs)]
    buffers += [Buffer(128, "arena") for _ in range(arena)]
    buffers += [Buffer(128, "input", old) for old in updates.values()]
    return Plan(buffers, steps, updates=updates)


def test_readers_of_the_old_value_come_first() -> None:
    steps = [Step("write", [0, 1], [4]), Step("read", [0], [2]), Step("join", [2, 4], [3])]
    plan = _plan(2, 2, {4: 0}, steps)
    in_place = [Facts(in_place=[(0, 0)]), Facts(), Facts()]
    assert in_order(plan, in_place) == ([1, 0, 2], [])


def test_a_kernel_that_mixes_elements_of_the_old_value_cannot_write_over_it() -> None:
    plan = _plan(2, 0, {2: 0}, [Step("write", [0, 1], [2])])
    assert in_order(plan, [Facts()])[1] == [2]
    assert in_order(plan, [Facts(in_place=[(1, 0)])])[1] == [2]
    twice = _plan(2, 0, {2: 0}, [Step("write", [0, 0], [2])])
    assert in_order(twice, [Facts(in_place=[(0, 0)])])[1] == [2]
    assert in_order(twice, [Facts(in_place=[(0, 0), (1, 0)])])[1] == []


def test_of_values_that_are_exchanged_one_is_copied() -> None:
    plan = _plan(2, 0, {2: 0, 3: 1}, [Step("a", [1], [2]), Step("b", [0], [3])])
    order, refused = in_order(plan, [Facts(), Facts()])
    assert order == [1, 0] and refused == [3]


def test_a_step_runs_again_before_what_it_reads_is_overwritten() -> None:
    # Layers y = f(w, y before), back from the last: each needs its y again, then changes its w.
    count = 8
    weights, first, grads = count, count + 1, 2 * count + 1
    steps = [Step(f"layer{i}", [i, first + i - 1 if i else count], [first + i])
             for i in range(count)]  # fmt: skip
    for i in reversed(range(count)):
        above = [grads + i + 1] if i + 1 < count else []
        steps.append(Step(f"back{i}", [first + i, i, *above], [grads + i]))
        steps.append(Step(f"update{i}", [i, grads + i], [3 * count + 1 + i]))
    plan = _plan(weights + 1, 2 * count, {3 * count + 1 + i: i for i in range(count)}, steps)
    order, refused = in_order(plan, [Facts(in_place=[(0, 0)])] * len(steps))
    assert not refused
    plan.steps = [steps[i] for i in order]
    arrange(plan, [Facts(cost=1.0)] * len(steps), 0.7)
    assert plan.recomputed and plan.arena_bytes <= plan.budget_bytes
    names = [s.kernel for s in plan.steps]
    for i in range(count):
        readers = (f"layer{i}", f"back{i}")
        assert names.index(f"update{i}") > max(j for j, n in enumerate(names) if n in readers)


def test_what_becomes_a_new_value_in_place_is_there_from_the_start() -> None:
    steps = [Step("scale", [0, 1], [2]), Step("scatter", [2, 1], [3])]
    plan = _plan(2, 1, {3: 0}, steps)
    order, refused = in_order(plan, [Facts(in_place=[(0, 0)])] * 2)
    assert (order, refused) == ([0, 1], []) and plan.updates == {3: 0, 2: 0}
    assert (plan.buffers[2].place, plan.buffers[2].index) == ("input", 0)
    plan = _plan(2, 1, {3: 0}, [*steps, Step("read", [2], [1])])
    in_order(plan, [Facts(in_place=[(0, 0)])] * 3)
    assert plan.updates == {3: 0}


def test_what_frees_values_comes_early_and_what_overwrites_alone_late() -> None:
    steps = [Step("make", [0], [3]), Step("more", [3], [4]), Step("take", [4, 1], [6]),
             Step("apply", [6, 2], [7]), Step("gradient", [3, 0], [5])]  # fmt: skip
    plan = _plan(3, 3, {6: 1, 7: 2}, steps)
    facts = [Facts(in_place=[(1, 0)])] * 5
    assert in_order(plan, facts) == ([0, 1, 2, 4, 3], [])


def test_what_an_update_waits_for_comes_early() -> None:
    # A gradient in a buffer of its own, which the state and the weight take, and the rate's cast.
    steps = [Step("make", [0], [3]), Step("more", [3], [4]), Step("use", [4, 3], [7]),
             Step("gradient", [3, 0], [5]), Step("rate", [2], [6]), Step("keep", [5], [8]),
             Step("apply", [1, 5, 6], [9])]  # fmt: skip
    plan = _plan(3, 5, {8: 0, 9: 1}, steps)
    plan.buffers[6].nbytes = 4
    order, refused = in_order(plan, [*[Facts()] * 6, Facts(in_place=[(0, 0)])])
    assert not refused
    assert [steps[k].kernel for k in order] == [
        "rate", "make", "gradient", "keep", "apply", "more", "use"]  # fmt: skip


def test_a_reader_that_needs_the_new_value_refuses_it() -> None:
    steps = [Step("write", [1], [3]), Step("read", [0, 3], [2])]
    assert in_order(_plan(2, 1, {3: 0}, steps), [Facts(), Facts()])[1] == [3]


@st.composite
def plans(draw: st.DrawFn) -> tuple[Plan, list[Facts]]:
    """Steps that read any earlier values, and some that write new values of the inputs."""
    inputs, count = 3, draw(st.integers(1, 8))
    updated = draw(st.lists(st.integers(0, inputs - 1), max_size=inputs, unique=True))
    news = {inputs + count + i: old for i, old in enumerate(updated)}
    written = draw(st.permutations([*range(inputs, inputs + count), *news]))
    readable, steps, facts = list(range(inputs)), [], []
    for value in written:
        reads = draw(st.lists(st.sampled_from(readable), min_size=1, max_size=3))
        steps.append(Step(f"k{value}", reads, [value]))
        free = [(i, 0) for i in range(len(reads)) if draw(st.booleans())]
        facts.append(Facts(in_place=free, cost=1.0))
        readable.append(value)
    return _plan(inputs, count, news, steps), facts


def _run(plan: Plan) -> list[int]:
    """The inputs' memory after a run of the steps on numbers, and what each step read."""
    memory = {("input", i): 100 + i for i in range(3)}
    for step in plan.steps:
        places = [(plan.buffers[b].place, plan.buffers[b].index) for b in step.inputs]
        value = hash((step.kernel, *(memory[p] for p in places)))
        (out,) = step.outputs
        memory[plan.buffers[out].place, plan.buffers[out].index] = value
    return [memory["input", i] for i in range(3)]


@given(plans(), st.sampled_from([None, 0.7, 1]))
def test_the_order_gives_what_separate_buffers_give(
    made: tuple[Plan, list[Facts]], budget: float | None
) -> None:
    plan, facts = made
    order, refused = in_order(plan, facts)
    assert sorted(order) == list(range(len(plan.steps)))
    # Each value in a place of its own, and the new ones written back at the end.
    for number, buffer in enumerate(plan.buffers[3:], 3):
        buffer.place, buffer.index = "apart", number
    apart = _run(plan)
    memory: dict[int, int] = {i: 100 + i for i in range(3)}
    for step in plan.steps:
        memory[step.outputs[0]] = hash((step.kernel, *(memory[b] for b in step.inputs)))
    kept = {new: old for new, old in plan.updates.items() if new not in refused}
    wanted = [memory[next((n for n, o in kept.items() if o == i), i)] for i in range(3)]
    assert apart == [100, 101, 102]
    for new, old in kept.items():
        plan.buffers[new].place, plan.buffers[new].index = "input", old
    plan.updates = kept
    plan.steps, facts = [plan.steps[i] for i in order], [facts[i] for i in order]
    for buffer in plan.buffers:
        buffer.place = "arena" if buffer.place == "apart" else buffer.place
    arrange(plan, [Facts(cost=1.0) for _ in facts], budget)
    assert _run(plan) == wanted
    assert np.isfinite(plan.arena_bytes)


def test_what_becomes_an_output_in_place_lives_there_from_the_start() -> None:
    steps = [Step("product", [0], [1]), Step("read", [0], [3]), Step("scatter", [1, 3], [2])]
    buffers = [Buffer(64, "input", 0), Buffer(64, "arena"), Buffer(64, "output", 0)]
    plan = Plan([*buffers, Buffer(64, "arena")], steps)
    facts = [Facts(), Facts(), Facts(in_place=[(0, 0), (1, 0)])]
    share_outputs(plan, facts)
    assert [b.place for b in plan.buffers] == ["input", "output", "output", "arena"]
    arrange(plan, facts)
    assert plan.arena_bytes == 64 and plan.buffers[1].index == 0


def test_what_another_step_reads_as_well_does_not() -> None:
    steps = [Step("product", [0], [1]), Step("scatter", [1], [2]), Step("read", [1], [3])]
    buffers = [Buffer(64, "input", 0), Buffer(64, "arena"), Buffer(64, "output", 0)]
    plan = Plan([*buffers, Buffer(64, "output", 1)], steps)
    share_outputs(plan, [Facts(), Facts(in_place=[(0, 0)]), Facts()])
    assert plan.buffers[1].place == "arena"
