"""Eager training within a budget: the same bits, the bytes that it promises, its errors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import GradManager, UserError, nn, random
from tyc import functional as F

X = np.linspace(-1, 1, 8 * 16).reshape(8, 16).astype(np.float32)
VALUE = X.nbytes


def layers(count: int) -> list[nn.Parameter]:
    """Square weights."""
    made = np.random.default_rng(1).normal(0, 0.3, (count, 16, 16)).astype(np.float32)
    return [nn.Parameter(w) for w in made]


def deep(x: Any, weights: list[nn.Parameter]) -> Any:
    """`tanh(x @ w)` again and again."""
    for w in weights:
        x = F.tanh(x @ w)
    return (x * x).mean()


def residual(x: Any, weights: list[nn.Parameter]) -> Any:
    """Blocks around which the input goes, with dropout, views and a mask."""
    for w in weights:
        y = F.dropout(F.tanh(x @ w), 0.3)
        y = (y.reshape(4, 32) * F.exp(x.reshape(4, 32))).reshape(8, 16)
        x = F.where(x > 0, x, x * 0.1) + y
    return x.mean()


def train(model: Callable[..., Any], count: int, memory: Any = None, steps: int = 2) -> list[bytes]:
    """Losses and gradients of some steps."""
    random.seed(3)
    weights, x, found = layers(count), tyc.tensor(X), []
    gm = GradManager().attach(weights)
    with memory or nullcontext():
        for _ in range(steps):
            with gm:
                loss = model(x, weights)
                gm.backward(loss)
            found.append(loss.numpy().tobytes())
            found += [w.grad.numpy().tobytes() for w in weights]  # pyright: ignore
            for w in weights:
                w.assign(w - w.grad * 0.1)  # pyright: ignore
                w.clear_grad()
    return found


@pytest.mark.parametrize("model", [deep, residual])
@pytest.mark.parametrize("values", [5, 12, 1000])
def test_the_same_bits_within_the_budget(model: Any, values: int) -> None:
    memory = tyc.checkpointing(values * VALUE)
    assert train(model, 14, memory) == train(model, 14)
    assert 0 < memory.peak_bytes <= memory.budget
    assert (memory.recomputed > 0) == (memory.evicted > 0) == (values < 100)
    assert memory.held_bytes == 0


def test_a_chain_of_200_layers() -> None:
    memory = tyc.checkpointing(20 * VALUE)
    assert train(deep, 200, memory, 1) == train(deep, 200, None, 1)
    assert memory.peak_bytes <= 20 * VALUE
    # Without any choice, from the start each time: 200 * 200 / 2 layers of two ops.
    assert memory.recomputed < 1000


def test_all_that_was_gone_is_found_without_recursion() -> None:
    memory = tyc.checkpointing(2 * VALUE + 64)
    w = nn.Parameter(X)
    gm = GradManager().attach(w)

    def chain(y: Any) -> Any:
        for _ in range(300):
            y = y + 1.0
        z = F.tanh(F.exp(y * 0.001))
        for _ in range(4):
            z = F.tanh(z)
        return z.sum()

    with memory, gm:
        gm.backward(chain(w))
    assert memory.recomputed > 300


def test_gradients_of_gradients() -> None:
    def run(memory: Any) -> list[bytes]:
        x = tyc.tensor(X)
        outer, inner = GradManager().attach(x), GradManager().attach(x)
        with memory, outer:
            with inner:
                y = x
                for _ in range(6):
                    y = F.tanh(y * x)
                inner.backward(y.sum())
            first, x.grad = x.grad, None
            assert first is not None
            outer.backward((first * first).sum())
        assert x.grad is not None
        return [first.numpy().tobytes(), x.grad.numpy().tobytes()]

    memory = tyc.checkpointing(12 * VALUE)
    assert run(memory) == run(nullcontext())
    assert memory.recomputed > 0 and memory.peak_bytes <= memory.budget


def test_parameters_that_change_between_forward_and_backward() -> None:
    def run(memory: Any) -> bytes:
        (w,) = layers(1)
        gm = GradManager().attach(w)
        with memory, gm:
            x = tyc.tensor(X)
            for _ in range(6):
                x = F.tanh(x @ w)
            loss = x.mean()
            w.assign(w * 2)
            gm.backward(loss)
        assert w.grad is not None
        return w.grad.numpy().tobytes()

    memory = tyc.checkpointing("3KiB")
    assert run(memory) == run(nullcontext())
    assert memory.recomputed > 0


def test_a_gradient_of_ones_own_keeps_what_it_saves() -> None:
    class Twice(tyc.Function):
        """Saves its operand."""

        def forward(self, x: Any) -> Any:
            self.x = x * 1
            return x * 2

        def backward(self, grad: Any) -> Any:
            return grad * 2 + self.x * 0

    def model(x: Any, weights: Any) -> Any:
        for w in weights:
            x = Twice()(F.tanh(x @ w))
        return x.mean()

    memory = tyc.checkpointing(6 * VALUE)
    assert train(model, 14, memory) == train(model, 14)
    assert memory.recomputed > 0 and memory.peak_bytes <= memory.budget


def test_what_the_caller_holds_is_not_computed_again() -> None:
    w = nn.Parameter(X)
    gm, held = GradManager().attach(w), []
    with tyc.checkpointing(4 * VALUE) as memory, gm:
        y = w
        for _ in range(12):
            y = F.tanh(y)
            held.append(y)
        gm.backward(y.sum())
    assert memory.evicted > 0 and memory.recomputed == 0


def test_a_tape_without_backward_lets_go() -> None:
    memory = tyc.checkpointing(8 * VALUE)
    weights = layers(4)
    with memory, GradManager().attach(weights):
        deep(tyc.tensor(X), weights)
        assert memory.held_bytes > 0
    assert memory.held_bytes == 0


def test_as_decorator_and_as_setting() -> None:
    memory = tyc.checkpointing("2KiB")
    assert memory(train)(deep, 6) == train(deep, 6)
    assert memory.peak_bytes > 0
    setting = tyc.checkpointing("2KiB").enable()
    train(deep, 6)
    setting.disable()
    assert 0 < setting.peak_bytes <= 2048


def test_a_budget_below_one_op() -> None:
    with pytest.raises(UserError, match=r"hold 1024 bytes, which `\w+` needs at once, got 600"):
        train(deep, 2, tyc.checkpointing(600))


@pytest.mark.parametrize("budget", ["50%", "auto", 0.5])
def test_a_share_is_refused(budget: Any) -> None:
    with pytest.raises(UserError, match="an eager budget must be bytes"):
        tyc.checkpointing(budget)


@pytest.mark.parametrize("budget", ["many", 0, -1, True, None])
def test_a_budget_is_bytes(budget: Any) -> None:
    with pytest.raises(UserError, match="a budget must be bytes"):
        tyc.checkpointing(budget)


def test_one_at_a_time_and_not_in_a_trace() -> None:
    with (
        tyc.checkpointing(100),
        pytest.raises(UserError, match="one checkpointing is active at a time"),
    ):
        tyc.checkpointing(100).enable()

    def f(x: Any) -> Any:
        with tyc.checkpointing(100):
            return x + 1

    with pytest.raises(UserError, match="while a program is recorded") as raised:
        tyc.trace(f)(tyc.tensor(X))
    assert "memory_budget" in raised.value.hint


def test_compiled_kernels_repeat_their_bits(compiled: None) -> None:
    memory = tyc.checkpointing(6 * VALUE)
    assert train(residual, 2, memory) == train(residual, 2)
    assert memory.recomputed > 0 and memory.peak_bytes <= memory.budget
