"""Random numbers by counting: the same eager and traced, others at each call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn, optim

X = np.ones((300, 7), np.float32)
DRAWS: list[Any] = [
    lambda: tyc.random.uniform((300, 7)),
    lambda: tyc.random.uniform((40,), -3.0, 0.7),
    lambda: tyc.random.uniform((40,), 1.0, 2.0, "f64"),
    lambda: tyc.random.normal((300, 7)),
    lambda: tyc.random.normal((33,), 5.0, 0.3),
    lambda: tyc.random.normal((33,), 5.0, 0.3, "f64"),
    lambda: tyc.random.normal((33,), dtype="bf16"),
    lambda: F.dropout(X, 0.3),
    lambda: nn.Dropout2d(0.5)(np.ones((2, 5, 3, 3), np.float32)),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_eager_and_traced_give_the_same_bits(draw: Any, compiled: None) -> None:
    traced = tyc.trace(lambda x: (draw(), draw(), x))
    tyc.random.seed(7)
    eager = [draw().numpy() for _ in range(4)]
    tyc.random.seed(7)
    results = [r.numpy() for _ in range(2) for r in traced(X)[:2]]
    for got, wanted in zip(results, eager, strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert not np.array_equal(results[0], results[1])
    assert not np.array_equal(results[1], results[2])


def test_more_numbers_begin_with_the_same_ones() -> None:
    tyc.random.seed(3)
    few = tyc.random.normal((1000,)).numpy()
    tyc.random.seed(3)
    many = tyc.random.normal((2, 70000)).numpy()
    np.testing.assert_array_equal(many.reshape(-1)[:1000], few)
    # The second block follows the first without a repetition.
    assert len(np.unique(many)) > 0.95 * many.size


def test_state_repeats() -> None:
    tyc.random.seed(5)
    tyc.random.uniform((2,))
    state = tyc.random.get_state()
    first = [tyc.random.uniform((3,)).tolist(), tyc.random.permutation(9).tolist()]
    tyc.random.set_state(state)
    assert [tyc.random.uniform((3,)).tolist(), tyc.random.permutation(9).tolist()] == first
    with pytest.raises(tyc.UserError, match=r"keeps its type i64\[2\], got i64\[3\]"):
        tyc.random.set_state(np.zeros(3, np.int64))


def test_normal_has_its_moments() -> None:
    tyc.random.seed(1)
    x = tyc.random.normal((200000,), 2.0, 3.0).numpy().astype(np.float64)
    z = (x - 2) / 3
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01
    assert abs((z**3).mean()) < 0.03 and abs((z**4).mean() - 3) < 0.1
    assert abs(np.mean(np.abs(z) < 1) - 0.6827) < 0.005


def test_uniform_stays_below_its_bound() -> None:
    tyc.random.seed(1)
    x = tyc.random.uniform((100000,), 1.0, 1.000001).numpy()
    assert x.min() >= 1 and x.max() < np.float32(1.000001)


def test_integers_are_even() -> None:
    counts = np.bincount(tyc.random.integers(7, (70000,), low=2).numpy(), minlength=7)
    assert counts[:2].sum() == 0 and np.all(np.abs(counts[2:] / 14000 - 1) < 0.05)
    assert tyc.random.integers(3, dtype="i32").dtype == tyc.int32


def test_dropout_has_one_mask_forward_and_backward() -> None:
    x = tyc.Parameter(X)
    manager = tyc.GradManager().attach(x)

    def step(scale: Any) -> Any:
        with manager:
            y = F.dropout(x, 0.4)
            manager.backward((y * scale).sum())
        grad = x.grad
        x.clear_grad()
        return y, grad

    for run in (step, tyc.trace(step)):
        y, grad = run(np.float32(2.0))
        np.testing.assert_array_equal(grad.numpy(), 2 * y.numpy())
        assert 0.35 < np.mean(y.numpy() == 0) < 0.45


def test_recomputation_changes_no_bit(compiled: None) -> None:
    x, y = np.ones((16, 24), np.float32), np.arange(16) % 3

    def losses(**options: Any) -> list[float]:
        tyc.random.seed(0)
        parts = [m for _ in range(4) for m in (nn.Linear(24, 24), nn.GELU(), nn.Dropout(0.2))]
        net = nn.Sequential(*parts, nn.Linear(24, 3))
        manager = tyc.GradManager().attach(net.parameters())
        optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

        def step(x: Any, y: Any) -> Any:
            with manager:
                loss = F.cross_entropy(net(x), y)
                manager.backward(loss)
            optimizer.step().clear_grad()
            return loss

        run = tyc.trace(step, **options)
        return [run(x, y).item() for _ in range(3)]

    assert losses(memory_budget="70%") == losses()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tyc.random.uniform((2, -1)), r"integers of 0 or more, got \(2, -1\)"),
        (lambda: tyc.random.normal((2,), dtype="i32"), "dtype must be a float, got i32"),
        (lambda: tyc.random.integers(2, low=2), "high must be more than low, got 2 and 2"),
        (lambda: F.dropout(X, 1.0), "p must be in 0..1 and less than 1, got 1.0"),
        (lambda: F.dropout(X, 0.5, np.zeros(3, np.int64)), r"seed must be i64\[2\], got i64\[3\]"),
        (lambda: F.dropout(np.zeros(3, np.int64)), "dropout takes floats"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(tyc.UserError, match=message):
        call()
