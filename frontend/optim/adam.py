"""Optimizers by running means of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tyc import functional as F
from tyc.optim.optimizer import Optimizer, State, fraction, positive
from tyc.optim.rules import number
from tyc.tensors import Tensor


class _Moments(Optimizer):
    """`m' = b1 * m + (1 - b1) * g`, `v' = b2 * v + (1 - b2) * g**2`, each made unbiased."""

    WORDS = ("mean", "square")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters, lr, betas=tuple(betas), epsilon=epsilon, weight_decay=weight_decay
        )

    @classmethod
    def check(cls, **options: Any) -> None:
        """Ranges."""
        for beta in options["betas"]:
            fraction("betas", beta)
        positive("epsilon", options["epsilon"])
        positive("weight_decay", options["weight_decay"])


def _moments(g: Tensor, state: State, betas: tuple[float, float]) -> State:
    """The running means after `g`."""
    first, second = betas
    mean = state["mean"] * first + g * (1 - first)
    square = state["square"] * second + g * g * (1 - second)
    return {"mean": mean, "square": square}


def _direction(
    state: State, count: Tensor, betas: tuple[float, float], epsilon: float
) -> tuple[Tensor, Tensor]:
    """`d` and `c` with `m / (1 - b1**t) / (sqrt(v / (1 - b2**t)) + epsilon) = d / c`."""
    first, second = betas
    mean, square = state["mean"], state["square"]
    root = F.sqrt(1 - F.power(second, count))
    d = mean / (F.sqrt(square) / number(root, mean) + epsilon)
    return d, 1 - F.power(first, count)


class Adam(_Moments):
    """`x' = x - lr * m / (sqrt(v) + epsilon)` with unbiased running means.

    Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015. `weight_decay` adds
    `weight_decay * x` to the gradient.
    """

    @staticmethod
    def update(
        x: Tensor, g: Tensor, state: State, lr: Tensor, count: Tensor, **options: Any
    ) -> tuple[Tensor, State]:
        """The formula."""
        if decay := options["weight_decay"]:
            g = g + x * decay
        state = _moments(g, state, options["betas"])
        d, correction = _direction(state, count, options["betas"], options["epsilon"])
        return x - number(lr / correction, x) * d, state


class AdamW(_Moments):
    """Adam with `x` shrunk by `1 - lr * weight_decay` before, apart from the gradient.

    Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, epsilon, weight_decay)

    @staticmethod
    def update(
        x: Tensor, g: Tensor, state: State, lr: Tensor, count: Tensor, **options: Any
    ) -> tuple[Tensor, State]:
        """The formula."""
        state = _moments(g, state, options["betas"])
        d, correction = _direction(state, count, options["betas"], options["epsilon"])
        if decay := options["weight_decay"]:
            x = x * number(1 - lr * decay, x)
        return x - number(lr / correction, x) * d, state


class LAMB(_Moments):
    """`x' = x - lr * |x| / |r| * r`, `r = m / (sqrt(v) + epsilon) + weight_decay * x`.

    The ratio of norms is 1 where one of them is 0. You et al., Large Batch Optimization for Deep
    Learning: Training BERT in 76 minutes, ICLR 2020, with unbiased running means.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, betas, epsilon, weight_decay)

    @staticmethod
    def update(
        x: Tensor, g: Tensor, state: State, lr: Tensor, count: Tensor, **options: Any
    ) -> tuple[Tensor, State]:
        """The formula."""
        state = _moments(g, state, options["betas"])
        d, correction = _direction(state, count, options["betas"], options["epsilon"])
        r = d / number(correction, x)
        if decay := options["weight_decay"]:
            r = r + x * decay
        size, change = F.norm(x), F.norm(r)
        usable = F.logical_and(size > 0, change > 0)
        one = F.ones((), x.dtype)
        trust = F.where(usable, size / F.where(usable, change, one), one)
        return x - number(lr, x) * trust * r, state
