"""Gradients: `GradManager` for training loops, `grad` for functions, rules of one's own.

    gm = GradManager().attach(net.parameters())
    with gm:
        loss = F.cross_entropy(net(image), label)
        gm.backward(loss)                          # adds to each parameter's `grad`

The same lines run eagerly, by a tape, and inside of `@tyc.trace`, where the backward pass becomes
part of the recorded program. Managers may be nested: a backward pass inside of another manager's
`with` is recorded by that one, which gives gradients of gradients.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from tyc.dispatch import TensorLike, as_tensor
from tyc.frames import error, located
from tyc.functional.creation import full_like
from tyc.runtime.errors import UserError
from tyc.state import STATE
from tyc.tape import Gradients, Tape, watching
from tyc.tensors import Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

    from tyc.dialects.program import Program

Callback = Callable[[Tensor, Tensor], Tensor | None]


class GradManager:
    """Watches what happens to attached tensors, and adds up their gradients in `grad`."""

    def __init__(self) -> None:
        self._attached: dict[int, weakref.ref[Tensor]] = {}
        self._callbacks: dict[int, list[Callback]] = {}
        self._tape: Tape | None = None
        self._before: tuple[Tape, ...] = ()

    def attach(
        self,
        tensors: Tensor | Iterable[Tensor],
        callbacks: Callback | Sequence[Callback] | None = None,
    ) -> Self:
        """Asks for the gradients of floating-point tensors: parameters, inputs or what is computed.

        Each of `callbacks` is called with a tensor and the gradient that one `backward` found for
        it, before that is added to `grad`; what it returns, unless None, takes the gradient's
        place. Parameters that are not `trainable` are left out. A tensor is held weakly.
        """
        listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
        called = [callbacks] if callable(callbacks) else list(callbacks or ())
        for tensor in listed:
            if not isinstance(tensor, Tensor):
                raise error(f"attach takes tensors, got {type(tensor).__name__}")
            if not tensor.dtype.is_float:
                raise error(f"only floating-point tensors have gradients, got {tensor.type}")
            if not getattr(tensor, "trainable", True):
                continue
            number = tensor.serial
            self._attached[number] = weakref.ref(tensor, functools.partial(self._forget, number))
            self._callbacks.setdefault(number, []).extend(called)
            if self._tape is not None:
                self._tape.tracked.add(number)
        return self

    def _forget(self, number: int, _: Any) -> None:
        self._attached.pop(number, None)
        self._callbacks.pop(number, None)

    def attached_tensors(self) -> list[Tensor]:
        """The attached tensors that still live."""
        return [t for r in list(self._attached.values()) if (t := r()) is not None]

    def __enter__(self) -> Self:
        if self._tape is not None:
            raise error(
                "this GradManager is in use already, got a second `with`",
                "make another GradManager for gradients of gradients",
            )
        self._tape = Tape(tracked=set(self._attached))
        self._before = STATE.tapes
        STATE.tapes = (*STATE.tapes, self._tape)
        return self

    def __exit__(self, *_: Any) -> None:
        STATE.tapes, self._before, self._tape = self._before, (), None

    def backward(self, loss: TensorLike, dy: TensorLike | None = None) -> None:
        """Adds the gradients of `sum(loss * dy)` to `grad` of the attached tensors.

        Without `dy` the loss has one element, and `dy` is 1. Tensors that the loss does not depend
        on keep their `grad`. Frees what was recorded: one `backward` for each `with`. Raises
        `UserError` outside of `with`, the second time, and for a loss that does not depend on any
        attached tensor.
        """
        tape = self._open_tape()
        value = as_tensor(loss)
        if value._serial not in tape.tracked:
            raise error(
                f"the loss must depend on an attached tensor, got {value.type} that does not",
                "attach the parameters before `with`, and compute the loss inside of it",
            )
        seed = _seed(value, dy)
        # Gradients are ops like others for the managers outside, not for this one.
        with watching(tuple(t for t in STATE.tapes if t is not tape)):
            grads = tape.walk((value.serial, seed), list(self._attached))
            # In the order of attaching, so that the sums do not depend on the graph.
            for number in [n for n in self._attached if n in grads]:
                self._deliver(number, grads[number])

    def _deliver(self, number: int, grad: Tensor) -> None:
        reference = self._attached.get(number)
        tensor = reference() if reference is not None else None
        if tensor is None:
            return
        for callback in self._callbacks[number]:
            changed = callback(tensor, grad)
            if changed is not None:
                grad = as_tensor(changed)
        before = tensor.grad
        tensor.grad = grad if before is None else before + grad

    def _open_tape(self) -> Tape:
        if self._tape is None:
            raise error(
                "backward belongs inside of `with`, where the loss is computed, got it outside",
                "write: with gm: loss = ...; gm.backward(loss)",
            )
        if self._tape.used:
            raise error(
                "backward runs once for each `with`, got it twice: what was recorded is freed",
                "add the losses up, or open `with gm:` again",
            )
        return self._tape


def _seed(value: Tensor, dy: TensorLike | None) -> Tensor:
    """What the backward pass starts from: `dy`, or 1 for one element."""
    if not value.dtype.is_float:
        raise error(f"only a floating-point loss has gradients, got {value.type}")
    if dy is None:
        if value.size != 1:
            raise error(
                f"a loss without dy must have one element, got {value.type}",
                "reduce it: loss.mean(), or give dy, the gradient of the loss",
            )
        return full_like(value, 1)
    seed = as_tensor(dy)
    if seed.type != value.type:
        raise error(f"dy must have the type of the loss, {value.type}, got {seed.type}")
    return seed


@overload
def grad(function: Program, wrt: Sequence[str]) -> Program: ...
@overload
def grad(function: Callable[..., Any], wrt: Any = 0) -> Callable[..., Any]: ...
def grad(function: Any, wrt: Any = 0) -> Any:
    """The gradient of a function with one element as result, or of a program's outputs.

    Of a function, `wrt` is an argument's position or name, or a tuple of these; the result is a
    function of the same arguments, which gives one gradient or a tuple: zeros where the result does
    not depend on the argument. It may be traced, and differentiated again.

        grad(grad(lambda x: x**3))(2.0)      # 12

    Of a program, `wrt` are names of inputs and parameters; the result is a new program with the
    outputs of the old one and then `gradient.NAME` of the sum of its floating-point outputs.
    """
    from tyc.dialects.program import Program

    if isinstance(function, Program):
        return _program_gradient(function, [wrt] if isinstance(wrt, str) else list(wrt))
    if not callable(function):
        raise error(f"grad takes a function or a program, got {type(function).__name__}")
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        names = _argument_names(bound, wrt)
        for name in names:
            bound.arguments[name] = as_tensor(bound.arguments[name])
        found = _gradients_by(
            lambda: function(*bound.args, **bound.kwargs), [bound.arguments[n] for n in names]
        )
        return tuple(found) if isinstance(wrt, (tuple, list)) else found[0]

    return call


def _program_gradient(program: Program, wrt: list[str]) -> Program:
    from tyc.compiler.transforms.differentiate import gradients

    made = program.copy()
    with made.module.context:
        try:
            gradients(made, wrt, keep_outputs=True)
        except UserError as raised:
            raise located(raised) from None
    return made


def _argument_names(bound: inspect.BoundArguments, wrt: Any) -> list[str]:
    """The arguments that `wrt` means, by name."""
    known = list(bound.arguments)
    places = {**dict(enumerate(known)), **{name: name for name in known}}
    wanted = list(wrt) if isinstance(wrt, (tuple, list)) else [wrt]
    for one in wanted:
        if one not in places:
            raise error(f"wrt must be among the arguments {', '.join(known)}, got {one!r}")
    return [places[one] for one in wanted]


def _gradients_by(function: Callable[[], Any], tensors: list[Tensor]) -> list[Tensor]:
    """The gradients of what a function gives by tensors, each as if it were another one."""
    for tensor in tensors:
        if not tensor.dtype.is_float:
            raise error(f"only floating-point tensors have gradients, got {tensor.type}")
    tape = Tape(tracked={t.serial for t in tensors})
    outer = STATE.tapes
    with watching((*outer, tape)):
        value = as_tensor(function())
    seed = _seed(value, None)
    with watching(outer):
        found = tape.walk((value.serial, seed), [t.serial for t in tensors])
        return [found[n] if (n := t.serial) in found else full_like(t, 0) for t in tensors]


def stop_gradient(x: TensorLike) -> Tensor:
    """`y = x`, through which no gradient goes."""
    return as_tensor(x).detach()


class Function:
    """A function of tensors with a gradient of its own.

        class Sign(Function):
            def forward(self, x):
                self.x = x
                return F.sign(x)

            def backward(self, grad):
                return F.where(abs(self.x) < 1, grad, 0.0)

        y = Sign()(x)

    `backward` takes the gradient of each result (zeros where there is none) and returns that of
    each tensor that `forward` was given, or None. It is made of ops, and may be differentiated. An
    instance is used for one call.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        """`forward(*args)`, whose gradient is `backward`."""
        return _with_gradient(lambda *xs: (self.forward(*xs), self.backward), args)


def custom_gradient(function: Callable[..., tuple[Any, Callable[..., Any]]]) -> Callable[..., Any]:
    """A function that gives its result and its gradient, as one with that gradient.

        @custom_gradient
        def clipped(x):
            return x, lambda grad: F.clip(grad, -1, 1)

    The gradient is a function as `Function.backward` is.
    """

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return _with_gradient(function, args)

    return call


def _with_gradient(function: Callable[..., tuple[Any, Callable]], args: tuple[Any, ...]) -> Any:
    # A used tape records nothing, but a budget learns how the results came to be.
    budgeted = STATE.tapes and STATE.checkpointing is not None
    with watching((Tape(used=True),) if budgeted else ()):
        made, backward = function(*args)
    many = isinstance(made, (list, tuple))
    # New tensors: a result that is an operand as it is must not be taken for it.
    results = [as_tensor(r).detach() for r in (made if many else [made])]
    operands = [a for a in args if isinstance(a, Tensor)]

    def of_operands(grads: Gradients) -> Gradients:
        filled = [full_like(r, 0) if g is None else g for r, g in zip(results, grads)]
        return _checked(backward(*filled), operands)

    for tape in STATE.tapes:
        if any(t._serial in tape.tracked for t in operands):
            tape.add(operands, results, of_operands)
    return (
        type(made)(results)
        if many and not hasattr(made, "_fields")
        else (type(made)(*results) if many else results[0])
    )


def _checked(found: Any, operands: Sequence[Tensor]) -> Gradients:
    """The gradients that a user's rule gave, one for each tensor operand and of its type."""
    grads = list(found) if isinstance(found, (list, tuple)) else [found]
    if len(grads) != len(operands):
        raise error(
            f"a gradient function must return one gradient for each of {len(operands)} tensors, "
            f"got {len(grads)}"
        )
    made = [None if g is None else as_tensor(g) for g in grads]
    for grad, operand in zip(made, operands):
        if grad is not None and grad.type != operand.type:
            raise error(f"a gradient must have its tensor's type {operand.type}, got {grad.type}")
    return made
