"""Gradients by `GradManager`: eagerly and in a trace, of gradients, by rules of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import Function, GradManager, nn, optim
from tyc import functional as F
from tyc.dialects import interpreter
from tyc.nn import Parameter

X = np.linspace(-1, 1, 6).reshape(2, 3).astype(np.float32)


def both(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """A function as it is, and traced."""
    return [function, tyc.trace(function)]


def test_gradients_of_parameters_and_inputs() -> None:
    w = Parameter(np.float32([[1, 2], [3, 4], [5, 6]]))
    gm = GradManager().attach(w)

    def f(x: Any) -> Any:
        gm.attach(x)
        with gm:
            y = x @ w
            gm.backward((y * y).sum())
        w_grad = w.grad
        w.clear_grad()
        return x.grad, w_grad

    y = X @ w.numpy()
    for run in both(f):
        x_grad, w_grad = run(tyc.tensor(X))
        np.testing.assert_allclose(x_grad, 2 * y @ w.numpy().T, 1e-6)
        np.testing.assert_allclose(w_grad, X.T @ (2 * y), 1e-5)
    assert w.grad is None


def test_a_gradient_with_dy_and_of_shared_operands() -> None:
    x = tyc.tensor(X)
    gm = GradManager().attach([x])
    with gm:
        gm.backward(x * x + x, tyc.tensor(X))
    np.testing.assert_allclose(x.grad, (2 * X + 1) * X, 1e-6)


def test_gradients_add_up_until_they_are_cleared() -> None:
    w = Parameter(np.float32([1, 2]))
    gm = GradManager().attach(w)

    def f() -> Any:
        with gm:
            loss = (w * w).sum()
            gm.backward(loss)
        return loss

    for run in both(f):
        for count in (1, 2, 3):
            run()
            np.testing.assert_array_equal(w.grad, 2 * count * w.numpy())
        w.clear_grad()
        assert w.grad is None


def test_callbacks_see_and_change_gradients() -> None:
    w = Parameter(np.float32([1, 2]))
    seen = []

    def note(tensor: Any, grad: Any) -> None:
        seen.append(tensor is w)

    gm = GradManager().attach(w, [note, lambda _, g: g * 10])
    with gm:
        gm.backward((w * w).sum())
    np.testing.assert_array_equal(w.grad, [20, 40])
    assert seen == [True]


def test_what_is_not_reached_or_not_trainable_has_no_gradient() -> None:
    used, unused = Parameter([1.0]), Parameter([1.0])
    fixed = Parameter([2.0], trainable=False)
    gm = GradManager().attach([used, unused, fixed])
    with gm:
        gm.backward(used * fixed)
    assert unused.grad is None and fixed.grad is None
    np.testing.assert_array_equal(used.grad, [2])


def test_stop_gradient_and_detach() -> None:
    x = tyc.tensor(X)
    gm = GradManager()

    def f(x: Any) -> Any:
        gm.attach(x)
        with gm:
            gm.backward((x * tyc.stop_gradient(x) + x.detach()).sum())
        return x.grad

    for run in both(f):
        np.testing.assert_array_equal(run(tyc.tensor(X)), X)
    assert x.detach() is not x


class Straight(Function):
    """Rounds; its gradient is that of the identity, scaled."""

    def forward(self, x: Any, scale: float) -> Any:
        self.scale = scale
        return F.round(x)

    def backward(self, grad: Any) -> Any:
        return grad * self.scale


def test_a_function_with_a_gradient_of_its_own() -> None:
    @tyc.custom_gradient
    def parts(x: Any, y: Any) -> Any:
        return (x, x + y), lambda a, b: (a * 2 + b, None)

    gm = GradManager()

    def f(x: Any) -> Any:
        gm.attach(x)
        with gm:
            first, second = parts(Straight()(x * 1.5, 3.0), x)
            gm.backward((first + second).sum())
        return x.grad

    for run in both(f):
        np.testing.assert_array_equal(run(tyc.tensor(X)), np.full_like(X, 1.5 * 3 * 3))


def test_gradients_of_gradients() -> None:
    outer, inner = GradManager(), GradManager()

    def f(x: Any) -> Any:
        outer.attach(x)
        inner.attach(x)
        with outer:
            with inner:
                inner.backward((x**3).sum())
            first = x.grad
            x.clear_grad()
            outer.backward((first * first).sum())
        return first, x.grad

    for run in both(f):
        first, second = run(tyc.tensor(X))
        np.testing.assert_allclose(first, 3 * X**2, 1e-5, 1e-6)
        np.testing.assert_allclose(second, 36 * X**3, 1e-5, 1e-6)


def test_an_attached_intermediate_and_an_attached_loss() -> None:
    x = tyc.tensor(X)
    gm = GradManager().attach(x)
    with gm:
        h = x * 2
        gm.attach(h)
        gm.backward((h * h).sum())
    np.testing.assert_array_equal(h.grad, 4 * X)
    np.testing.assert_array_equal(x.grad, 8 * X)
    loss = tyc.tensor(1.0)
    gm = GradManager().attach(loss)
    with gm:
        gm.backward(loss)
    assert loss.grad.item() == 1


def test_a_network_by_its_parameters() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten())
    gm = GradManager().attach(net.parameters())
    x = np.random.default_rng(0).normal(size=(2, 1, 5, 5)).astype(np.float32)

    def f(x: Any) -> Any:
        with gm:
            loss = F.square(F.softmax(net(x))).sum()
            gm.backward(loss)
        grads = [p.grad for p in net.parameters()]
        for p in net.parameters():
            p.clear_grad()
        return loss, grads

    state = net.state_dict()
    results = []
    for run in both(f):
        net.load_state_dict(state)
        results.append((run(x), {n: t.numpy() for n, t in net.state_dict().items()}))
    (eager, after), (traced, traced_after) = results
    np.testing.assert_allclose(eager[0], traced[0], 1e-5)
    for one, other in zip(eager[1], traced[1], strict=True):
        np.testing.assert_allclose(one, other, 1e-3, 1e-5)
    assert after["1.num_batches_tracked"] == 1
    for name in after:
        np.testing.assert_allclose(after[name], traced_after[name], 1e-5)


def test_grad_of_functions() -> None:
    def f(x: Any, y: Any = 3.0) -> Any:
        return (x**3 * y).sum()

    x = tyc.tensor(X)
    for first in (tyc.grad(f), tyc.trace(tyc.grad(f))):
        np.testing.assert_allclose(first(x), 9 * X**2, 1e-5, 1e-6)
    by_both = tyc.grad(f, wrt=("x", 1))(x, 2.0)
    np.testing.assert_allclose(by_both[0], 6 * X**2, 1e-5, 1e-6)
    np.testing.assert_allclose(by_both[1], (X**3).sum(), 1e-4, 1e-6)
    second = tyc.grad(lambda x: tyc.grad(f)(x).sum())
    for run in both(second):
        np.testing.assert_allclose(run(x), 18 * X, 1e-5, 1e-6)
    third = tyc.grad(tyc.grad(tyc.grad(lambda x: x**4)))
    np.testing.assert_allclose(third(2.0), 48, 1e-5)
    np.testing.assert_array_equal(tyc.grad(lambda x, y: x * 2, "y")(1.0, 5.0), 0)
    assert x.grad is None


def test_grad_of_a_program() -> None:
    net = nn.Linear(3, 1)
    program = tyc.trace(lambda x: net(x).sum()).program(X)
    made = tyc.grad(program, ["weight", "x"])
    assert made.output_names == ["output", "gradient.weight", "gradient.x"]
    assert program.output_names == ["output"]
    _, weight, x = interpreter.run(made, [X])
    np.testing.assert_allclose(weight, X.sum(0, keepdims=True), 1e-5, 1e-6)
    np.testing.assert_allclose(x, np.repeat(net.weight.numpy(), 2, 0), 1e-6)


def test_an_imported_program_is_trained() -> None:
    source = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    program = tyc.trace(source).program(X)
    net = nn.Imported(program, freeze=("0.bias",))
    np.testing.assert_allclose(net(X), source(X), 1e-6)
    trained = [n for n, p in net.named_parameters() if p.trainable]
    assert trained == ["0.weight", "2.weight", "2.bias"] and repr(net) == "Imported(9 ops)"
    gm = GradManager().attach(net.parameters())
    opt = optim.SGD([p for p in net.parameters() if p.trainable], lr=0.1)

    @tyc.trace
    def step(x: Any) -> Any:
        with gm:
            loss = F.cross_entropy(net(x), np.array([0, 1]))
            gm.backward(loss)
        opt.step().clear_grad()
        return loss

    losses = [step(X).item() for _ in range(8)]
    assert losses[-1] < 0.8 * losses[0]
    np.testing.assert_array_equal(net.state_dict()["0.bias"], source[0].bias)


def _refused(function: Callable[[], Any]) -> str:
    with pytest.raises(tyc.UserError) as raised:
        function()
    assert raised.value.node.startswith(("test_autograd.py", "tests/frontend/test_autograd.py"))
    return f"{raised.value.message}; {raised.value.hint}".removesuffix("; ")


def _backward(loss: Callable[[Any], Any], dy: Any = None, times: int = 1) -> Callable[[], Any]:
    def run() -> None:
        x = tyc.tensor(X)
        gm = GradManager().attach(x)
        with gm:
            value = loss(x)
            for _ in range(times):
                gm.backward(value, dy)

    return run


def _outside() -> None:
    gm = GradManager().attach(tyc.tensor(X))
    gm.backward(tyc.tensor(1.0))


def _nested() -> None:
    gm = GradManager()
    with gm, gm:
        pass


def _from_outside_of_a_trace() -> None:
    w = Parameter([1.0])
    f = tyc.trace(lambda: w * 2)
    with GradManager().attach(w):
        f()


# fmt: off
REFUSED: list[tuple[Callable[[], Any], str]] = [
    (_backward(lambda x: x * 2),
     "a loss without dy must have one element, got f32[2,3]; "
     "reduce it: loss.mean(), or give dy, the gradient of the loss"),
    (_backward(lambda x: x * 2, np.float32([1])),
     "dy must have the type of the loss, f32[2,3], got f32[1]"),
    (_backward(lambda x: tyc.tensor(2.0) * 2),
     "the loss must depend on an attached tensor, got f32[] that does not; "
     "attach the parameters before `with`, and compute the loss inside of it"),
    (_backward(lambda x: x.argmax()),
     "the loss must depend on an attached tensor, got i64[] that does not; "
     "attach the parameters before `with`, and compute the loss inside of it"),
    (_backward(lambda x: x.sum(), None, 2),
     "backward runs once for each `with`, got it twice: what was recorded is freed; "
     "add the losses up, or open `with gm:` again"),
    (_outside,
     "backward belongs inside of `with`, where the loss is computed, got it outside; "
     "write: with gm: loss = ...; gm.backward(loss)"),
    (_nested,
     "this GradManager is in use already, got a second `with`; "
     "make another GradManager for gradients of gradients"),
    (lambda: GradManager().attach(tyc.tensor([1])),
     "only floating-point tensors have gradients, got i64[1]"),
    (lambda: GradManager().attach([1]), "attach takes tensors, got int"),
    (lambda: setattr(tyc.tensor(1.0), "grad", 3),
     "a gradient must be a tensor f32[] like its tensor's, got int"),
    (_backward(lambda x: tyc.custom_gradient(lambda x: (x.sum(), lambda g: (g, g)))(x)),
     "a gradient function must return one gradient for each of 1 tensors, got 2"),
    (_backward(lambda x: tyc.custom_gradient(lambda x: (x.sum(), lambda g: g))(x)),
     "a gradient must have its tensor's type f32[2,3], got f32[]"),
    (lambda: tyc.grad(3), "grad takes a function or a program, got int"),
    (lambda: tyc.grad(lambda x: x, "y")(1.0), "wrt must be among the arguments x, got 'y'"),
    (lambda: tyc.grad(lambda x: x)(1), "only floating-point tensors have gradients, got i64[]"),
    (lambda: tyc.grad(tyc.trace(lambda x: x).program(X), ["w"]),
     "wrt must name inputs or parameters, got w"),
    (lambda: nn.Imported(tyc.trace(lambda x: x).program(X))(X[0]),
     "the program takes f32[2,3], got f32[3]"),
    (lambda: tyc.trace(lambda x: x, memory_budget="much"),
     "memory budget must be bytes, or up to 100% of what is needed without, got 'much'; "
     "write for example 256KiB, 4MiB, 50% or auto"),
    (_from_outside_of_a_trace,
     "a traced function has no gradient outside of its trace; "
     "call backward inside of it, or trace the function that does"),
]
# fmt: on


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_refusals(
    function: Callable[[], Any], message: str, root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert _refused(function) == message
