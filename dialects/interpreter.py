"""The meaning of a program: every op's NumPy `reference`, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects.building import attributes_of, operands_of, view
from tyc.dialects.ods import Op
from tyc.dialects.program import Program

Observer = Callable[[ir.Operation, list[np.ndarray]], None]


def evaluate(op: type[Op], operands: Sequence[Any], attributes: Mapping[str, Any]) -> list:
    """The results of one op on arrays (a list of arrays for a variadic operand)."""
    with np.errstate(all="ignore"):
        result = op.reference(*operands, **attributes)
    results = result if isinstance(result, (list, tuple)) else [result]
    # NumPy turns rank-0 arrays into scalars; a value is always an array.
    return [np.asarray(r) for r in results]


def run_block(
    block: ir.Block,
    inputs: Sequence[np.ndarray],
    parameters: Mapping[str, np.ndarray],
    observer: Observer | None = None,
    functions: Mapping[str, ir.Operation] | None = None,
) -> list[np.ndarray]:
    """The operands of the block's terminator. `observer` sees every operation with its results;
    `func.call` runs the function of that name in `functions`."""
    values: dict[ir.Value, np.ndarray] = dict(zip(block.arguments, inputs))
    for op in block.operations:
        operation = op.operation
        if operation.name == "func.return":
            return [values[v] for v in operation.operands]
        if operation.name == "func.call":
            callee = (functions or {})[ir.FlatSymbolRefAttr(operation.attributes["callee"]).value]
            arguments = [values[v] for v in operation.operands]
            inner = callee.regions[0].blocks[0]
            results = run_block(inner, arguments, parameters, observer, functions)
        else:
            results = _run_operation(operation, values, parameters)
        values.update(zip(operation.results, results))
        if observer is not None:
            observer(operation, results)
    return []


def _run_operation(
    operation: ir.Operation, values: dict[ir.Value, np.ndarray], parameters: Mapping
) -> list[np.ndarray]:
    instance = view(operation)
    if instance.NAME == "parameter":
        return [parameters[attributes_of(instance)["name"]]]
    arguments = [
        None if o is None else [values[v] for v in o] if isinstance(o, list) else values[o]
        for o in operands_of(instance)
    ]
    return evaluate(type(instance), arguments, attributes_of(instance))


def run(
    program: Program, inputs: Sequence[np.ndarray], observer: Observer | None = None
) -> list[np.ndarray]:
    """The outputs of a program on arrays in the order of its inputs."""
    functions = {
        ir.StringAttr(op.attributes["sym_name"]).value: op.operation
        for op in program.module.body.operations
        if op.operation.name == "func.func"
    }
    return run_block(program.block, inputs, program.parameters, observer, functions)
