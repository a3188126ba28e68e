"""A model's training step, and the loss alone, as functions to trace with arguments for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tyc import functional as F
from tyc import nn, optim
from tyc.autograd import GradManager
from tyc.hub.models.model import Model
from tyc.hub.models.registry import create
from tyc.nn.imported import Imported
from tyc.tensors import Parameter, Tensor
from tyc.tracing import trace

if TYPE_CHECKING:
    from tyc.dialects.program import Program

MakeOptimizer = Callable[[list[Parameter]], optim.Optimizer]
"""Makes the optimizer of a list of parameters."""


@dataclass(frozen=True)
class Step:
    """A function of `arguments` (arrays: the input, then the target) that gives the loss."""

    function: Callable[..., Tensor]
    arguments: tuple[Any, ...]
    model: nn.Module


def loss_function(
    model: str | Model,
    batch: int = 1,
    size: int | None = None,
    dtype: str = "f32",
    **options: Any,
) -> Step:
    """The loss of a model, by name or one that was made, on a random batch.

    `size` is the side of an image or the length of a text, `dtype` the element type of images;
    `options` are those of `create`.
    """
    net = create(model, **options) if isinstance(model, str) else model

    def loss(x: Any, target: Any) -> Tensor:
        return net.loss(net(x), target)

    loss.__name__ = f"{type(net).__name__.lower()}_loss"
    return Step(loss, net.example(batch, size, dtype), net)


def momentum(parameters: list[Parameter]) -> optim.SGD:
    """Gradient descent with momentum: the optimizer of a step that asks for no other."""
    return optim.SGD(parameters, lr=0.01, momentum=0.9)


def training_step(
    model: str | Model,
    batch: int = 1,
    size: int | None = None,
    dtype: str = "f32",
    optimizer: MakeOptimizer | None = momentum,
    **options: Any,
) -> Step:
    """A model's training step on a random batch: forward, backward and update.

    `optimizer` makes one of the parameters. With None the gradients stay in `grad` of the
    parameters, in the place of those before. Other arguments are those of `loss_function`.
    """
    loss = loss_function(model, batch, size, dtype, **options)
    return Step(_stepped(loss.function, loss.model, optimizer), loss.arguments, loss.model)


def imported_step(program: Program, optimizer: MakeOptimizer | None = momentum) -> Step:
    """The training step of a program, such as an ONNX file, on zeros.

    Its loss is the sum of the floating-point outputs: what matters is what the step computes, not
    what it learns.
    """
    net = Imported(program)

    def loss(*inputs: Any) -> Tensor:
        made = net(*inputs)
        sums = [
            F.sum(y) for y in (made if isinstance(made, tuple) else (made,)) if y.dtype.is_float
        ]
        return functools.reduce(F.add, sums)

    loss.__name__ = f"{program.name}_loss"
    zeros = tuple(np.zeros(t.shape, t.dtype.numpy) for t in net.inputs)
    return Step(_stepped(loss, net, optimizer), zeros, net)


def _stepped(
    loss: Callable[..., Tensor], net: nn.Module, optimizer: MakeOptimizer | None
) -> Callable[..., Tensor]:
    """Forward, backward and update, with the arguments of `loss`."""
    parameters = list(net.parameters())
    manager = GradManager().attach(parameters)
    chosen = None if optimizer is None else optimizer(parameters)

    @functools.wraps(loss)
    def step(*arguments: Any) -> Tensor:
        with manager:
            value = loss(*arguments)
            for parameter in parameters:
                parameter.grad = None
            manager.backward(value)
        if chosen is not None:
            chosen.step().clear_grad()
        return value

    step.__name__ = f"{loss.__name__.removesuffix('_loss')}_step"
    return step


def gradient_program(
    model: str | Model,
    batch: int = 1,
    size: int | None = None,
    dtype: str = "f32",
    **options: Any,
) -> Program:
    """The program that returns a model's loss and `gradient.<name>` of every parameter.

    Arguments are as those of `loss_function`. There is no update: parameters are constants of the
    program, and named.
    """
    from tyc.compiler.transforms.differentiate import gradients

    step = loss_function(model, batch, size, dtype, **options)
    program = trace(step.function).program(*step.arguments)
    names = [name for name, _ in step.model.named_parameters() if name in program.parameters]
    with program.module.context:
        gradients(program, names, keep_outputs=True)
    return program
