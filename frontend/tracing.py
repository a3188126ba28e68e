"""`trace`: a function of tensors, recorded once for each signature and compiled.

    @tyc.trace
    def step(x, y):
        return ((x - y) ** 2).mean()

    step(x, y)                     # records, compiles and runs; later calls only run
    step.ir(x, y)                  # the program as text
    step.compile("step.so", x, y)  # a library that needs no Python

The function runs in Python, on tensors that have a type but no value: loops over Python values
unroll, conditions on tensors are errors. Numbers, strings and None among the arguments belong to
the signature. Parameters and buffers of modules are read at each call, so that training between
calls is seen; a compiled file holds their values as constants.
"""

from __future__ import annotations

import functools
import inspect
import tempfile
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tyc.compiler.options import Options, parse_budget
from tyc.frames import error
from tyc.nn.module import Module
from tyc.runtime import load
from tyc.runtime.errors import UserError
from tyc.state import STATE
from tyc.structure import Spec, flatten, unflatten
from tyc.tensors import Tensor

if TYPE_CHECKING:
    from tyc.compiler.artifact import Artifact
    from tyc.dialects.program import Program
    from tyc.recording import Captured, Recorder
    from tyc.slots import Slot


@dataclass(frozen=True)
class _Variant:
    """The function compiled for one signature, and for one state of what it reads and changes."""

    run: Callable[[list[np.ndarray]], list[np.ndarray]]
    outputs: Spec
    count: int
    captured: list[Captured]
    results: list[Slot]
    cleared: list[Slot]
    absent: list[Slot]
    modes: list[tuple[Module, bool]]

    def is_valid(self) -> bool:
        """False once a module went from `train` to `eval`, a parameter changed its type, or a
        gradient came or went."""
        return (
            all(m.training is mode for m, mode in self.modes)
            and all(c.fits() for c in self.captured)
            and all(s.read() is None for s in self.absent)
        )

    def __call__(self, leaves: list[np.ndarray]) -> Any:
        """The function's results; what it changes is changed."""
        arrays = leaves + [_array(c) for c in self.captured]
        made = self.run(arrays)
        for slot, array in zip(self.results, made[self.count :]):
            slot.write(array)
        for slot in self.cleared:
            slot.write(None)
        return unflatten(self.outputs, iter([Tensor(r) for r in made[: self.count]]))


def _array(captured: Captured) -> np.ndarray:
    if captured.slot is not None:
        return captured.slot.own()
    tensor = captured.read()
    assert tensor is not None
    return tensor.array()


class Traced:
    """A function, method or module that runs compiled. See `trace`."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.function = function
        self.options = options
        self.name = _name_of(function)
        self._variants: dict[Any, list[_Variant]] = {}
        self._signature = inspect.signature(getattr(function, "forward", function))
        functools.update_wrapper(self, function, updated=())

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Binds a traced method to its object, once for each object."""
        if instance is None:
            return self
        bound = Traced(types.MethodType(self.function, instance), self.options)
        instance.__dict__[self.function.__name__] = bound
        return bound

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result, computed by the compiled program."""
        if STATE.recorder is not None:
            return self.function(*args, **kwargs)
        leaves, spec = self._flatten(args, kwargs)
        variant = self._variant(spec, leaves)
        if STATE.tapes:
            self._check_tapes([t for _, t in leaves] + [c.read() for c in variant.captured])
        return variant([t.array() for _, t in leaves])

    def _check_tapes(self, tensors: list[Tensor | None]) -> None:
        """Refuses a call through which gradients would have to go."""
        for tape in STATE.tapes:
            if any(t is not None and t._serial in tape.tracked for t in tensors):
                raise error(
                    "a traced function has no gradient outside of its trace",
                    "call backward inside of it, or trace the function that does",
                    self.name,
                )

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """The program for arguments like these, with the parameters' values beside it."""
        leaves, spec = self._flatten(args, kwargs)
        return self._record(spec, leaves, bake=True)[0]

    def ir(self, *args: Any, **kwargs: Any) -> str:
        """The recorded program as text in the `ty` dialect."""
        return str(self.program(*args, **kwargs).module)

    def compile(self, path: str | Path, *args: Any, **kwargs: Any) -> Artifact:
        """Writes a library for arguments like these, with the parameters as constants in it."""
        return compile_program(self.program(*args, **kwargs), path, self.options)

    def __repr__(self) -> str:
        return f"<tyc trace of {self.name}>"

    def _flatten(self, args: Any, kwargs: Any) -> tuple[list[tuple[str, Tensor]], Spec]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as raised:
            raise error(str(raised), node=self.name) from None
        bound.apply_defaults()
        leaves, children = [], []
        for name, value in bound.arguments.items():
            found, spec = flatten(value, name)
            leaves += found
            children.append(spec)
        return leaves, Spec(dict, tuple(bound.arguments), tuple(children))

    def _variant(self, spec: Spec, leaves: list[tuple[str, Tensor]]) -> _Variant:
        known = self._variants.setdefault(spec, [])
        for variant in known:
            if variant.is_valid():
                return variant
        freeze = bool(self.options.get("freeze"))
        program, outputs, recorder = self._record(spec, leaves, bake=freeze)
        variant = _Variant(
            executable(program, self.options),
            outputs,
            len(program.outputs) - len(recorder.results),
            recorder.captured,
            recorder.results,
            recorder.cleared,
            recorder.absent,
            list(recorder.modules.items()),
        )
        known.append(variant)
        return variant

    def _record(
        self, spec: Spec, leaves: list[tuple[str, Tensor]], bake: bool
    ) -> tuple[Program, Spec, Recorder]:
        from tyc.recording import Recorder

        recorder = Recorder(bake)
        owner = getattr(self.function, "__self__", self.function)
        if isinstance(owner, Module):
            recorder.enter(owner)
        inputs = [recorder.input(name, tensor.type) for name, tensor in leaves]
        with _recording(recorder):
            result = self._call(unflatten(spec, iter(inputs)))
            outputs, output_spec = flatten(result, "output")
            program = recorder.finish(outputs, self.name)
        if not program.outputs:
            raise error("a traced function must return or change tensors", node=self.name)
        return program, output_spec, recorder

    def _call(self, arguments: dict[str, Any]) -> Any:
        bound = inspect.BoundArguments(self._signature, OrderedDict(arguments))
        return self.function(*bound.args, **bound.kwargs)


@contextmanager
def _recording(recorder: Recorder) -> Iterator[None]:
    tapes = STATE.tapes
    STATE.recorder, STATE.tapes = recorder, ()
    try:
        yield
    finally:
        STATE.recorder, STATE.tapes = None, tapes
        recorder.close()


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return "".join(c if c.isalnum() else "_" for c in name).strip("_") or "model"


@overload
def trace(function: Callable[..., Any], /, **options: Any) -> Traced: ...
@overload
def trace(function: None = None, /, **options: Any) -> Callable[[Callable[..., Any]], Traced]: ...
def trace(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """A compiled version of a function, a method or a module: `@trace`, `@trace(exact=True)`.

    Options are `target` (a triple or a `Target`), the fields of `tyc.compiler.options.Options`,
    `memory_budget` as bytes, a share or text (`"256MiB"`, `"50%"`, `"auto"`),
    `freeze`: parameters are constants, which is faster, but later changes of them are not seen, and
    `tuned`: files of `tyc tune`.
    """
    if function is None:
        return lambda f: trace(f, **options)
    known = _options()
    if unknown := sorted(options.keys() - known):
        names = f"{', '.join(known[:-1])} and {known[-1]}"
        raise error(f"trace takes the options {names}, got {', '.join(unknown)}")
    if not callable(function):
        raise error(f"trace takes a function or a module, got {type(function).__name__}")
    return Traced(function, _budget(options))


def _budget(options: dict[str, Any]) -> dict[str, Any]:
    """The options with a budget in words (`"256MiB"`, `"50%"`) as a number."""
    text = options.get("memory_budget")
    if not isinstance(text, str):
        return options
    try:
        return {**options, "memory_budget": parse_budget(text)}
    except UserError as raised:
        raise error(raised.message, raised.hint) from None


def _options() -> list[str]:
    return [*(f.name for f in fields(Options)), "freeze", "target", "tuned"]


def compile(
    function: Callable[..., Any] | Program, path: str | Path, *args: Any, **options: Any
) -> Artifact:
    """Writes a library for a function, a module (with example arguments `args`) or a program."""
    from tyc.dialects.program import Program

    if isinstance(function, Program):
        return compile_program(function, path, options)
    traced = function if isinstance(function, Traced) else trace(function)
    return compile_program(traced.program(*args), path, {**traced.options, **options})


def compile_program(program: Program, path: str | Path, options: dict[str, Any]) -> Artifact:
    """Writes the library of a program; options as `trace` takes them."""
    from tyc.compiler import pipeline, targets

    own, options = {f.name for f in fields(Options)}, _budget(options)
    target = options.get("target")
    if isinstance(target, str):
        target = targets.find(target)
    chosen = Options(**{k: v for k, v in options.items() if k in own})
    tuned = options.get("tuned", ())
    return pipeline.compile_program(program, path, target, chosen, tuned=tuned)


def executable(
    program: Program, options: dict[str, Any]
) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    """The compiled program as a function of arrays; new values of inputs stand in their arrays."""
    updates = program.updates
    places = {name: i for i, (name, _) in enumerate(program.inputs)}
    sources = [places[updates[n]] if n in updates else -1 for n in program.output_names]
    # A loaded library lives on without its file.
    with tempfile.TemporaryDirectory(prefix="tyc-") as folder:
        written = compile_program(program, Path(folder) / f"{program.name}.so", options)
        module = load(written.library)

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        made = module(*arrays)
        results = iter(made if isinstance(made, tuple) else (made,))
        return [next(results) if i < 0 else arrays[i] for i in sources]

    return run
