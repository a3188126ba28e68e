"""The whole way: eager ops, traced functions and files by the real compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn

pytestmark = pytest.mark.usefixtures("compiled")

X = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)


class Net(nn.Module):
    def __init__(self) -> None:
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return F.log_softmax(self.fc(x.mean(axis=(2, 3))))


def close(got: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(expected), 1e-5, 1e-5)


def test_eager_ops() -> None:
    a, b = tyc.tensor(X[0, 0]), tyc.tensor(X[0, 1])
    close(a + b * 2, X[0, 0] + X[0, 1] * 2)
    close(a @ b, X[0, 0] @ X[0, 1])
    close(a.sum(axis=0), X[0, 0].sum(0))
    close(a[1:, ::2], X[0, 0, 1:, ::2])
    close(F.concat([a, b], 1), np.concatenate([X[0, 0], X[0, 1]], 1))
    values, indices = F.topk(a, 2)
    close(values, -np.sort(-X[0, 0])[:, :2])
    close(indices, np.argsort(-X[0, 0])[:, :2])


def test_an_eager_error_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tyc.UserError, match=r"ty\.add: shapes must broadcast, got f32"):
        tyc.tensor(X) + tyc.tensor(X[:, :2])


def test_a_network(tmp_path: Path) -> None:
    net = Net().eval()
    expected = net(X)
    traced = tyc.trace(net)
    close(traced(X), expected)

    net.fc.weight.assign(net.fc.weight.numpy() * 2)
    changed = net(X)
    close(traced(X), changed)

    written = traced.compile(tmp_path / "net.so", X)
    module = tyc.runtime.load(written.library)
    assert [str(spec) for spec in module.inputs] == ["x: f32[2, 3, 8, 8]"]
    close(module(X), changed)
    assert (tmp_path / "net.h").is_file()


def test_structures_and_outside_tensors() -> None:
    shift = tyc.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])

    @tyc.trace
    def f(pair: Any, scale: float = 2.0) -> Any:
        a, b = pair
        return {"sum": a * scale + b, "parts": (a + shift, a), "scale": scale}

    got = f((X[0, 0], X[0, 1]))
    close(got["sum"], X[0, 0] * 2 + X[0, 1])
    close(got["parts"][0], X[0, 0] + np.arange(1, 9))
    close(got["parts"][1], X[0, 0])
    assert got["scale"] == 2.0


def test_exact_results_are_the_eager_ones() -> None:
    @tyc.trace(exact=True)
    def f(x: Any) -> Any:
        return F.tanh(x * 0.3 - 1.0) / (x * x + 1.0)

    x = tyc.tensor(X)
    np.testing.assert_array_equal(f(x), f.function(x))
