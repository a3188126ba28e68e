"""`Optimizer`: parameters in groups, their state, and one fused update of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tyc.dialects.types import f32
from tyc.dispatch import TensorLike
from tyc.frames import error
from tyc.optim.rules import fused
from tyc.state import STATE
from tyc.tensors import Parameter, Tensor, Variable, tensor

if TYPE_CHECKING:
    from typing_extensions import Self

State = dict[str, Tensor]


class Group:
    """Parameters that share a learning rate and options.

    `lr` (f64) and `count`, the updates so far (i64), are tensors of rank 0; `state` has for each
    word of the optimizer one tensor a parameter, of its shape, in f32 for 16-bit floats.
    """

    def __init__(
        self, parameters: Sequence[Parameter], lr: float, options: dict[str, Any], words: Sequence
    ) -> None:
        self.parameters = list(parameters)
        self.options = options
        self.lr = Variable(np.float64(lr), "lr")
        self.count = Variable(np.int64(0), "count")
        self.state = {w: [_zeros(p, w) for p in self.parameters] for w in words}

    def tensors(self) -> dict[str, Variable]:
        """What changes from step to step, by name."""
        moments = {
            f"{word}.{i}": value
            for word, values in self.state.items()
            for i, value in enumerate(values)
        }
        return {"lr": self.lr, "count": self.count, **moments}


def _zeros(parameter: Parameter, word: str) -> Variable:
    kind = f32 if parameter.dtype.bits == 16 else parameter.dtype
    return Variable(np.zeros(parameter.shape, kind.numpy), word, of=parameter)


class Optimizer:
    """Base of all optimizers. A subclass names its state in `WORDS` and has `update`.

    `parameters` are parameters, or dictionaries `{"params": ..., "lr": ..., option: ...}`: groups
    with options of their own. Raises `UserError` for no parameters, one that stands twice, one that
    is no float, or a negative learning rate.
    """

    WORDS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Iterable[Any], lr: float, **options: Any) -> None:
        given = list(parameters)
        if not given:
            raise error("an optimizer must have parameters, got none")
        if not any(isinstance(g, Mapping) for g in given):
            given = [{"params": given}]
        self.groups = [self._group(dict(g), lr, options) for g in given]
        known = [id(p) for g in self.groups for p in g.parameters]
        if len(set(known)) != len(known):
            raise error("a parameter must stand once among the parameters, got one twice")
        self._update = fused(self._updated)

    def _group(self, given: dict[str, Any], lr: float, options: dict[str, Any]) -> Group:
        if "params" not in given:
            raise error("a group must have the key 'params'", f"got {', '.join(given)}")
        found = given.pop("params")
        parameters = [found] if isinstance(found, Parameter) else list(found)
        for p in parameters:
            if not isinstance(p, Parameter) or not p.dtype.is_float:
                got = p.type if isinstance(p, Tensor) else type(p).__name__
                raise error(f"an optimizer takes parameters of floats, got {got}")
        if unknown := sorted(given.keys() - options.keys() - {"lr"}):
            names = ", ".join(sorted([*options, "lr"]))
            raise error(f"a group has the options {names}, got {', '.join(unknown)}")
        rate = given.pop("lr", lr)
        if not rate >= 0:
            raise error(f"lr must be 0 or more, got {rate}")
        merged = {**options, **given}
        self.check(**merged)
        return Group(parameters, rate, merged, self.words(**merged))

    @classmethod
    def words(cls, **options: Any) -> Sequence[str]:
        """The names of the state that options ask for."""
        return cls.WORDS

    @classmethod
    def check(cls, **options: Any) -> None:
        """Raises `UserError` where an option is out of its range."""

    @staticmethod
    def update(
        x: Tensor, g: Tensor, state: State, lr: Tensor, count: Tensor, **options: Any
    ) -> tuple[Tensor, State]:
        """The new parameter and the new state.

        `x` is the parameter, `g` its gradient, both at least f32; `lr` is f64, and `count`, f64
        too, is 1 in the first step.
        """
        raise NotImplementedError

    @property
    def lr(self) -> float:
        """The learning rate of the first group."""
        return float(self.groups[0].lr)

    @lr.setter
    def lr(self, value: TensorLike) -> None:
        """A new learning rate for all groups."""
        for group in self.groups:
            group.lr.assign(tensor(value, "f64") if isinstance(value, (int, float)) else value)

    def step(self) -> Self:
        """Updates each parameter that has a gradient; raises `UserError` where none has one."""
        if all(p.grad is None for g in self.groups for p in g.parameters):
            raise error(
                "step() takes the gradients of the parameters, got none",
                "attach them to a GradManager and call gm.backward(loss) before",
            )
        for group in self.groups:
            at = [i for i, p in enumerate(group.parameters) if p.grad is not None]
            if at:
                self._step(group, at)
        return self

    def _step(self, group: Group, at: Sequence[int]) -> None:
        parameters = [group.parameters[i] for i in at]
        states = [{w: s[i] for w, s in group.state.items()} for i in at]
        grads = [p.grad for p in parameters]
        results, count = self._update(
            list(parameters),
            grads,
            states,
            group.lr,
            group.count,
            group.options,
        )
        group.count.assign(count)
        for parameter, state, (value, moments) in zip(parameters, states, results):
            parameter.assign(value)
            for word, moment in moments.items():
                state[word].assign(moment)

    def _updated(
        self,
        parameters: list[Tensor],
        grads: list[Tensor],
        states: list[State],
        lr: Tensor,
        count: Tensor,
        options: dict[str, Any],
    ) -> tuple[list[tuple[Tensor, State]], Tensor]:
        """All parameters of a group after `update`, and the count."""
        now = count + 1
        number = now.astype("f64")
        results = []
        for x, g, state in zip(parameters, grads, states):
            kind = f32 if x.dtype.bits == 16 else x.dtype
            with _updating(x):
                new, moments = self.update(
                    x.astype(kind), g.astype(kind), state, lr, number, **options
                )
                results.append((new.astype(x.dtype), moments))
        return results, now

    def clear_grad(self) -> Self:
        """Forgets the gradients of all parameters."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.grad = None
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Learning rates, counts and moments by name: `0.lr`, `0.count`, `0.momentum.3`."""
        return {
            f"{i}.{name}": Tensor(value.array())
            for i, group in enumerate(self.groups)
            for name, value in group.tensors().items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes what `state_dict` gave; raises `UserError` unless names and shapes are the same."""
        own = {
            f"{i}.{name}": value
            for i, group in enumerate(self.groups)
            for name, value in group.tensors().items()
        }
        missing, unknown = sorted(own.keys() - state), sorted(state.keys() - own)
        if missing or unknown:
            raise error(
                "the state must have the optimizer's names, "
                f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}"
            )
        for name, old in own.items():
            new = tensor(state[name], old.dtype)
            if new.shape != old.shape:
                raise error(f"{name} must have shape {old.shape}, got {new.shape}")
        for name, old in own.items():
            old.assign(tensor(state[name], old.dtype))

    def __repr__(self) -> str:
        counts = ", ".join(str(len(g.parameters)) for g in self.groups)
        return f"{type(self).__name__}(lr={self.lr}, parameters={counts})"


def _updating(parameter: Tensor) -> AbstractContextManager[None]:
    """Ops of a block that is recorded are known by a parameter's name."""
    return nullcontext() if STATE.recorder is None else STATE.recorder.updating(parameter)


def fraction(name: str, value: float) -> None:
    """Raises `UserError` unless an option is in `0 <= value < 1`."""
    if not 0 <= value < 1:
        raise error(f"{name} must be in 0..1 and less than 1, got {value}")


def positive(name: str, value: float) -> None:
    """Raises `UserError` where an option is negative."""
    if not value >= 0:
        raise error(f"{name} must be 0 or more, got {value}")
