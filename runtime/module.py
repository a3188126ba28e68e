"""A compiled model as a Python callable.

    module = load("resnet18.so")
    logits = module(images)              # by position
    logits = module(images=images)       # by name
    module(images, out=logits)           # into the caller's array

A call checks everything that a caller can get wrong before the library runs.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tyc.runtime.abi import ALIGNMENT
from tyc.runtime.arguments import as_input, as_outputs, bind, check_overlap, fits, positions
from tyc.runtime.errors import InternalError, UserError
from tyc.runtime.library import Library, Weights, default_threads, thread_pool
from tyc.runtime.memory import Workspace, address, address_of_dense
from tyc.runtime.signature import TensorSpec, read_specs, result_type


class WorkspaceLike(Protocol):
    """Memory that a module may be told to work in."""

    address: int
    nbytes: int


def load(path: str | os.PathLike[str], threads: int | None = None) -> Module:
    """Loads a library that `tyc compile` wrote.

    `threads` is how many threads a call uses, the calling one counted; by default TYC_NUM_THREADS,
    or else all CPUs that this process may run on. Results do not depend on it.
    """
    if threads is None:
        threads = default_threads()
    elif isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise UserError(
            f"threads must be a positive number, got {threads!r}", hint="or leave it out"
        )
    return Module(Library(Path(path)), threads)


class _Frame:
    """What a thread needs for its calls, made once: pointer arrays and a workspace."""

    __slots__ = ("address", "checked", "inputs", "outputs", "workspace")

    def __init__(self, num_inputs: int, num_outputs: int, workspace: WorkspaceLike) -> None:
        self.inputs = (ctypes.c_void_p * num_inputs)()
        self.outputs = (ctypes.c_void_p * num_outputs)()
        self.workspace = workspace
        self.address = ctypes.c_void_p(workspace.address)
        self.checked: tuple[list[int], list[int]] | None = None


class Module:
    """A compiled model, callable from any number of threads at once.

    Each thread gets a workspace of its own at its first call, and keeps it.
    """

    def __init__(self, library: Library, threads: int) -> None:
        self.name: str = library.name
        self.manifest: dict[str, Any] = library.manifest
        self.inputs: list[TensorSpec] = read_specs(self.manifest["inputs"], str(library.path))
        self.outputs: list[TensorSpec] = read_specs(self.manifest["outputs"], str(library.path))
        self.workspace_bytes: int = library.workspace_bytes
        self.threads = threads
        self._library = library
        self._run = library.run
        self._executor = thread_pool(library, threads)
        self._weights = _map_weights(library)
        self._input_types = [(spec.numpy_dtype, spec.shape) for spec in self.inputs]
        self._output_types = [(spec.numpy_dtype, spec.shape) for spec in self.outputs]
        self._updates = any(spec.updated for spec in self.inputs)
        self._positions = positions(self.inputs)
        self._result = result_type(self.name, self.outputs)
        self._local = threading.local()
        self._call: Callable[[Sequence[np.ndarray], int], list[np.ndarray] | int] | None = None

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """Runs the model on arrays given in order or by name; gives an array, or a named tuple.

        `out` may be an array (for one output), a sequence, or a dictionary that names some outputs.
        """
        arrays = self._arrays(args, kwargs)
        if out is None:
            results = [np.empty(shape, dtype) for dtype, shape in self._output_types]
        else:
            results = as_outputs(self.name, self.outputs, out)
        self._invoke(arrays, results, check=out is not None or self._updates)
        return results[0] if len(results) == 1 else self._result(*results)

    def initialize(self) -> dict[str, np.ndarray]:
        """New arrays with the initial values of a step's state, by the names of the inputs.

        state = module.initialize()
        loss = module(image, label, **state)     # updates the arrays
        """
        state = {s.name: np.empty(s.shape, s.numpy_dtype) for s in self.inputs if s.initialized}
        if state:
            count = len(self.inputs)
            external = [self._weights.address] if self._weights is not None else []
            pointers = (ctypes.c_void_p * (count + len(external)))()
            for i, spec in enumerate(self.inputs):
                if spec.initialized:
                    pointers[i] = address(state[spec.name])
            pointers[count:] = external
            self._check(self._library.function("initialize")(pointers))
        return state

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for arrays of the inputs' types, in order: what a call does, for callers that
        call small models often and have checked the types. Arrays that are not dense are copied."""
        frame = self._frame()
        if self._call is not None:
            made = self._call(arrays, frame.workspace.address)
            if type(made) is list:
                return made
        inputs, outputs, results = frame.inputs, frame.outputs, []
        for i, (dtype, shape) in enumerate(self._output_types):
            made = np.empty(shape, dtype)
            outputs[i] = address(made)
            results.append(made)
        try:
            for i, array in enumerate(arrays):
                inputs[i] = address_of_dense(array)
        except (TypeError, ValueError, BufferError):
            # Each copy has a name for as long as the library reads it.
            dense = self._arrays(tuple(arrays), {})
            inputs[: len(dense)] = [*map(address, dense)]
        status = self._run(inputs, outputs, frame.address, self._executor)
        if status:
            self._check(status)
        return results

    def use_call(self, call: Callable[..., list[np.ndarray] | int]) -> None:
        """Makes `run` use `call(empty, arguments, inputs, run, workspace, executor)`: a list of
        `empty(*arguments[i])` for each output, after the function at address `run` has filled them,
        or a number where it cannot: then `run` does what it does without."""
        if self._weights is None:
            made = [(shape, dtype) for dtype, shape in self._output_types]
            run = ctypes.cast(self._run, ctypes.c_void_p).value
            executor = self._executor or 0

            def short(arrays: Sequence[np.ndarray], workspace: int) -> list[np.ndarray] | int:
                return call(np.empty, made, arrays, run, workspace, executor)

            self._call = short

    def profile(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Runs the model once, as a call does. Gives the time in nanoseconds before the first of
        the manifest's steps, and after each one. Raises `UserError` for a stripped library without
        the file beside it, as nothing else says how many steps there are."""
        if "steps" not in self.manifest:
            raise UserError(
                "a stripped library's steps stand in the manifest beside it, got none",
                node=str(self._library.path),
                hint="keep the .json that `tyc compile` wrote, or compile without --strip",
            )
        times = np.zeros(len(self.manifest["steps"]) + 1, np.int64)
        results = [np.empty(shape, dtype) for dtype, shape in self._output_types]
        pointers = self._pointers(self._arrays(args, kwargs), results)
        self._check(self._timed(*pointers, address(times)))
        return times

    @cached_property
    def _timed(self) -> Any:
        return self._library.function("profile")

    def use_workspace(self, workspace: WorkspaceLike) -> None:
        """Makes the calling thread's next calls work in memory of the caller's."""
        if workspace.nbytes < self.workspace_bytes or workspace.address % ALIGNMENT:
            raise UserError(
                f"workspace must be {self.workspace_bytes} bytes or more and {ALIGNMENT}-byte "
                f"aligned, got {workspace.nbytes} bytes at {workspace.address:#x}",
                node=self.name,
                hint="make one: tyc.runtime.memory.Workspace(module.workspace_bytes)",
            )
        self._local.frame = self._new_frame(workspace)

    def __repr__(self) -> str:
        inputs = ", ".join(map(str, self.inputs))
        outputs = ", ".join(map(str, self.outputs))
        return f"<tyc module {self.name}({inputs}) -> ({outputs})>"

    def _arrays(self, args: tuple, kwargs: dict[str, Any]) -> list[np.ndarray]:
        """The inputs in order, each as the library can read it."""
        if kwargs or len(args) != len(self._input_types):
            args = tuple(bind(self.name, self.inputs, self._positions, args, kwargs))
        return [
            value if fits(value, *self._input_types[i]) else as_input(self.name, spec, value)
            for i, (value, spec) in enumerate(zip(args, self.inputs))
        ]

    def _invoke(self, arrays: list[np.ndarray], results: list[np.ndarray], check: bool) -> None:
        self._check(self._run(*self._pointers(arrays, results, check)))

    def _pointers(
        self, arrays: list[np.ndarray], results: list[np.ndarray], check: bool = False
    ) -> tuple[Any, ...]:
        """The arguments of the library's functions: inputs, outputs, workspace, executor."""
        frame = self._frame()
        inputs, outputs = [*map(address, arrays)], [*map(address, results)]
        # A loop that reuses its arrays, as training does, is checked once.
        if check and frame.checked != (inputs, outputs):
            check_overlap(
                self.name, list(zip(self.inputs, inputs)), list(zip(self.outputs, outputs))
            )
            frame.checked = (inputs, outputs)
        frame.inputs[: len(inputs)] = inputs
        frame.outputs[:] = outputs
        return frame.inputs, frame.outputs, frame.address, self._executor

    def _check(self, status: int) -> None:
        if status:
            # Everything that a caller can get wrong was checked before.
            raise InternalError(
                f"run must succeed, got status {status}: {self._library.status_message(status)}",
                node=self.name,
            )

    def _frame(self) -> _Frame:
        try:
            return self._local.frame
        except AttributeError:
            frame = self._local.frame = self._new_frame(Workspace(self.workspace_bytes))
            return frame

    def _new_frame(self, workspace: WorkspaceLike) -> _Frame:
        external = self._weights is not None
        frame = _Frame(len(self.inputs) + external, len(self.outputs), workspace)
        if self._weights is not None:
            frame.inputs[len(self.inputs)] = self._weights.address
        return frame


def _map_weights(library: Library) -> Weights | None:
    weights = library.manifest.get("weights") or {}
    return Weights(library, weights["file"]) if weights.get("kind") == "external" else None
