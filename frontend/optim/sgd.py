"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tyc.frames import error
from tyc.optim.optimizer import Optimizer, State, fraction, positive
from tyc.optim.rules import number
from tyc.tensors import Tensor


class SGD(Optimizer):
    """`x' = x - lr * v'` with `v' = momentum * v + g + weight_decay * x`.

    `nesterov` takes the step from `g + momentum * v'` (Sutskever et al., On the importance of
    initialization and momentum in deep learning, ICML 2013, in the form of PyTorch and MegEngine).
    Raises `UserError` for options out of range and for `nesterov` without momentum.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov
        )

    @classmethod
    def words(cls, **options: Any) -> Sequence[str]:
        """`momentum`, where there is one."""
        return ("momentum",) if options["momentum"] else ()

    @classmethod
    def check(cls, **options: Any) -> None:
        """Ranges."""
        fraction("momentum", options["momentum"])
        positive("weight_decay", options["weight_decay"])
        if options["nesterov"] and not options["momentum"]:
            raise error("nesterov takes a momentum, got 0")

    @staticmethod
    def update(
        x: Tensor, g: Tensor, state: State, lr: Tensor, count: Tensor, **options: Any
    ) -> tuple[Tensor, State]:
        """The formula."""
        momentum, decay = options["momentum"], options["weight_decay"]
        if decay:
            g = g + x * decay
        if momentum:
            v = state["momentum"] * momentum + g
            state = {"momentum": v}
            g = g + v * momentum if options["nesterov"] else v
        return x - number(lr, x) * g, state
