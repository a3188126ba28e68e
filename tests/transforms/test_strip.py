"""Chains in strips: the same values, by the interpreter and compiled, in less memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import small_model
from mlir import ir
from onnx import helper

from tyc import onnx, runtime
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation, compile_program
from tyc.compiler.targets import host
from tyc.compiler.transforms.plan_memory import plan_memory
from tyc.compiler.transforms.strip import strip
from tyc.compiler.transforms.strip_rows import Rows, Strip, leading_axis
from tyc.dialects import building, interpreter
from tyc.runtime.errors import UserError


def convolutions(path: Path) -> Path:
    """A large convolution and pooling, then a block with a residual addition."""
    chance = np.random.default_rng(0)
    shapes = {"w0": (16, 3, 3, 3), "w1": (16, 16, 5, 3), "w2": (16, 1, 3, 3), "b2": (16,)}
    arrays = {n: chance.standard_normal(s).astype("f4") / 4 for n, s in shapes.items()}
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w0"], ["a"], name="wide", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["a"], ["b"], name="clipped"),
        node("MaxPool", ["b"], ["c"], name="pooled", kernel_shape=[3, 3], strides=[2, 2],
             pads=[1, 1, 1, 1]),
        node("Conv", ["c", "w1"], ["d"], name="tall", pads=[2, 1, 2, 1]),
        node("Sigmoid", ["d"], ["e"], name="gate"),
        node("Conv", ["e", "w2", "b2"], ["f"], name="depthwise", group=16, pads=[1, 1, 1, 1]),
        node("AveragePool", ["f"], ["g"], name="mean", kernel_shape=[2, 2], strides=[1, 1],
             pads=[0, 0, 1, 1]),
        node("Add", ["g", "c"], ["y"], name="joined"),
    ]  # fmt: skip
    return small_model(path, shape=(1, 3, 58, 46), nodes=nodes, arrays=arrays)


def transformer(path: Path) -> Path:
    """A layer norm and two products with something wide between them."""
    chance = np.random.default_rng(0)
    shapes = {"s": (24,), "b": (24,), "w0": (24, 96), "w1": (96, 24)}
    arrays = {n: chance.standard_normal(s).astype("f4") / 4 for n, s in shapes.items()}
    node = helper.make_node
    nodes = [
        node("LayerNormalization", ["x", "s", "b"], ["n"], name="norm"),
        node("MatMul", ["n", "w0"], ["h"], name="up"),
        node("Tanh", ["h"], ["t"], name="bend"),
        node("MatMul", ["t", "w1"], ["d"], name="down"),
        node("Add", ["d", "x"], ["y"], name="joined"),
    ]
    return small_model(path, shape=(1, 37, 24), nodes=nodes, arrays=arrays)


MODELS = {"convolutions": convolutions, "transformer": transformer}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return MODELS[request.param](tmp_path / "model.onnx")


def fused(model: Path) -> Compilation:
    run = Compilation(onnx.load(model), host(), Options())
    run.run_program_stages()
    return run


def values(run: Compilation, x: np.ndarray) -> np.ndarray:
    return interpreter.run(run.program, [x])[0]


def test_strips_compute_what_the_whole_does(model: Path) -> None:
    run = fused(model)
    shape = run.program.inputs[0][1].shape
    x = np.random.default_rng(1).standard_normal(shape).astype("f4")
    whole = values(run, x)
    with run.program.module.context:
        plan, _ = plan_memory(run.program, {}, host())
        most, rounds = plan.arena_bytes, 0
        while rounds < 6 and strip(run.program, plan, 1):
            rounds += 1
            plan, _ = plan_memory(run.program, {}, host())
        run.program.module.operation.verify()
    assert rounds and plan.arena_bytes < 0.8 * most
    np.testing.assert_allclose(values(run, x), whole, rtol=1e-5, atol=1e-6)


def test_the_workspace_keeps_to_the_budget(model: Path, tmp_path: Path) -> None:
    results, memory = [], []
    for budget in (None, 0.6):
        made = compile_program(
            onnx.load(model), tmp_path / "model.so", options=Options(memory_budget=budget)
        )
        module = runtime.load(made.library, threads=1 + len(results))
        x = np.random.default_rng(1).standard_normal(module.inputs[0].shape).astype("f4")
        results.append(module(x))
        memory.append(made.manifest["memory"])
    assert memory[1]["workspace_bytes"] <= memory[1]["budget_bytes"]
    assert memory[1]["budget_bytes"] == int(0.6 * memory[0]["workspace_bytes"])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4, atol=1e-5)


def test_a_budget_of_nothing_says_the_least(tmp_path: Path) -> None:
    model = convolutions(tmp_path / "model.onnx")
    with pytest.raises(UserError, match=r"must be at least \d+ bytes, got 64: kernel .* live"):
        compile_program(onnx.load(model), tmp_path / "model.so", options=Options(memory_budget=64))


def test_exact_compilation_cuts_no_strips(tmp_path: Path) -> None:
    model = convolutions(tmp_path / "model.onnx")
    options = Options(memory_budget=0.6, exact=True)
    with pytest.raises(UserError, match="memory budget must be at least"):
        compile_program(onnx.load(model), tmp_path / "model.so", options=options)


def test_every_range_of_rows_of_every_kernel(model: Path) -> None:
    """A kernel for rows computes these rows of what the kernel computes."""
    run = fused(model)
    chance = np.random.default_rng(2)
    checked = 0
    with run.program.module.context, ir.Location.unknown():
        for op in list(run.program.module.body.operations):
            if ir.StringAttr(op.attributes["sym_name"]).value != "main":
                checked += check_rows(op.operation, chance)
    assert checked


def check_rows(function: ir.Operation, chance: np.random.Generator) -> int:
    block = function.regions[0].blocks[0]
    arrays = [chance.standard_normal(building.type_of(a).shape).astype("f4")
              for a in block.arguments]  # fmt: skip
    whole = evaluate(function, arrays)
    axis, checked = leading_axis(whole.shape), 0
    size = whole.shape[axis]
    for start, stop in ((0, 1), (0, size // 2), (size // 3, size - 1), (size - 2, size)):
        made = Strip(function, Rows(axis, start, stop))
        if made.arguments is None:
            continue
        cut = [
            a if rows is None else a.take(range(rows.start, rows.stop), rows.axis)
            for a, rows in zip(arrays, made.arguments)
        ]
        module = ir.Module.create()
        got = evaluate(made.emit(module, "rows"), cut)
        module.operation.verify()
        want = whole.take(range(start, stop), axis)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        checked += 1
    return checked


def evaluate(function: ir.Operation, arrays: list[np.ndarray]) -> np.ndarray:
    block = function.regions[0].blocks[0]
    return interpreter.run_block(block, arrays, {})[0]
