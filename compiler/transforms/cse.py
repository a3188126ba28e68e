"""Computes equal expressions once, and keeps equal parameters once.

    %0 = "ty.exp"(%x)                        %0 = "ty.exp"(%x)
    %1 = "ty.exp"(%x)                        %2 = "ty.add"(%0, %0)
    %2 = "ty.add"(%0, %1)

Parameters are equal where their bytes are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

import numpy as np
from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.rewriting import replace
from tyc.dialects import building
from tyc.dialects.program import Program

_SAMPLES = 1024


def cse(program: Program, options: Options) -> bool:
    """Replaces an operation by an earlier one of equal name, operands and attributes; true where
    there was one."""
    changed = False
    names = _equal_parameters(program)
    known: dict[Hashable, ir.Operation] = {}
    for operation in list(program.operations()):
        op = building.op_class(operation)
        if op is None or not op.pure:
            continue
        key = _key(operation, names)
        if key in known:
            replace(operation, list(known[key].results))
            changed = True
        else:
            known[key] = operation
    return changed


def _key(operation: ir.Operation, names: dict[str, str]) -> Hashable:
    attributes = operation.attributes
    if operation.name == "ty.parameter":
        name = ir.StringAttr(attributes["name"]).value
        return operation.name, names.get(name, name)
    pairs = tuple((name, attributes[name]) for name in attributes)
    return operation.name, tuple(operation.operands), pairs


def _equal_parameters(program: Program) -> dict[str, str]:
    """For each parameter the first one with the same bytes.

    Arrays are compared whole only where type and a sample agree: weights are large.
    """
    groups: dict[Hashable, list[str]] = {}
    for name, array in program.parameters.items():
        groups.setdefault(_fingerprint(array), []).append(name)
    first: dict[str, str] = {}
    for group in groups.values():
        kept: list[str] = []
        for name in group:
            mine = program.parameters[name]
            same = (k for k in kept if _equal(program.parameters[k], mine))
            first[name] = next(same, name)
            if first[name] == name:
                kept.append(name)
    return first


def _fingerprint(array: np.ndarray) -> Hashable:
    flat = array.reshape(-1)
    sample = flat[:: max(flat.size // _SAMPLES, 1)]
    return array.shape, array.dtype, hashlib.sha256(sample.tobytes()).digest()


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    # By bytes: equal NaNs are equal, and 0.0 is not -0.0.
    x, y = (np.ascontiguousarray(v).reshape(-1).view(np.uint8) for v in (a, b))
    return a is b or bool(np.array_equal(x, y))
