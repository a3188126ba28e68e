"""One case through the importer and the interpreter or the compiler: what came of it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import tyc.onnx
from tyc.runtime.errors import TycError, UserError

_NEEDS = re.compile(r"must be known at compile time, got .*the graph inputs? ([^ ].*)$")


@dataclass
class Outcome:
    """`status` is ok, mismatch, unsupported (our own error), error, crash or timeout.

    `fixed` are the inputs whose values the model had to know at compile time.
    """

    name: str
    status: str
    detail: str = ""
    fixed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The outcome as JSON takes it."""
        return asdict(self)


Runner = Callable[[Any, list[np.ndarray]], list[np.ndarray]]


def execute(case: Any, mode: str) -> Outcome:
    """Runs a case; every Python exception becomes an outcome."""
    fixed: dict[str, np.ndarray] = {}
    try:
        for inputs, expected in case.data:
            program, fixed = import_case(case, inputs)
            names = [i.name for i in onnx.ModelProto.FromString(case.model).graph.input]
            given = dict(zip(names, inputs))
            got = RUNNERS[mode](program, [given[name] for name, _ in program.inputs])
            problem = compare(got, expected, case.rtol, case.atol)
            if problem:
                return Outcome(case.name, "mismatch", problem, tuple(fixed))
    except UserError as error:
        return Outcome(case.name, "unsupported", str(error), tuple(fixed))
    except Exception as error:
        text = f"{type(error).__name__}: {error}" if not isinstance(error, TycError) else str(error)
        return Outcome(case.name, "error", text[:500], tuple(fixed))
    return Outcome(case.name, "ok", "", tuple(fixed))


def import_case(case: Any, inputs: list[Any]) -> tuple[Any, dict[str, np.ndarray]]:
    """The program of a case; an input that only a static compiler needs early is fixed."""
    model = onnx.ModelProto.FromString(case.model)
    given = {i.name: v for i, v in zip(model.graph.input, inputs)}
    arrays = {k: v for k, v in given.items() if isinstance(v, np.ndarray)}
    fixed: dict[str, np.ndarray] = {}
    while True:
        shapes = {k: v.shape for k, v in arrays.items() if k not in fixed}
        try:
            return tyc.onnx.load(model, shapes, constants=fixed), fixed
        except UserError as error:
            needed = _NEEDS.search(error.message)
            names = re.findall(r"'(\w+)'", needed[1]) if needed else []
            if not names or any(n in fixed or not _parameter_like(arrays.get(n)) for n in names):
                raise
            fixed.update((name, arrays[name]) for name in names)


def _parameter_like(value: Any) -> bool:
    """Shapes, axes and other settings are short vectors; data are not fixed."""
    return isinstance(value, np.ndarray) and value.ndim <= 1 and value.size <= 64


def interpret(program: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """By the ops' NumPy references."""
    from tyc.dialects import interpreter

    with program.module.context:
        program.module.operation.verify()
        return interpreter.run(program, inputs)


def interpret_fused(program: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """By the references again, after all stages that rewrite the program."""
    from tyc.compiler.options import Options
    from tyc.compiler.pipeline import Compilation
    from tyc.compiler.targets import host

    Compilation(program, host(), Options()).run_program_stages()
    return interpret(program, inputs)


def compile_and_run(program: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """By the compiler, on the machine at hand."""
    from tyc.compiler.pipeline import compile_program
    from tyc.runtime import load

    with tempfile.TemporaryDirectory(prefix="tyc-node-") as folder:
        # A fresh folder for each: dlopen takes a path that it knows for the library it has.
        path = Path(folder) / "model.so"
        compile_program(program, path)
        result = load(path)(*inputs)
    return list(result) if isinstance(result, tuple) else [result]


RUNNERS: dict[str, Runner] = {
    "interpreter": interpret,
    "fused": interpret_fused,
    "compiled": compile_and_run,
}


_UNITS = {"float16": 2e-3, "bfloat16": 1.6e-2}


def compare(got: list[Any], expected: list[Any], rtol: float, atol: float) -> str:
    """What differs, or nothing."""
    if len(got) != len(expected):
        return f"{len(expected)} outputs expected, got {len(got)}"
    for index, (y, want) in enumerate(zip(got, expected)):
        y, want = np.asarray(y), np.asarray(want)
        if y.shape != want.shape or y.dtype != want.dtype:
            return f"output {index}: {want.dtype}{want.shape} expected, got {y.dtype}{y.shape}"
        exact = want.dtype.kind in "biu"
        # The suite's tolerance is below one unit of the last place of 16-bit floats.
        if (unit := _UNITS.get(want.dtype.name)) is not None:
            rtol, atol = max(rtol, unit), max(atol, unit)
        a, b = (y, want) if exact else (y.astype(np.float64), want.astype(np.float64))
        close = a == b if exact else np.isclose(a, b, rtol, max(atol, 1e-7), equal_nan=True)
        if not close.all():
            return f"output {index}: {int((~close).sum())} of {close.size} differ"
    return ""
