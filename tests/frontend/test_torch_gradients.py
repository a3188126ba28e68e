"""Gradients of functions and recurrent layers against PyTorch's, in f64; skipped without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tyc
from tyc import nn
from tyc.compiler.transforms.differentiate import gradients
from tyc.dialects import interpreter
from tyc.recording import context

torch = pytest.importorskip("torch")

from torch_gradient_cases import CASES, Case, normal  # noqa: E402


def ours(function: Any, operands: list[np.ndarray], seed: Any) -> list[np.ndarray]:
    """Gradients of `sum(function(...) * seed)` by the operands, through the interpreter."""
    names = [f"x{i}" for i in range(len(operands))]
    scope: dict[str, Any] = {"function": function}
    # A function with one named argument for each operand: those are the names of the inputs.
    exec(f"def call({', '.join(names)}): return function({', '.join(names)})", scope)
    program = tyc.trace(scope["call"]).program(*operands)
    with context():
        gradients(program, names, seeds=True)
        return interpreter.run(program, [*operands, seed])


def theirs(function: Any, operands: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """A seed for the result, and PyTorch's gradients."""
    leaves = [torch.tensor(a, requires_grad=True) for a in operands]
    y = function(*leaves)
    seed = np.random.default_rng(0).uniform(-1, 1, tuple(y.shape))
    y.backward(torch.tensor(seed))
    return np.asarray(seed), [np.asarray(leaf.grad) for leaf in leaves]


@pytest.mark.parametrize("case", CASES, ids=[c[0] for c in CASES])
def test_gradient_is_that_of_torch(case: Case) -> None:
    _, function, other, operands = case
    seed, wanted = theirs(other, operands)
    for got, grad in zip(ours(function, operands, seed), wanted):
        np.testing.assert_allclose(got, grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_recurrent_gradient_is_that_of_torch(name: str) -> None:
    layer = getattr(nn, name)(4, 3, 2, bidirectional=True).astype(tyc.float64)
    other = getattr(torch.nn, name)(4, 3, 2, bidirectional=True, dtype=torch.float64)
    other.load_state_dict({k: torch.tensor(v.numpy()) for k, v in layer.state_dict().items()})
    x, seed = normal(5, 2, 4), normal(5, 2, 6)
    leaf = torch.tensor(x, requires_grad=True)
    other(leaf)[0].backward(torch.tensor(seed))
    names = [n for n, _ in layer.named_parameters()]
    program = tyc.trace(lambda x: layer(x)[0]).program(x)
    with context():
        gradients(program, ["x", *names], seeds=True)
        got = interpreter.run(program, [x, seed])
    wanted = [leaf.grad, *(dict(other.named_parameters())[n].grad for n in names)]
    for mine, grad in zip(got, wanted, strict=True):
        np.testing.assert_allclose(mine, np.asarray(grad), rtol=1e-9, atol=1e-11)
