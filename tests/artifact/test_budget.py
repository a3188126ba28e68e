"""`--memory-budget`: the workspace keeps to it, the results stay the same bits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from commands import small_model
from onnx import helper

from tyc import onnx, runtime
from tyc.compiler.options import Options, parse_budget
from tyc.compiler.pipeline import compile_program
from tyc.runtime.errors import UserError

LARGE, LARGER = 4 * 4096 * 4, 4 * 8192 * 4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`a = x @ w0` is read at once and at the end; between the two, something larger lives."""
    chance = np.random.default_rng(0)
    sizes = [(16, 4096), (4096, 16), (16, 8192), (8192, 16), (16, 4096)]
    arrays = {f"w{i}": chance.standard_normal(s).astype("f4") / 8 for i, s in enumerate(sizes)}
    names = ["x", "a", "b", "c", "d", "e"]
    nodes = [
        helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]], name=f"product{i}")
        for i in range(5)
    ]
    nodes.append(helper.make_node("Add", ["e", "a"], ["y"], name="sum"))
    path = tmp_path_factory.mktemp("budget") / "forgetful.onnx"
    return small_model(path, shape=(4, 16), nodes=nodes, arrays=arrays)


def compiled(model: Path, folder: Path, budget: int | float | None):
    options = Options(memory_budget=budget)
    return compile_program(onnx.load(model), folder / "model.so", options=options)


def test_a_budget_runs_a_kernel_again_and_changes_no_bit(model: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(1).standard_normal((4, 16)).astype("f4")
    memory, results = [], []
    for budget in (None, LARGER + 4096, 0.8):
        made = compiled(model, tmp_path, budget)
        module = runtime.load(made.library)
        memory.append(made.manifest["memory"])
        results.append(module(x))
    free, tight, share = memory
    assert free["workspace_bytes"] >= LARGE + LARGER and free["recomputed_steps"] == 0
    assert free["budget_bytes"] is None
    assert tight["workspace_bytes"] <= tight["budget_bytes"] == LARGER + 4096
    assert tight["recomputed_steps"] == 1
    assert share["workspace_bytes"] <= share["budget_bytes"]
    assert share["budget_bytes"] == int(free["workspace_bytes"] * 0.8)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_a_budget_that_nothing_fits_names_the_op(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        compiled(model, tmp_path, 1000)
    found = re.fullmatch(
        r"memory budget must be at least (\d+) bytes, got 1000: kernel (\w+) runs while these live:"
        r" (\d+ of onnx:\w+:MatMul(, )?)+",
        caught.value.message,
    )
    assert found is not None, caught.value.message
    least = int(found[1])
    assert caught.value.node.startswith("onnx:product") and found[2].startswith("matmul")
    assert least < LARGER
    assert caught.value.hint == f"write --memory-budget {least}"
    assert not (tmp_path / "model.so").exists()
    made = compiled(model, tmp_path, least)
    assert made.manifest["memory"]["workspace_bytes"] <= least


@pytest.mark.parametrize(
    "text, value",
    [("4096", 4096), ("256KiB", 262144), ("4 MiB", 4 << 20), ("1.5MB", 1500000), ("50%", 0.5)],
)
def test_budgets_are_read(text: str, value: int | float) -> None:
    assert parse_budget(text) == value and type(parse_budget(text)) is type(value)
