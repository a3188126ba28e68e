"""Gradients that add up where they stand: no second table, no zeros, no sum of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tyc
from tyc import functional as F
from tyc import optim, runtime
from tyc.compiler.pipeline import compile_program
from tyc.compiler.transforms.differentiate import gradients

VOCABULARY, FEATURES, TOKENS = 4000, 24, 6


def test_a_tied_table_has_one_gradient_in_the_callers_buffer(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = tyc.Parameter(rng.normal(size=(VOCABULARY, FEATURES)).astype(np.float32))

    def loss(ids: Any, weight: Any) -> Any:
        return F.sum(F.square(F.linear(F.embedding(ids, table), table)) * weight)

    ids = np.array([3, 5, 3, 3999, 0, 5])
    weight = rng.normal(size=(TOKENS, VOCABULARY)).astype(np.float32)
    program = tyc.trace(loss).program(ids, weight)
    (name,) = program.parameters
    with program.module.context:
        gradients(program, [name], keep_outputs=True)
    made = compile_program(program, tmp_path / "tied.so")
    # What is between is of the size of the logits, a table is four times as large.
    assert made.manifest["memory"]["workspace_bytes"] < 2 * weight.nbytes < table.numpy().nbytes
    got = runtime.load(made.library)(ids, weight)
    w = table.numpy().astype(float)
    x = w[ids]
    d = 2 * (x @ w.T) * weight
    expected = d.T @ x
    np.add.at(expected, ids, d @ w)
    np.testing.assert_allclose(got[1], expected, 1e-4, 1e-3)


def test_rows_that_share_a_matrix_are_one_product() -> None:
    x = np.ones((4, 3, 8), np.float32)
    table = tyc.Parameter(np.ones((8, 16), np.float32))
    program = tyc.trace(lambda x: F.sum(F.matmul(x, table))).program(x)
    with program.module.context:
        gradients(program, list(program.parameters))
        assert "tensor<4x8x16xf32>" not in str(program.module)


def test_the_momentum_of_a_tied_table_takes_its_gradients_in_place(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    initial = rng.normal(size=(VOCABULARY, FEATURES)).astype(np.float32)
    ids = np.array([3, 5, 3, 3999, 0, 5])
    weight = rng.normal(size=(TOKENS, VOCABULARY)).astype(np.float32)
    traced, eager = tyc.Parameter(initial), tyc.Parameter(initial)
    run = tyc.trace(_tied_step(traced))
    made = run.compile(tmp_path / "tied.so", ids, weight)
    assert made.manifest["memory"]["workspace_bytes"] < 2 * weight.nbytes < initial.nbytes
    for step in (run, _tied_step(eager)):
        for _ in range(3):
            step(ids, weight)
    np.testing.assert_allclose(traced, eager, 1e-4, 1e-4)
    assert np.abs(eager.numpy() - initial).max() > 1e-2


def _tied_step(table: tyc.Parameter) -> Any:
    gm, opt = tyc.GradManager().attach(table), optim.SGD([table], lr=1e-5, momentum=0.9)

    def step(ids: Any, weight: Any) -> Any:
        with gm:
            loss = F.sum(F.square(F.linear(F.embedding(ids, table), table)) * weight)
            gm.backward(loss)
        opt.step().clear_grad()
        return loss

    return step
