"""Optimizers that divide by what they have seen of the squared gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tyc import functional as F
from tyc.optim.optimizer import Optimizer, State, fraction, positive
from tyc.optim.rules import number
from tyc.tensors import Tensor


class Adagrad(Optimizer):
    """`x' = x - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s') + epsilon)` with `s' = s + g**2`.

    Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization, JMLR 2011. `weight_decay` adds `weight_decay * x` to the gradient.
    """

    WORDS = ("sum",)

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        epsilon: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters, lr, lr_decay=lr_decay, epsilon=epsilon, weight_decay=weight_decay
        )

    @classmethod
    def check(cls, **options: Any) -> None:
        """Ranges."""
        for name in ("lr_decay", "epsilon", "weight_decay"):
            positive(name, options[name])

    @staticmethod
    def update(
        x: Tensor, g: Tensor, state: State, lr: Tensor, count: Tensor, **options: Any
    ) -> tuple[Tensor, State]:
        """The formula."""
        if decay := options["weight_decay"]:
            g = g + x * decay
        total = state["sum"] + g * g
        rate = lr / (1 + (count - 1) * options["lr_decay"])
        return x - number(rate, x) * (g / (F.sqrt(total) + options["epsilon"])), {"sum": total}


class Adadelta(Optimizer):
    """`x' = x - lr * d`, `d = sqrt(u + epsilon) / sqrt(s' + epsilon) * g`.

    `s' = rho * s + (1 - rho) * g**2` and `u' = rho * u + (1 - rho) * d**2` (Zeiler, ADADELTA: An
    Adaptive Learning Rate Method, 2012). `weight_decay` adds `weight_decay * x` to the gradient.
    """

    WORDS = ("square", "change")

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, rho=rho, epsilon=epsilon, weight_decay=weight_decay)

    @classmethod
    def check(cls, **options: Any) -> None:
        """Ranges."""
        fraction("rho", options["rho"])
        positive("epsilon", options["epsilon"])
        positive("weight_decay", options["weight_decay"])

    @staticmethod
    def update(
        x: Tensor, g: Tensor, state: State, lr: Tensor, count: Tensor, **options: Any
    ) -> tuple[Tensor, State]:
        """The formula."""
        rho, epsilon = options["rho"], options["epsilon"]
        if decay := options["weight_decay"]:
            g = g + x * decay
        square = state["square"] * rho + g * g * (1 - rho)
        d = F.sqrt(state["change"] + epsilon) / F.sqrt(square + epsilon) * g
        change = state["change"] * rho + d * d * (1 - rho)
        return x - number(lr, x) * d, {"square": square, "change": change}
