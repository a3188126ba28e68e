"""A tensor that is too large, and all that reads it, some rows at a time: bytes and bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn, optim, runtime
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation, compile_program
from tyc.compiler.targets import host
from tyc.compiler.transforms.strip_sums import Region, find_region
from tyc.dialects.program import Program

ROWS, FEATURES, CLASSES = 192, 24, 1500


def step_program(update: bool) -> Program:
    """A step of a table of classes behind a layer, with dropout and a bias; without an update the
    gradients are results."""
    tyc.random.seed(0)
    net = nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.Tanh(), nn.Linear(FEATURES, CLASSES))
    manager = tyc.GradManager().attach(net.parameters())
    opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9) if update else None

    def step(x: Any, target: Any) -> Any:
        with manager:
            loss = F.cross_entropy(net(x), target)
            for parameter in net.parameters():
                parameter.grad = None
            manager.backward(loss)
        if opt is not None:
            opt.step().clear_grad()
        return loss

    x = np.zeros((ROWS, FEATURES), np.float32)
    return tyc.trace(step).program(x, np.zeros(ROWS, np.int64))


def results(program: Program, path: Path, budget: float | None, exact: bool) -> tuple[Any, dict]:
    """What a step gives and leaves as bytes, and the facts of its memory."""
    made = compile_program(program, path, options=Options(memory_budget=budget, exact=exact))
    module = runtime.load(made.library)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    state = module.initialize()
    found = module(x, rng.integers(0, CLASSES, ROWS), **state)
    arrays = [*(found if isinstance(found, (list, tuple)) else [found]), *state.values()]
    return [np.asarray(a).tobytes() for a in arrays], made.manifest["memory"]


@pytest.mark.parametrize(("update", "exact"), [(False, False), (False, True), (True, False)])
def test_bits_and_bytes(update: bool, exact: bool, tmp_path: Path) -> None:
    program = step_program(update)
    free, before = results(program.copy(), tmp_path / "free.so", None, exact)
    cut, after = results(program, tmp_path / "cut.so", 0.4, exact)
    assert before["workspace_bytes"] > ROWS * CLASSES * 4
    assert after["workspace_bytes"] <= after["budget_bytes"] < ROWS * CLASSES * 2
    # With an update the fewest strips and a little that runs again come before more strips.
    assert update or after["recomputed_steps"] == 0
    assert free == cut


def test_strips_leave_room_and_are_alike() -> None:
    region = Region([], [], 1024, 64 << 20, 0)
    assert region.strips(100 << 20, 90 << 20) == (2, 32)
    assert region.strips(100 << 20, 50 << 20) == (8, 32)
    assert region.strips(65 << 20, 65 << 20) == ()
    assert Region([], [], 1024, 64 << 20, 40 << 20).strips(100 << 20, 50 << 20) == (32,)
    # A sum that has to be kept takes what the strips give.
    assert Region([], [], 1024, 64 << 20, 56 << 20).strips(100 << 20, 50 << 20) == ()
    assert Region([], [], 24, 64 << 20, 0).strips(100 << 20, 50 << 20) == ()


def found(function: Any, *arguments: Any) -> Region | None:
    """The region of a traced function."""
    program = tyc.trace(function).program(*arguments)
    run = Compilation(program, host(), Options())
    run.run_program_stages(stop="fuse")
    run.schedule_kernels()
    with program.module.context:
        return find_region(program, run.kernels)


X, W = np.ones((64, 24), np.float32), np.ones((24, 512), np.float32)


def test_a_reader_of_whole_columns_is_no_region() -> None:
    assert found(lambda x, w: F.sum(F.softmax(x @ w, 0) * (x @ w), 1), X, W) is None
    assert found(lambda x, w: F.softmax(x @ w, 1).T, X, W) is None


def test_what_needs_all_rows_of_its_own_result_is_no_region() -> None:
    def centred(x: Any, w: Any) -> Any:
        y = F.exp(x @ w)
        return F.sum(y / F.sum(F.sum(y, 1)), 1)

    assert found(centred, X, W) is None


def test_rows_for_rows_and_sums() -> None:
    def several(x: Any, w: Any) -> Any:
        y = F.tanh(x @ w)
        return F.matmul(y.T, x), F.sum(y, 0), F.sum(y, 1)

    region = found(several, X, W)
    assert region is not None and region.nbytes == 64 * 512 * 4
    assert sorted(region.sums) == [False, False, True, True]
