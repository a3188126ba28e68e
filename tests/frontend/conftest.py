"""NumPy's reference runs ops and programs here; test_compiled.py has the real compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from mlir import ir

import tyc.dispatch
import tyc.tape
import tyc.tracing
from tyc import random
from tyc.dialects import interpreter
from tyc.dialects.types import type_of_array
from tyc.recording import context


def _type(operand: Any) -> Any:
    if operand is None:
        return None
    return [_type(o) for o in operand] if isinstance(operand, list) else type_of_array(operand)


def _kernel(op: Any, arrays: Any, attributes: Any) -> list[np.ndarray]:
    _, attributes = op.bind(arrays, attributes)
    with context(), ir.Location.unknown():
        op.infer(*map(_type, arrays), **attributes)
    return [np.asarray(r) for r in interpreter.evaluate(op, arrays, attributes)]


def _recipe(made: Any, values: Any) -> list[Any]:
    found = dict(values)
    arrays = [values[n] for n in made.inputs]
    found.update(zip(made.computed, map(np.asarray, interpreter.run(made.program, arrays))))
    return [None if n is None else found[n] for n in made.outputs]


def _executable(program: Any, options: Any) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    return lambda arrays: [np.asarray(r) for r in interpreter.run(program, arrays)]


@pytest.fixture(autouse=True)
def reference(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The interpreter in the compiler's place, but for tests that ask for `compiled`."""
    if "compiled" not in request.fixturenames:
        monkeypatch.setattr(tyc.dispatch, "kernel", _kernel)
        monkeypatch.setattr(tyc.tape, "run_recipe", _recipe)
        monkeypatch.setattr(tyc.tracing, "executable", _executable)
    random.seed(0)
    yield


@pytest.fixture
def compiled() -> None:
    """Asks for the real compiler."""
