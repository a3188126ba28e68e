"""Computes at compile time what depends on nothing but constants.

    %w = "ty.parameter"() {name = "w"}           %0 = "ty.parameter"() {name = "w~1"}
    %0 = "ty.transpose"(%w) {perm = [1, 0]}

(R1) In exact mode only data movement, whole numbers and casts that lose nothing are computed.
(R2) A result that is much larger than its operands stays an op: it would only fill the artifact.
(R3) A transpose of the last two dimensions that only matrix products read stays: it becomes a flag
     of theirs and costs no second copy of the weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.rewriting import replace, users
from tyc.compiler.transforms.constants import Context, is_known
from tyc.dialects import building, interpreter
from tyc.dialects.ods import Op
from tyc.dialects.program import Program
from tyc.dialects.types import DType, TensorType, dtype, type_of_array
from tyc.runtime.errors import InternalError

_MOVEMENT = {
    "reshape", "transpose", "broadcast_to", "slice", "concat", "tile", "reverse", "triangular",
    "pad", "dilate", "gather", "gather_elements", "gather_nd", "depth_to_space", "space_to_depth",
    "where", "one_hot", "iota",
}  # fmt: skip
_NEVER = ("ty.constant", "ty.parameter", "ty.full")
_LARGE_BYTES = 64 * 1024
_MANTISSA = {"f64": 53, "f32": 24, "f16": 11, "bf16": 8}


def fold_constants(program: Program, options: Options) -> bool:
    """Replaces ops on constants by constants; true where there was one."""
    changed = False
    context = Context(program, options)
    for operation in list(program.operations()):
        if operation.name in _NEVER:
            continue
        if not all(map(is_known, operation.operands)):
            continue
        op = building.view(operation)
        if type(op).pure and _is_wanted(op, context):
            _fold(op, context)
            changed = True
    return changed


def _is_wanted(op: Op, context: Context) -> bool:
    if not hasattr(type(op), "reference") or _is_flag_of_matmul(op):  # R3
        return False
    results = [building.type_of(r) for r in op.operation.results]
    operands = [building.type_of(v) for v in op.operation.operands]
    if context.options.exact and not _is_exact(op, operands, results):  # R1
        return False
    given = sum(t.nbytes for t in operands)
    made = sum(t.nbytes for t in results)
    return made <= _LARGE_BYTES or made <= 2 * given  # R2


def _is_flag_of_matmul(op: Any) -> bool:
    if op.NAME != "transpose":
        return False
    rank = len(op.perm)
    swaps = rank >= 2 and list(op.perm) == [*range(rank - 2), rank - 1, rank - 2]
    return swaps and all(u.name == "ty.matmul" for u in users(op.y))


def _is_exact(op: Any, operands: list[TensorType], results: list[TensorType]) -> bool:
    if op.NAME in _MOVEMENT:
        return True
    if op.NAME == "cast":
        return represents(operands[0].dtype, dtype(op.to))
    return not any(t.dtype.is_float for t in (*operands, *results))


def represents(source: DType, target: DType) -> bool:
    """True where every number of `source` is one of `target`."""
    if source == target or source.kind == "bool":
        return True
    if source.is_integer and target.is_integer:
        low, high = np.iinfo(source.numpy), np.iinfo(target.numpy)
        return high.min <= low.min and low.max <= high.max
    if source.is_integer and target.is_float:
        return source.bits - (source.kind == "int") <= _MANTISSA[target.name]
    # bf16 has the exponents of f32, f16 fewer: neither holds the other.
    return source.is_float and target.is_float and target.bits > source.bits


def _fold(op: Op, context: Context) -> None:
    operands = [
        None if o is None else [context.array(v) for v in o] if isinstance(o, list)
        else context.array(o)
        for o in building.operands_of(op)
    ]  # fmt: skip
    results = interpreter.evaluate(type(op), operands, building.attributes_of(op))
    made = [type_of_array(r) for r in results]
    if made != (types := [building.type_of(r) for r in op.operation.results]):
        raise InternalError(f"reference of ty.{op.NAME} gave {made}, inferred {types}")
    stems = [s for v in op.operation.operands if (s := context.stem(v)) != "folded"]
    stem = stems[0] if stems else f"folded_{op.NAME}"
    with ir.InsertionPoint(op.operation), op.operation.location:
        values = [context.constant(r, stem) for r in results]
    replace(op.operation, values)
