"""The arithmetic that a kernel's meaning asks for, whatever its schedule makes of it."""

from __future__ import annotations

import math

from mlir import ir

from tyc.compiler.schedules.structure import read_generic

_ARITHMETIC = frozenset(
    f"arith.{name}"
    for name in ("addf", "subf", "mulf", "divf", "remf", "maximumf", "minimumf", "maxnumf",
                 "minnumf", "addi", "subi", "muli", "divsi", "divui", "maxsi", "minsi")
)  # fmt: skip


def nominal_flops(module: ir.Module) -> int:
    """FLOPs of a kernel in linalg form: one for each sum, product, minimum or function of numbers,
    none for indices, comparisons, conversions and what padding and copies cost."""
    total = 0

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal total
        if op.operation.name == "linalg.generic":
            generic = read_generic(op.operation)
            count = sum(_counts(i.name, i.results) for i in generic.body.instructions)
            total += count * math.prod(generic.extents)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return total


def _counts(name: str, results: tuple[ir.Value, ...]) -> bool:
    if isinstance(results[0].type if results else None, ir.IndexType):
        return False
    return name in _ARITHMETIC or name.startswith("math.")
