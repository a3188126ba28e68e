"""Optimizers and clipping: the formulas in NumPy, PyTorch where it is, eager and traced alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import optim

STEPS = 5
SHAPES = ((3, 4), (5,), ())
Arrays = list[np.ndarray]


def sgd(x: Any, g: Any, s: Any, t: int, lr: float, **o: Any) -> Any:
    g = g + o.get("weight_decay", 0) * x
    if o.get("momentum"):
        s["v"] = o["momentum"] * s.get("v", 0) + g
        g = g + o["momentum"] * s["v"] if o.get("nesterov") else s["v"]
    return x - lr * g


def moments(g: Any, s: Any, t: int, epsilon: float = 1e-8) -> Any:
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    return s["m"] / (1 - 0.9**t) / (np.sqrt(s["v"] / (1 - 0.999**t)) + epsilon)


def adam(x: Any, g: Any, s: Any, t: int, lr: float, weight_decay: float = 0) -> Any:
    return x - lr * moments(g + weight_decay * x, s, t)


def adamw(x: Any, g: Any, s: Any, t: int, lr: float, weight_decay: float = 1e-2) -> Any:
    return x * (1 - lr * weight_decay) - lr * moments(g, s, t)


def lamb(x: Any, g: Any, s: Any, t: int, lr: float, weight_decay: float = 0) -> Any:
    r = moments(g, s, t, 1e-6) + weight_decay * x
    sizes = [np.sqrt(np.sum(v * v)) for v in (x, r)]
    return x - lr * (sizes[0] / sizes[1] if all(sizes) else 1) * r


def adagrad(x: Any, g: Any, s: Any, t: int, lr: float, lr_decay: float = 0) -> Any:
    s["s"] = s.get("s", 0) + g * g
    return x - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s["s"]) + 1e-10)


def adadelta(x: Any, g: Any, s: Any, t: int, lr: float, rho: float = 0.9) -> Any:
    s["s"] = rho * s.get("s", 0) + (1 - rho) * g * g
    d = np.sqrt(s.get("u", 0) + 1e-6) / np.sqrt(s["s"] + 1e-6) * g
    s["u"] = rho * s.get("u", 0) + (1 - rho) * d * d
    return x - lr * d


CASES: list[tuple[Any, Callable[..., Any], dict[str, Any]]] = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (optim.Adam, adam, {"lr": 0.01, "weight_decay": 0.1}),
    (optim.AdamW, adamw, {"lr": 0.01, "weight_decay": 0.1}),
    (optim.LAMB, lamb, {"lr": 0.01, "weight_decay": 0.1}),
    (optim.Adagrad, adagrad, {"lr": 0.1, "lr_decay": 0.1}),
    (optim.Adadelta, adadelta, {"lr": 0.5, "rho": 0.8}),
]
IDS = [f"{c[0].__name__}-{'-'.join(c[2])}" for c in CASES]


def numbers(seed: int, kind: Any = np.float64) -> Arrays:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(s), kind) for s in SHAPES]


def trained(cls: Any, options: dict[str, Any], kind: Any, traced: bool) -> Arrays:
    """Parameters after some steps whose gradients are given."""
    parameters = [tyc.Parameter(a) for a in numbers(0, kind)]
    optimizer = cls(parameters, **options)

    def step(grads: Any) -> Any:
        for p, g in zip(parameters, grads):
            p.grad = g
        assert optimizer.step().clear_grad() is optimizer
        return grads[0]

    run = tyc.trace(step) if traced else step
    for t in range(STEPS):
        run([tyc.tensor(g) for g in numbers(t + 1, kind)])
    assert all(p.grad is None for p in parameters)
    return [np.array(p.numpy()) for p in parameters]


def wanted(rule: Callable[..., Any], options: dict[str, Any]) -> Arrays:
    values, states = numbers(0), [{} for _ in SHAPES]
    for t in range(STEPS):
        grads = numbers(t + 1)
        values = [rule(x, g, s, t + 1, **options) for x, g, s in zip(values, grads, states)]
    return values


@pytest.mark.parametrize(("cls", "rule", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("traced", [False, True])
def test_formula(cls: Any, rule: Any, options: dict[str, Any], traced: bool) -> None:
    for got, value in zip(trained(cls, options, np.float64, traced), wanted(rule, options)):
        np.testing.assert_allclose(got, value, 1e-12, 1e-14)


def test_16_bit_parameters_have_f32_state() -> None:
    rounded = trained(optim.Adam, {"lr": 0.01}, np.float16, False)
    for got, value in zip(rounded, wanted(adam, {"lr": 0.01})):
        np.testing.assert_allclose(got, value, atol=0.01)
    parameter = tyc.Parameter(np.zeros(2, np.float16))
    assert optim.Adam([parameter]).state_dict()["0.mean.0"].dtype == tyc.float32


@pytest.mark.parametrize(("cls", "rule", "options"), CASES, ids=IDS)
def test_formula_is_that_of_torch(cls: Any, rule: Any, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, cls.__name__):
        pytest.skip("PyTorch has it not")
    leaves = [torch.tensor(a, requires_grad=True) for a in numbers(0)]
    other = getattr(torch.optim, cls.__name__)(leaves, **options)
    for t in range(STEPS):
        for leaf, g in zip(leaves, numbers(t + 1)):
            leaf.grad = torch.tensor(g)
        other.step()
    for got, leaf in zip(trained(cls, options, np.float64, False), leaves):
        np.testing.assert_allclose(got, leaf.detach().numpy(), 1e-12, 1e-14)


def with_gradients() -> list[tyc.Parameter]:
    parameters = [tyc.Parameter(a) for a in numbers(0)]
    for p, g in zip(parameters, numbers(1)):
        p.grad = tyc.tensor(g)
    return parameters


def test_a_new_learning_rate_needs_no_new_trace() -> None:
    parameter = tyc.Parameter(np.float32([1.0]))
    optimizer = optim.SGD([parameter], lr=0.5)
    recorded = []

    @tyc.trace
    def step(grad: Any) -> Any:
        recorded.append(1)
        parameter.grad = grad
        optimizer.step().clear_grad()
        return grad

    step(np.float32([1.0]))
    optimizer.lr = 0.25
    step(np.float32([1.0]))
    assert len(recorded) == 1 and optimizer.lr == 0.25
    assert parameter.tolist() == [0.25]


def test_groups_have_options_of_their_own() -> None:
    a, b, c = (tyc.Parameter(np.float32([1.0])) for _ in range(3))
    groups = [{"params": [a], "lr": 0.5}, {"params": b, "momentum": 0.9}]
    optimizer = optim.SGD(groups, lr=0.1)
    for _ in range(2):
        a.grad = b.grad = tyc.tensor([1.0])
        optimizer.step()
    np.testing.assert_allclose([a.item(), b.item()], [0.0, 1 - 0.1 - 0.19], atol=1e-6)
    assert repr(optimizer) == "SGD(lr=0.5, parameters=1, 1)"
    optim.SGD([c], lr=1).clear_grad()


def test_a_parameter_without_gradient_stays() -> None:
    parameters = with_gradients()
    parameters[1].grad = None
    before = parameters[1].tolist()
    optim.Adam(parameters).step()
    assert parameters[1].tolist() == before
    assert parameters[0].tolist() != numbers(0)[0].tolist()


def test_state_goes_on_to_the_same_bits() -> None:
    def steps(optimizer: Any, parameters: Any, seeds: range) -> None:
        for seed in seeds:
            for p, g in zip(parameters, numbers(seed)):
                p.grad = tyc.tensor(g)
            optimizer.step()

    first = [tyc.Parameter(a) for a in numbers(0)]
    optimizer = optim.Adam(first, lr=0.1)
    steps(optimizer, first, range(3))
    second = [tyc.Parameter(p.numpy()) for p in first]
    state = optimizer.state_dict()
    steps(optimizer, first, range(3, 6))
    other = optim.Adam(second, lr=0.7)
    other.load_state_dict(state)
    steps(other, second, range(3, 6))
    assert other.lr == 0.1
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_clip_grad_norm(p: float) -> None:
    flat = np.concatenate([g.reshape(-1) for g in numbers(1)])
    norm = np.linalg.norm(flat, p)
    for limit in (norm / 2, norm * 2):
        parameters = with_gradients()
        assert abs(optim.clip_grad_norm(parameters, limit, p).item() - norm) < 1e-12
        for parameter, g in zip(parameters, numbers(1)):
            np.testing.assert_allclose(parameter.grad, g * min(1, limit / norm), 1e-12)


def test_clip_grad_value() -> None:
    parameters = with_gradients()
    optim.clip_grad_value(parameters, 0.5)
    for parameter, g in zip(parameters, numbers(1)):
        np.testing.assert_array_equal(parameter.grad, np.clip(g, -0.5, 0.5))


X = tyc.Parameter(np.float32([1.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.SGD([], 0.1), "must have parameters, got none"),
        (lambda: optim.SGD([X, X], 0.1), "once among the parameters, got one twice"),
        (lambda: optim.SGD([X], -0.1), "lr must be 0 or more, got -0.1"),
        (lambda: optim.SGD([X], 0.1, nesterov=True), "nesterov takes a momentum, got 0"),
        (lambda: optim.SGD([X], 0.1, momentum=1.5), "momentum must be in 0..1"),
        (lambda: optim.Adam([X], epsilon=-1), "epsilon must be 0 or more, got -1"),
        (lambda: optim.Adam([X], betas=(0.9, 1.0)), "betas must be in 0..1"),
        (lambda: optim.SGD([F.zeros(2)], 0.1), r"takes parameters of floats, got f32\[2\]"),
        (lambda: optim.SGD([{"lr": 1.0}], 0.1), "a group must have the key 'params'"),
        (lambda: optim.SGD([{"params": X, "beta": 1}], 0.1), "got beta"),
        (lambda: optim.SGD([X], 0.1).step(), "takes the gradients of the parameters, got none"),
        (lambda: optim.clip_grad_value([X], 1.0), "clipping takes gradients, got none"),
        (lambda: optim.clip_grad_norm([X], 1.0, 3), "p must be 1, 2 or infinity, got 3"),
        (lambda: optim.SGD([X], 0.1).load_state_dict({"0.lr": 1.0, "a": 2}),
         "missing: 0.count, unknown: a"),
        (lambda: optim.SGD([X], 0.1).load_state_dict({"0.lr": [1.0], "0.count": 2}),
         r"0.lr must have shape \(\), got \(1,\)"),
    ],
)  # fmt: skip
def test_errors(call: Any, message: str) -> None:
    X.clear_grad()
    with pytest.raises(tyc.UserError, match=message):
        call()
