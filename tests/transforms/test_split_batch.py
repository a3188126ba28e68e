"""Slices of the batch: the same gradients, by the interpreter and compiled, in less memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hub_models import SMALL

from tyc import runtime
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation, compile_program
from tyc.compiler.targets import host
from tyc.compiler.transforms import split_batch
from tyc.compiler.transforms.plan_memory import plan_memory
from tyc.dialects import interpreter
from tyc.dialects.program import Program
from tyc.hub.models import steps

NAMES = ["vgg19", "unet", "resnet18"]


def gradients(name: str, batch: int = 4) -> Program:
    """The program of a small model's loss and gradients."""
    small = SMALL[name]
    return steps.gradient_program(name, batch, small.size, **small.options)


def inputs(program: Program) -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    made = []
    for _, t in program.inputs:
        array = chance.standard_normal(t.shape) if t.dtype.is_float else np.zeros(t.shape)
        made.append(np.abs(array).astype(t.dtype.numpy))
    return made


def fused(program: Program, exact: bool = False) -> Compilation:
    run = Compilation(program, host(), Options(exact=exact))
    run.run_program_stages(stop="fuse")
    return run


def calls(program: Program) -> list[str]:
    return [str(o.attributes["callee"]) for o in program.operations() if o.name == "func.call"]


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts whatever can be cut, however small."""
    monkeypatch.setattr(split_batch, "_LARGE", 1000)
    monkeypatch.setattr(split_batch, "_LEAST_BYTES", 64)


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("name", NAMES)
def test_slices_compute_what_the_whole_does(name: str) -> None:
    program = gradients(name)
    values = inputs(program)
    whole = interpreter.run(program, values)
    run = fused(program)
    assert any("_rows_add_" in c for c in calls(program))
    assert run.program.module.operation.verify()
    for actual, wanted in zip(interpreter.run(program, values), whole, strict=True):
        scale = max(float(np.abs(wanted).max()), 1e-6)
        np.testing.assert_allclose(actual / scale, wanted / scale, atol=2e-3)


@pytest.mark.usefixtures("everything")
def test_slices_need_less_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = []
    for most in (1, 4):
        monkeypatch.setattr(split_batch, "_MOST", most)
        run = fused(gradients("vgg19"))
        run.schedule_kernels()
        with run.program.module.context:
            peaks.append(plan_memory(run.program, run.kernels, host(), 0.2)[0].arena_bytes)
    assert peaks[1] < peaks[0]


@pytest.mark.usefixtures("everything")
def test_compiled_with_and_without_a_budget(tmp_path: Path) -> None:
    results, program = [], gradients("vgg19", 2)
    values = inputs(program)
    wanted = interpreter.run(program.copy(), values)
    for budget in (None, 0.8):
        made = compile_program(
            program.copy(), tmp_path / f"{budget}.so", options=Options(memory_budget=budget)
        )
        results.append(runtime.load(made.library, threads=1 + len(results))(*values))
    for free, tight, reference in zip(*results, wanted, strict=True):
        np.testing.assert_array_equal(free, tight)
        scale = max(float(np.abs(reference).max()), 1e-6)
        np.testing.assert_allclose(free / scale, reference / scale, atol=2e-3)


@pytest.mark.usefixtures("everything")
def test_sums_stay_as_they_are_written_in_exact_mode() -> None:
    program = gradients("vgg19")
    fused(program, exact=True)
    assert not any("_rows_" in c for c in calls(program))


def test_small_values_are_not_cut() -> None:
    program = gradients("vgg19")
    fused(program)
    assert not any("_rows_" in c for c in calls(program))
