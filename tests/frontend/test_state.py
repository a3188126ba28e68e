"""What a traced function changes: variables, buffers, gradients; in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tyc
from tyc import GradManager, Variable, nn
from tyc import functional as F
from tyc.nn import Parameter

X = np.linspace(-1, 1, 6).reshape(2, 3).astype(np.float32)


def test_a_variable_changes_at_each_call() -> None:
    count, unread = Variable(np.int64(0), "count"), Variable(np.float32([1, 2, 3]), "unread")
    runs = []

    @tyc.trace
    def f(x: Any) -> Any:
        runs.append(1)
        before = count * 1
        count.assign(count + 1)
        count.assign(count + 1)
        unread.assign(x[0])
        return before, count

    for i in range(3):
        before, after = f(X + i)
        assert (before.item(), after.item(), count.item()) == (2 * i, 2 * i + 2, 2 * i + 2)
        np.testing.assert_array_equal(unread, X[0] + i)
    assert len(runs) == 1
    program = f.program(X)
    assert program.updates == {"new.count": "count", "new.unread": "unread"}
    assert set(program.state) == {"count", "unread"} and not program.parameters


def test_values_that_are_exchanged() -> None:
    a, b = Variable([1.0], "a"), Variable([2.0], "b")

    @tyc.trace
    def swap() -> None:
        kept = a.detach()
        a.assign(b)
        b.assign(kept)

    assert swap() is None
    assert (a.item(), b.item()) == (2, 1)
    swap()
    assert (a.item(), b.item()) == (1, 2)


def test_buffers_change_and_modes_are_traced_apart() -> None:
    net = nn.BatchNorm1d(3)
    eager = nn.BatchNorm1d(3)
    f = tyc.trace(net)
    for mode in (True, True, False, True, False):
        net.train(mode)
        eager.train(mode)
        np.testing.assert_allclose(f(X), eager(X), 1e-4, 1e-5)
        for name, wanted in eager.state_dict().items():
            np.testing.assert_allclose(net.state_dict()[name], wanted, 1e-5, err_msg=name)
    assert net.num_batches_tracked.item() == 3
    net.train()
    assert set(f.program(X).state) == {"running_mean", "running_var", "num_batches_tracked"}


def test_a_buffer_of_a_module_that_is_not_called() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            self.register_buffer("count", np.int64(0))

        def tick(self) -> Any:
            self.count = self.count + 1
            return self.count

    counter = Counter()
    f = tyc.trace(lambda: counter.tick())
    assert [f().item() for _ in range(3)] == [1, 2, 3]
    assert counter.count.item() == 3


def test_who_holds_an_array_keeps_its_value() -> None:
    w = Parameter(np.float32([1, 2]))
    f = tyc.trace(lambda: w.assign(w * 2))
    f()
    held = {"numpy": w.numpy(), "detach": w.detach(), "copy": Parameter(w)}
    other = Parameter([0.0, 0.0])
    other.assign(w)
    f()
    np.testing.assert_array_equal(w, [4, 8])
    for value in [*held.values(), other]:
        np.testing.assert_array_equal(value, [2, 4])


def test_gradients_come_and_go() -> None:
    w = Parameter(np.float32([1, 2]))
    gm = GradManager().attach(w)
    runs = []

    @tyc.trace
    def accumulate(scale: Any) -> Any:
        runs.append(1)
        with gm:
            gm.backward((w * scale).sum())

    @tyc.trace
    def clear() -> Any:
        w.clear_grad()
        return w * 1

    for _ in range(2):
        for i in (1, 2, 3):
            accumulate(np.float32(2))
            np.testing.assert_array_equal(w.grad, [2 * i] * 2)
        clear()
        assert w.grad is None
    assert len(runs) == 2


def test_a_trace_that_fails_changes_nothing() -> None:
    net = nn.BatchNorm1d(3)
    w = Parameter([1.0])
    gm = GradManager().attach(w)

    def f(x: Any) -> Any:
        with gm:
            net(x)
            gm.backward((w * 2).sum())
            raise ValueError

    with pytest.raises(ValueError):
        tyc.trace(f)(X)
    assert not net.running_mean.is_symbolic and w.grad is None
    with gm:
        gm.backward((w * 2).sum())
    assert w.grad is not None and not w.grad.is_symbolic


def test_frozen_parameters_beside_state_that_changes() -> None:
    net = nn.Linear(3, 1)
    total = Variable(np.float32(0), "total")

    def f(x: Any) -> Any:
        y = net(x)
        total.assign(total + y.sum())
        return y

    traced = tyc.trace(f, freeze=True)
    wanted = net(X).numpy().sum()
    for i in (1, 2):
        traced(X)
        np.testing.assert_allclose(total, wanted * i, 1e-5)
    program = traced.program(X)
    assert set(program.parameters) == {"weight", "bias"} and list(program.state) == ["total"]


class Counting(nn.Module):
    """Changes an attribute at each call."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.last = 0

    def forward(self, x: Any) -> Any:
        self.last = self.value(x)
        return x


def test_attributes_that_change_are_refused() -> None:
    message = (
        "attribute 'last' of a module cannot change while a program is recorded, got {}: it would "
        "change once, and not at each call; make it a buffer: self.register_buffer(name, value)"
    )
    for value, kind in ((lambda x: x, "Tensor"), (lambda x: x.ndim, "int")):
        with pytest.raises(tyc.UserError) as raised:
            tyc.trace(Counting(value))(X)
        assert str(raised.value).endswith(message.format(kind))
    same = Counting(lambda x: 0)
    np.testing.assert_array_equal(tyc.trace(same)(X), X)
    net = nn.Linear(3, 1)
    tyc.trace(lambda x: net.train()(x))(X)
    net.eval()
    with pytest.raises(tyc.UserError, match="attribute 'training' of a module cannot change"):
        tyc.trace(lambda x: (net(x), net.train()(x)))(X)


def test_equal_names_are_told_apart() -> None:
    first, second = Variable([1.0], "x"), Variable([2.0], "x")

    @tyc.trace
    def f(x: Any) -> Any:
        return x + first + second

    np.testing.assert_array_equal(f(X), X + 3)
    names = [n for n, _ in f.program(X).inputs]
    assert names[0] == "x" and len(set(names)) == 3


def _curve(traced: bool, x: np.ndarray, y: np.ndarray) -> list[float]:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
    for i, p in enumerate(net.parameters()):
        p.assign(np.cos(np.arange(p.size) + i).reshape(p.shape).astype(np.float32))
    gm = GradManager().attach(net.parameters())
    velocity = [Variable(np.zeros(p.shape, np.float32)) for p in net.parameters()]

    def step(x: Any, y: Any) -> Any:
        with gm:
            loss = F.square(net(x) - y).mean()
            gm.backward(loss)
        for p, v in zip(net.parameters(), velocity, strict=True):
            v.assign(v * 0.9 + p.grad)
            p.assign(p - 0.1 * v)
            p.clear_grad()
        return loss

    run = tyc.trace(step) if traced else step
    losses = [run(x, y).item() for _ in range(8)]
    assert all(p.grad is None for p in net.parameters())
    return losses


def test_a_training_step_is_the_eager_one() -> None:
    y = np.float32([[1], [2]])
    eager, traced = _curve(False, X, y), _curve(True, X, y)
    np.testing.assert_allclose(traced, eager, 1e-4)
    assert eager[-1] < 0.2 * eager[0]
