"""Learning rates over steps: the formulas, eager and traced."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import optim
from tyc.optim import schedules

STEPS = 9


def cosine(n: int) -> float:
    return 0.1 + 0.9 * (1 + math.cos(math.pi * min(n / 6, 1))) / 2


CASES: list[tuple[Any, dict[str, Any], Any]] = [
    (schedules.Constant, {}, lambda n: 1.0),
    (schedules.Step, {"every": 3, "gamma": 0.5}, lambda n: 0.5 ** (n // 3)),
    (schedules.MultiStep, {"milestones": [5, 2]}, lambda n: 0.1 ** ((n >= 2) + (n >= 5))),
    (schedules.Exponential, {"gamma": 0.9}, lambda n: 0.9**n),
    (schedules.Linear, {"steps": 4, "end": 0.2}, lambda n: 1 - 0.8 * min(n / 4, 1)),
    (schedules.Cosine, {"steps": 6, "end": 0.1}, cosine),
    (schedules.Lambda, {"function": lambda n: 1 / (1 + n)}, lambda n: 1 / (1 + n)),
]


def optimizer(lr: float = 0.5) -> optim.Optimizer:
    a, b = (tyc.Parameter(np.float32([1.0])) for _ in range(2))
    return optim.SGD([{"params": a}, {"params": b, "lr": 2 * lr}], lr=lr)


@pytest.mark.parametrize(("cls", "options", "factor"), CASES, ids=[c[0].__name__ for c in CASES])
@pytest.mark.parametrize("warm_up", [0, 3])
@pytest.mark.parametrize("traced", [False, True])
def test_factor(cls: Any, options: Any, factor: Any, warm_up: int, traced: bool) -> None:
    opt = optimizer()
    schedule = cls(opt, warm_up=warm_up, **options)

    def step(x: Any) -> Any:
        schedule.step()
        return x

    run = tyc.trace(step) if traced else step
    for n in range(STEPS):
        rising = (n + 1) / (warm_up + 1) if n < warm_up else factor(n - warm_up)
        assert abs(opt.lr - 0.5 * rising) < 1e-12
        assert float(opt.groups[1].lr) == 2 * opt.lr
        run(np.float32([0.0]))


def test_state_goes_on() -> None:
    first = schedules.Exponential(optimizer(), 0.5)
    first.step().step()
    second = schedules.Exponential(optimizer(), 0.5)
    second.load_state_dict(first.state_dict())
    assert second.optimizer.lr == first.optimizer.lr == 0.125


def test_reduce_on_plateau() -> None:
    opt = optimizer(1.0)
    schedule = schedules.ReduceOnPlateau(opt, factor=0.5, patience=1, lowest=0.3)
    rates = [schedule.step(v) and opt.lr for v in (3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0)]
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]
    other = schedules.ReduceOnPlateau(optimizer(), largest=True, patience=0)
    other.load_state_dict({"best": 0.9, "bad": 0})
    other.step(0.95).step(np.float32(0.5))
    assert abs(other.optimizer.lr - 0.05) < 1e-12
    assert other.state_dict()["best"].item() == 0.95


def test_reduce_on_plateau_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).uniform(0, 1, 40).cumsum() % 1.5
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, "min", 0.5, 2)
    opt = optimizer(1.0)
    schedule = schedules.ReduceOnPlateau(opt, 0.5, 2)
    for value in values:
        scheduler.step(float(value))
        schedule.step(float(value))
        assert abs(opt.lr - theirs.param_groups[0]["lr"]) < 1e-12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedules.Step(optimizer(), 0), "every must be 1 or more, got 0"),
        (lambda: schedules.Cosine(optimizer(), 0), "steps must be 1 or more, got 0"),
        (lambda: schedules.Constant(optimizer(), -1), "warm_up must be 0 or more, got -1"),
        (lambda: schedules.ReduceOnPlateau(optimizer(), 1.0), "factor must be between 0 and 1"),
    ],
)
def test_errors(call: Any, message: str) -> None:
    with pytest.raises(tyc.UserError, match=message):
        call()
