"""Replaces composites by their expansions.

    %y = "ty.lstm"(%x, %w, %r) ...   ->   matmul, slice, sigmoid, ... one step after another

In a program: those with contractions or movement inside, so that fusion sees the parts. In a kernel
(`everything`): every composite that has no lowering of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from mlir import ir

from tyc.compiler.lowering.registry import LINALG, stands_alone
from tyc.compiler.rewriting import replace
from tyc.compiler.transforms.kinds import kind
from tyc.dialects import building
from tyc.dialects.ods import Elementwise, Op
from tyc.dialects.program import Program


def expand_composites(program: Program) -> None:
    """Expands what fusion cannot use whole."""
    _expand(program.block, lambda op: kind(op) == "expand")


def expand_kernel(function: ir.Operation) -> None:
    """Expands every composite of a kernel that has no lowering of its own."""
    _expand(function.regions[0].blocks[0], lambda op: True)


def _expand(block: ir.Block, wanted: Callable[[Op], bool]) -> None:
    """Expands in rounds, as an expansion may hold composites itself."""
    changed = True
    while changed:
        changed = False
        for op in list(block.operations):
            operation = op.operation
            if not _has_only_expansion(operation):
                continue
            composite = building.view(operation)
            if wanted(composite):
                _replace_by_expansion(operation, composite)
                changed = True


def _replace_by_expansion(operation: ir.Operation, op: Op) -> None:
    with ir.InsertionPoint(operation), operation.location:
        result = building.expand(type(op), building.operands_of(op), building.attributes_of(op))
    many = isinstance(result, (list, tuple))
    replace(operation, list(result) if many else [result])


def _has_only_expansion(operation: ir.Operation) -> bool:
    cls = building.op_class(operation)
    if cls is None or cls.expand is None or cls.NAME in LINALG:
        return False
    if stands_alone(building.view(operation)):
        return False
    return not (issubclass(cls, Elementwise) and cls.scalar is not None)
