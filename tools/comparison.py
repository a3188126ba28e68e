"""Each kernel call of a program, compiled, on the inputs that the reference computes for it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.codegen.jit import Task
from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.pipeline import Compilation
from tyc.compiler.schedules.kernel import Packing, memory_shapes
from tyc.compiler.transforms.place_parts import functions_of
from tyc.dialects import interpreter
from tyc.dialects.locations import origin
from tyc.dialects.program import Program
from tyc.dialects.types import type_of_array
from tyc.tools.arrays import given_inputs, relative_error
from tyc.tools.console import Progress
from tyc.tools.textual import functions

_LOOSER = {"f64": 1e-4, "f16": 100.0, "bf16": 1000.0}
"""How much the tolerance of an element type is that of f32."""


def compare(
    run: Compilation, texts: Sequence[str], tolerance: float, everything: bool
) -> list[dict[str, Any]]:
    """A row for each kernel call in order, up to the first that differs unless `everything`."""
    program = run.program
    specs = [(n, t.dtype.numpy, t.shape) for n, t in program.inputs]
    given = list(given_inputs(specs, texts).values())
    total = sum(o.name == "func.call" for o in program.operations())
    with program.module.context, ir.Location.unknown(), Progress("comparing") as progress:
        comparer = _Comparer(run, tolerance, everything)
        comparer.values.update(zip(program.block.arguments, given))

        def observe(operation: ir.Operation, results: list[np.ndarray]) -> None:
            progress.step("kernels", len(comparer.rows), total)
            comparer.see(operation, results)

        # After the first that differs, the reference of what follows is of no more interest.
        with contextlib.suppress(_Found):
            interpreter.run(program, given, observe)
    return comparer.rows


class _Found(Exception):
    """The first kernel that differs was found."""


class _Comparer:
    """Sees every operation of the reference run; runs the kernel of each call."""

    def __init__(self, run: Compilation, tolerance: float, everything: bool) -> None:
        self.run, self.tolerance, self.everything = run, tolerance, everything
        self.values: dict[ir.Value, np.ndarray] = {}
        self.rows: list[dict[str, Any]] = []
        self.tasks: dict[str, Task] = {}
        self.ops = _ops_of_kernels(run.program)
        self.main = run.program.main
        self.functions = functions_of(run.program)

    def see(self, operation: ir.Operation, results: list[np.ndarray]) -> None:
        """Notes the values of main; compares where the operation is a call."""
        if operation.parent != self.main:
            return
        self.values.update(zip(operation.results, results))
        if operation.name == "func.call":
            row = self._call(operation, results)
            self.rows.append(row)
            if row["differs"] and not self.everything:
                raise _Found

    def _call(self, operation: ir.Operation, wanted: list[np.ndarray]) -> dict[str, Any]:
        name = ir.FlatSymbolRefAttr(operation.attributes["callee"]).value
        inputs = [self.values[v] for v in operation.operands]
        got = self._execute(self.run.kernels[name], inputs, wanted)
        facts = [self._compared(i, a, b) for i, (a, b) in enumerate(zip(got, wanted))]
        worst = next((f for f in facts if f["differs"]), max(facts, key=lambda f: f["relative"]))
        return {
            "kernel": name,
            "call": len(self.rows) + 1,
            "origin": origin(operation.location),
            "ops": self.ops[name],
            **worst,
        }

    def _execute(
        self, kernel: CompiledKernel, inputs: list[np.ndarray], wanted: list[np.ndarray]
    ) -> list[np.ndarray]:
        if kernel.name not in self.tasks:
            self.tasks[kernel.name] = Task(kernel.code, kernel.name)
        shapes = memory_shapes(self.functions[kernel.name])
        outputs = [np.empty(s, w.dtype) for s, w in zip(shapes[len(inputs) :], wanted)]
        arrays = [
            Packing.from_json(kernel.packings[i]).apply(a)
            if i in kernel.packings
            else np.ascontiguousarray(_within(a, shapes[i]))
            for i, a in enumerate(inputs)
        ]
        self.tasks[kernel.name]([*arrays, *outputs], 0, kernel.count)
        return [o[tuple(map(slice, w.shape))] for o, w in zip(outputs, wanted)]

    def _compared(self, number: int, got: np.ndarray, want: np.ndarray) -> dict[str, Any]:
        kind = type_of_array(want)
        factor = _LOOSER.get(kind.dtype.name, 1.0) if kind.dtype.is_float else 0.0
        relative = relative_error(got, want)
        facts = {
            "output": number,
            "type": str(kind),
            "relative": relative,
            "differs": relative > self.tolerance * factor,
        }
        return {**facts, **_first_difference(got, want, self.tolerance * factor)}


def _within(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The array as the first part of a larger one."""
    return np.pad(array, [(0, n - own) for n, own in zip(shape, array.shape)])


def _first_difference(got: np.ndarray, want: np.ndarray, allowed: float) -> dict[str, Any]:
    """Where the first element is that is off by more than the allowed part of the greatest one."""
    a, b = got.astype(np.float64), want.astype(np.float64)
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max()) if finite.size else 0.0
    with np.errstate(invalid="ignore"):
        distance = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    off = ~(distance <= allowed * scale)
    worst = float(distance.max()) if distance.size else 0.0
    if not off.any():
        return {"absolute": worst, "index": None, "got": None, "want": None}
    index = tuple(int(i) for i in np.argwhere(off)[0])
    return {
        "absolute": worst,
        "index": list(index),
        "got": float(a[index]),
        "want": float(b[index]),
    }


def _ops_of_kernels(program: Program) -> dict[str, list[str]]:
    """The ops of each function by its name."""
    return {
        ir.StringAttr(f.attributes["sym_name"]).value: [
            o.operation.name
            for o in f.regions[0].blocks[0].operations
            if o.operation.name != "func.return"
        ]
        for f in functions(program.module)
    }
