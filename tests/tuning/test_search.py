"""Candidates in a child process: the good ones are timed, the bad ones fail alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tyc.compiler import pool
from tyc.compiler.child import Child, ChildDied
from tyc.compiler.codegen import native
from tyc.compiler.kernels import CompiledKernel, KernelSource
from tyc.compiler.options import Options
from tyc.compiler.schedules.choice import Choice
from tyc.compiler.targets import host
from tyc.compiler.tuning import runner as running
from tyc.compiler.tuning.runner import Runner, TrialFailed, trial_child
from tyc.compiler.tuning.search import SearchFailed, Settings, search
from tyc.compiler.tuning.trial import Setup

TEXT = """func.func private @product(%a: tensor<48x64xf32>, %b: tensor<64x80xf32>)
    -> tensor<48x80xf32> attributes {ty.constants = array<i64: 1>} {
  %0 = "ty.matmul"(%a, %b) {transpose_a = false, transpose_b = false}
      : (tensor<48x64xf32>, tensor<64x80xf32>) -> tensor<48x80xf32>
  return %0 : tensor<48x80xf32>
}"""
SOURCE = KernelSource("product", TEXT)


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    made = trial_child()
    yield made
    made.close()


def compiled(choice: Choice | None = None) -> CompiledKernel:
    (made,) = pool.compile_each([replace(SOURCE, choice=choice)], host(), Options())
    assert isinstance(made, CompiledKernel)
    return made


def broken(body: str) -> CompiledKernel:
    """A kernel with that LLVM IR for a task."""
    text = "define void @product_task(ptr %c, i64 %b, i64 %e, i32 %w) {\n" + body + "\n}"
    return replace(compiled(), code=native.compile_llvm_ir(text, host()))


TRAP = "  call void @llvm.trap()\n  unreachable"


@pytest.fixture
def runner(child: Child) -> Runner:
    facts = pool.examine(SOURCE, host(), Options(), 1)
    made = Runner(Setup(facts.inputs, facts.outputs, host()), (1, 2), child)
    made.add(0, compiled())
    return made


def test_the_space_is_the_same_each_time():
    first, second = (pool.examine(SOURCE, host(), Options(), 12) for _ in range(2))
    assert first == second
    assert len(set(first.choices)) == len(first.choices) == 12
    assert first.inputs == (("f32", (48, 64)), ("f32", (64, 80)))
    assert first.outputs == (("f32", (48, 80)),)


def test_choices_give_the_default_s_results(runner: Runner):
    choices = pool.examine(SOURCE, host(), Options(), 5).choices
    for number, choice in enumerate(choices[1:], 1):
        made = compiled(choice)
        assert made.tuned and made.schedule == choice.family
        assert runner.add(number, made).error <= 1e-5
    times = runner.time([0, 1, 2], 0.01)
    assert set(times) == {0, 1, 2}
    assert all(len(t) == 2 and min(t) > 0 and max(t) < math.inf for t in times.values())


def test_a_crash_is_the_crashing_candidate_s(runner: Runner):
    with pytest.raises(TrialFailed, match="crashed"):
        runner.add(1, broken(TRAP))
    assert set(runner.time([0], 0.01)) == {0}


def test_a_candidate_that_crashes_later_is_left_out(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
):
    runner.add(1, compiled())
    ask = Runner._ask

    def dies(self: Runner, *message: Any, patience: float = 0.0) -> Any:
        if message[0] == "time" and 1 in message[1]:
            message = ("add", 1, broken(TRAP))
        return ask(self, *message, patience=patience)

    monkeypatch.setattr(Runner, "_ask", dies)
    assert set(runner.time([0, 1], 0.01)) == {0}
    assert set(runner._added) == {0}


def test_a_candidate_that_hangs_is_ended(runner: Runner, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "RUN_SECONDS", 1.0)
    with pytest.raises(TrialFailed, match="took more than 1 s"):
        runner.add(1, broken("  br label %again\nagain:\n  br label %again"))
    monkeypatch.setattr(running, "RUN_SECONDS", 60.0)
    assert set(runner.time([0], 0.01)) == {0}


def test_wrong_results_are_seen(runner: Runner):
    assert runner.add(1, broken("  ret void")).error > 0.5


def test_a_search_says_what_it_tried(child: Child):
    told: list[tuple[str, int, int]] = []
    settings = Settings(host(), Options(), (1,), trials=3)
    record = search(SOURCE, settings, lambda *said: told.append(said), None, child)
    assert (record.trials, record.space, record.kernel) == (3, 3, "product")
    assert told == [("product", 3, 3)]
    assert 0 < record.nanoseconds <= record.default_nanoseconds < 1e9
    assert record.choice is None or record.gain > 1


def test_what_was_known_is_tried_first(child: Child):
    known = pool.examine(SOURCE, host(), Options(), 8).choices[3]
    settings = Settings(host(), Options(), (1,), trials=1)
    assert search(SOURCE, settings, None, known, child).trials == 2


def test_a_kernel_that_does_not_compile_fails_the_search(child: Child):
    with pytest.raises(SearchFailed, match="product"):
        search(KernelSource("product", "nonsense"), Settings(host(), Options()), None, None, child)


def test_a_child_says_how_it_died():
    made = Child("tyc.compiler.no_such_module")
    with pytest.raises(ChildDied, match="crashed") as caught:
        made.ask("anything", 30.0)
    assert "no_such_module" in caught.value.details
