"""Learning rates that change with the number of steps.

    schedule = schedules.Cosine(opt, steps=1000, warm_up=100)
    opt.step()
    schedule.step()

A schedule sets the learning rate of each group to its first value times a factor of the number of
`step` calls so far. That number is a tensor: a recorded `step` counts on, like an eager one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tyc import functional as F
from tyc.dispatch import TensorLike, as_tensor
from tyc.frames import error
from tyc.optim.optimizer import Optimizer
from tyc.optim.rules import fused
from tyc.tensors import Tensor, Variable, tensor

if TYPE_CHECKING:
    from typing_extensions import Self


class Schedule:
    """Base of the schedules that are a `factor` of the count.

    `warm_up` steps raise the rate along a line first: step `k` of them has the factor
    `(k + 1) / (warm_up + 1)`, and `factor` counts from their end.
    """

    def __init__(self, optimizer: Optimizer, warm_up: int = 0) -> None:
        if warm_up < 0:
            raise error(f"warm_up must be 0 or more, got {warm_up}")
        self.optimizer, self.warm_up = optimizer, warm_up
        self.first = [float(g.lr) for g in optimizer.groups]
        self.count = Variable(np.int64(0), "schedule")
        self._advance = fused(self._advanced)
        self._rates = fused(self._rates_at)
        self._set(self._rates(self.count))

    def factor(self, count: Tensor) -> Tensor:
        """What the first learning rate is multiplied by; `count` is f64, 0 at first."""
        raise NotImplementedError

    def _rates_at(self, count: Tensor) -> list[Tensor]:
        now = count.astype("f64")
        factor = self.factor(F.maximum(now - float(self.warm_up), 0.0))
        if self.warm_up:
            rising = (now + 1.0) / (self.warm_up + 1.0)
            factor = F.where(now < float(self.warm_up), rising, factor)
        return [factor * rate for rate in self.first]

    def _advanced(self, count: Tensor) -> tuple[Tensor, list[Tensor]]:
        return count + 1, self._rates_at(count + 1)

    def step(self) -> Self:
        """Counts one step and sets the learning rates."""
        count, rates = self._advance(self.count)
        self.count.assign(count)
        self._set(rates)
        return self

    def _set(self, rates: Sequence[Tensor]) -> None:
        for group, rate in zip(self.optimizer.groups, rates):
            group.lr.assign(rate)

    def state_dict(self) -> dict[str, Tensor]:
        """The count."""
        return {"count": Tensor(self.count.array())}

    def load_state_dict(self, state: dict[str, TensorLike]) -> None:
        """Takes what `state_dict` gave, and sets the learning rates."""
        self.count.assign(tensor(state["count"], "i64"))
        self._set(self._rates(self.count))


class Constant(Schedule):
    """The factor 1: with `warm_up` a linear warm-up and nothing else."""

    def factor(self, count: Tensor) -> Tensor:
        """1."""
        return F.ones((), "f64")


class Step(Schedule):
    """`gamma ** floor(count / every)`."""

    def __init__(
        self, optimizer: Optimizer, every: int, gamma: float = 0.1, warm_up: int = 0
    ) -> None:
        if every < 1:
            raise error(f"every must be 1 or more, got {every}")
        self.every, self.gamma = every, gamma
        super().__init__(optimizer, warm_up)

    def factor(self, count: Tensor) -> Tensor:
        """The formula."""
        return F.power(self.gamma, F.floor(count / float(self.every)))


class MultiStep(Schedule):
    """`gamma ** m`, `m` the number of `milestones` that `count` has reached."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[int],
        gamma: float = 0.1,
        warm_up: int = 0,
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, warm_up)

    def factor(self, count: Tensor) -> Tensor:
        """The formula."""
        factor = F.ones((), "f64")
        for milestone in self.milestones:
            factor = F.where(count >= float(milestone), factor * self.gamma, factor)
        return factor


class Exponential(Schedule):
    """`gamma ** count`."""

    def __init__(self, optimizer: Optimizer, gamma: float, warm_up: int = 0) -> None:
        self.gamma = gamma
        super().__init__(optimizer, warm_up)

    def factor(self, count: Tensor) -> Tensor:
        """The formula."""
        return F.power(self.gamma, count)


class Linear(Schedule):
    """From 1 to `end` along a line of `steps`, then `end`."""

    def __init__(
        self, optimizer: Optimizer, steps: int, end: float = 0.0, warm_up: int = 0
    ) -> None:
        self.steps, self.end = _checked(steps), end
        super().__init__(optimizer, warm_up)

    def factor(self, count: Tensor) -> Tensor:
        """The formula."""
        return 1 - F.minimum(count / float(self.steps), 1.0) * (1 - self.end)


class Cosine(Schedule):
    """`end + (1 - end) * (1 + cos(pi * count / steps)) / 2`, then `end`.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017, without
    restarts.
    """

    def __init__(
        self, optimizer: Optimizer, steps: int, end: float = 0.0, warm_up: int = 0
    ) -> None:
        self.steps, self.end = _checked(steps), end
        super().__init__(optimizer, warm_up)

    def factor(self, count: Tensor) -> Tensor:
        """The formula."""
        turn = F.minimum(count / float(self.steps), 1.0) * math.pi
        return (F.cos(turn) + 1) * ((1 - self.end) / 2) + self.end


def _checked(steps: int) -> int:
    if steps < 1:
        raise error(f"steps must be 1 or more, got {steps}")
    return steps


class Lambda(Schedule):
    """Any factor of the count: `Lambda(opt, lambda n: 1 / (1 + n))`, of f64 tensors."""

    def __init__(
        self, optimizer: Optimizer, function: Callable[[Tensor], Tensor], warm_up: int = 0
    ) -> None:
        self.function = function
        super().__init__(optimizer, warm_up)

    def factor(self, count: Tensor) -> Tensor:
        """The function."""
        return as_tensor(self.function(count))


class ReduceOnPlateau:
    """Multiplies the rates by `factor` once `patience` + 1 values in a row are no better.

    Better is less than `best * (1 - threshold)`, or with `largest` more than
    `best * (1 + threshold)`. No rate falls below `lowest`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        largest: bool = False,
        lowest: float = 0.0,
    ) -> None:
        if not 0 < factor < 1:
            raise error(f"factor must be between 0 and 1, got {factor}")
        self.optimizer = optimizer
        self.factor, self.patience, self.lowest = factor, patience, lowest
        self.threshold, self.largest = threshold, largest
        worst = -math.inf if largest else math.inf
        self.best = Variable(np.float64(worst), "best")
        self.bad = Variable(np.int64(0), "bad")
        self._judge = fused(self._judged)

    def _judged(
        self, value: Tensor, best: Tensor, bad: Tensor, rates: list[Tensor]
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        better = (
            value > best * (1 + self.threshold)
            if self.largest
            else (value < best * (1 - self.threshold))
        )
        count = F.where(better, 0 * bad, bad + 1)
        cut = count > self.patience
        lower = [F.where(cut, F.maximum(r * self.factor, self.lowest), r) for r in rates]
        return F.where(better, value, best), F.where(cut, 0 * bad, count), lower

    def step(self, value: TensorLike) -> Self:
        """Judges a value of the metric, of rank 0."""
        number = isinstance(value, (int, float))
        metric = tensor(value, "f64") if number else as_tensor(value).astype("f64")
        rates = [g.lr for g in self.optimizer.groups]
        best, bad, lower = self._judge(metric, self.best, self.bad, rates)
        self.best.assign(best)
        self.bad.assign(bad)
        for group, rate in zip(self.optimizer.groups, lower):
            group.lr.assign(rate)
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """The best value so far, and how many since then were no better."""
        return {"best": Tensor(self.best.array()), "bad": Tensor(self.bad.array())}

    def load_state_dict(self, state: dict[str, TensorLike]) -> None:
        """Takes what `state_dict` gave."""
        self.best.assign(tensor(state["best"], "f64"))
        self.bad.assign(tensor(state["bad"], "i64"))
