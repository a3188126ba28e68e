"""Which function lowers which op.

    @lower(ty.TransposeOp)
    def transpose(op, x): ...            # linalg on tensors, the op's meaning: returns value(s)

    @loops(ty.TopKOp, rows=lambda op: ...)
    def top_k(op, inputs, outputs, row): ...   # scf and memref, for what linalg cannot say

    @whole(ty.AttentionOp)
    def attention(op): ...               # whether a schedule takes the op as it is

`op` is the view of the ty operation (attributes, `type_of(op.x)`); operands come lowered, in field
order (a list for a variadic operand, None for an absent one), with signless element types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tyc.dialects.ods import Op


@dataclass(frozen=True)
class LoopsRule:
    """A lowering to plain loops on buffers: `build(op, inputs, outputs, row)` emits the work of one
    `row` (an index value) out of `rows(op)` independent ones. The first result may have the bytes
    of the operand `in_place`."""

    rows: Callable[[Any], int]
    build: Callable[..., None]
    in_place: str = ""


LINALG: dict[str, Callable[..., Any]] = {}
LOOPS: dict[str, LoopsRule] = {}
WHOLE: dict[str, Callable[[Any], bool]] = {}


def lower(*ops: type[Op]) -> Callable:
    """Registers a function as the linalg lowering of the ops."""

    def register(function: Callable) -> Callable:
        for op in ops:
            LINALG[op.NAME] = function
        return function

    return register


def loops(op: type[Op], rows: Callable[[Any], int], in_place: str = "") -> Callable:
    """Registers a function as the loop lowering of an op that linalg cannot say."""

    def register(function: Callable) -> Callable:
        LOOPS[op.NAME] = LoopsRule(rows, function, in_place)
        return function

    return register


def whole(op: type[Op]) -> Callable:
    """Registers a predicate: whether a schedule takes the op as it is, which is expanded else."""

    def register(function: Callable) -> Callable:
        WHOLE[op.NAME] = function
        return function

    return register


def stands_alone(op: Op) -> bool:
    """Whether an op is a kernel of its own that holds nothing else."""
    return op.NAME in LOOPS or (op.NAME in WHOLE and WHOLE[op.NAME](op))
