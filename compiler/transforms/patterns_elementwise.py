"""Patterns of any elementwise op: it reads small operands, and stands beside what makes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mlir import ir

from tyc.compiler.transforms.constants import (
    Context,
    has_one_use,
    is_known,
    made_by,
    owner_of,
    rebuilt,
)
from tyc.compiler.transforms.worklist import Pattern
from tyc.dialects import building, ty
from tyc.dialects.types import broadcast_shapes

_type = building.type_of


def read_unbroadcast(op: Any, context: Context) -> ir.Value | None:
    """An elementwise op broadcasts by itself: it reads what was broadcast, or one number."""
    operands = list(op.operation.operands)
    if len(operands) < 2:
        return None
    for i, value in enumerate(operands):
        owner = owner_of(value)
        if owner is None or owner.name not in _SPREADS:
            continue
        others = [_type(v).shape for j, v in enumerate(operands) if j != i]
        small = _unbroadcast(value, context, others, _type(op.operation.results[0]).shape)
        if small is not None:
            operands[i] = small
            return rebuilt(op, *operands)
    return None


_SPREADS = ("ty.broadcast_to", "ty.constant", "ty.full")


def _unbroadcast(
    value: ir.Value, context: Context, others: list[tuple[int, ...]], shape: tuple[int, ...]
) -> ir.Value | None:
    """A smaller value that broadcasts to the same, where the other operands give the shape."""
    if _type(value).size == 1 and _type(value).rank == 0:
        return None
    spread = made_by(value, "broadcast_to")
    small = _type(spread.x).shape if spread is not None else ()
    if broadcast_shapes(small, *others) != shape:
        return None
    if spread is not None:
        return spread.x
    number = context.splat(value)
    return context.scalar(number, value) if number is not None else None


def sink_broadcast(op: Any, context: Context) -> ir.Value | None:
    """f(broadcast_to(x), c) = broadcast_to(f(x, c)) with numbers c: less is computed."""
    operands = list(op.operation.operands)
    shape = _type(op.operation.results[0]).shape
    spread = [made_by(v, "broadcast_to") for v in operands]
    found = [s for s in spread if s is not None]
    if len(found) != 1 or any(_type(v).rank for v, s in zip(operands, spread) if s is None):
        return None
    small = _type(found[0].x)
    if small.size >= math.prod(shape):
        return None
    values = [v if s is None else s.x for v, s in zip(operands, spread)]
    return ty.broadcast_to(rebuilt(op, *values), shape=list(shape))


def sink_reshape(op: Any, context: Context) -> ir.Value | None:
    """f(reshape(x), c) = reshape(f(x, c)), so that f stays beside the op that makes x.

    Only where x and the reshape have no other reader, and the other operands need a reshape at
    most: numbers, vectors along trailing dimensions that the reshape keeps, full tensors.
    """
    operands = list(op.operation.operands)
    shape = _type(op.operation.results[0]).shape
    for value in operands:
        inner = made_by(value, "reshape")
        if inner is None or _type(value).shape != shape or not _is_fusable(inner):
            continue
        source = _type(inner.x).shape
        if all(v == value or _fits(v, shape, source) for v in operands):
            moved = [_reshaped(v, shape, source) for v in operands]
            return ty.reshape(rebuilt(op, *moved), shape=list(shape))
    return None


def sink_transpose(op: Any, context: Context) -> ir.Value | None:
    """f(transpose(x, p), c) = transpose(f(x, c), p) with numbers c, and of two such transposes."""
    operands = list(op.operation.operands)
    t = _type(op.operation.results[0])
    inner = [made_by(v, "transpose") for v in operands]
    moved = [i for i in inner if i is not None]
    if not moved or any(list(i.perm) != list(moved[0].perm) for i in moved):
        return None
    if not all(_is_fusable(i, ()) and _type(i.y).shape == t.shape for i in moved):
        return None
    if any(i is None and _type(v).rank > 0 for i, v in zip(inner, operands)):
        return None
    values = [v if i is None else i.x for i, v in zip(inner, operands)]
    return ty.transpose(rebuilt(op, *values), perm=moved[0].perm)


def _is_fusable(inner: Any, views: Sequence[str] = ("reshape", "slice")) -> bool:
    """Whether an elementwise op may join the op that makes what `inner` moves."""
    maker = owner_of(inner.x)
    if maker is None or maker.name[3:] in ("parameter", "constant", "full", *views):
        return False
    return has_one_use(inner.x) and has_one_use(inner.y)


def _common_suffix(a: Sequence[int], b: Sequence[int]) -> int:
    count = 0
    while count < min(len(a), len(b)) and a[-1 - count] == b[-1 - count]:
        count += 1
    return count


def _core(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape without leading ones."""
    first = next((d for d, n in enumerate(shape) if n != 1), len(shape))
    return tuple(shape[first:])


def _fits(value: ir.Value, shape: tuple[int, ...], source: tuple[int, ...]) -> bool:
    own = _type(value).shape
    if own != shape:
        return len(_core(own)) <= _common_suffix(shape, source)
    inner = made_by(value, "reshape")
    if inner is not None and _type(inner.x).shape == source:
        return True
    # An operand that the op stands beside already pulls back, for ever: fewer dimensions win.
    return len(source) < len(shape) or is_known(value) or not _stands_beside(value)


def _stands_beside(value: ir.Value) -> bool:
    owner = owner_of(value)
    return owner is not None and has_one_use(value)


def _reshaped(value: ir.Value, shape: tuple[int, ...], source: tuple[int, ...]) -> ir.Value:
    """An operand as the op on `source` reads it."""
    own = _type(value).shape
    if own == shape:
        inner = made_by(value, "reshape")
        if inner is not None and _type(inner.x).shape == source:
            return inner.x
        return ty.reshape(value, shape=list(source))
    core = _core(own)
    return value if core == own else ty.reshape(value, shape=list(core))


EVERYWHERE: tuple[Pattern, ...] = (
    read_unbroadcast, sink_broadcast, sink_reshape, sink_transpose,
)  # fmt: skip
