"""Patterns that compute the parts of a product apart instead of cutting them out of it.

    %y = "ty.matmul"(%x, %w)                 %a = "ty.matmul"(%x, %w_a)
    %a = "ty.slice"(%y) ...        becomes   %b = "ty.matmul"(%x, %w_b)
    %b = "ty.slice"(%y) ...

A slice moves up through transposes, reshapes and elementwise ops with constants, but only where it
arrives at a product with a constant matrix, of which slices alone are read: no work is done twice.
"""

from __future__ import annotations

import math
from typing import Any

from mlir import ir

from tyc.compiler.rewriting import users
from tyc.compiler.transforms.constants import Context, is_known, owner_of, rebuilt
from tyc.compiler.transforms.layouts import matching_groups
from tyc.compiler.transforms.worklist import Pattern
from tyc.dialects import building, ty
from tyc.dialects.ods import Elementwise

_type = building.type_of
_DEPTH = 8
_Window = tuple[list[int], list[int]]


def hoist_slice(op: Any, context: Context) -> ir.Value | None:
    """slice(f(matmul(x, w))) = f(matmul(x, slice(w)))."""
    if any(s != 1 for s in op.steps) or not _only_slices_read(op.x):
        return None
    window = (list(op.starts), list(op.sizes))
    if _sliced(op.x, window, _DEPTH, build=False) is None:
        return None
    return _sliced(op.x, window, _DEPTH, build=True)


def _only_slices_read(value: ir.Value) -> bool:
    """Whether slices of unit steps read a value, and together no more than there is."""
    total = 0
    for user in users(value):
        if user.name != "ty.slice":
            return False
        total += _type(user.results[0]).size
    return total <= _type(value).size


def _sliced(value: ir.Value, window: _Window, depth: int, build: bool) -> Any:
    """The part of a value, computed from parts of what it is made of.

    Without `build` only whether there is a way; `None` where there is none.
    """
    owner = owner_of(value)
    if owner is None or depth == 0 or not owner.name.startswith("ty."):
        return None
    op: Any = building.view(owner)
    rule = _RULES.get(op.NAME)
    if rule is None and isinstance(op, Elementwise) and type(op).scalar is not None:
        rule = _slice_elementwise
    return None if rule is None else rule(op, window, depth - 1, build)


def _slice_transpose(op: Any, window: _Window, depth: int, build: bool) -> Any:
    place = [list(op.perm).index(d) for d in range(len(op.perm))]
    inner = ([window[0][d] for d in place], [window[1][d] for d in place])
    x = _inside(op.x, inner, depth, build)
    return x if x is None or not build else ty.transpose(x, perm=op.perm)


def _slice_reshape(op: Any, window: _Window, depth: int, build: bool) -> Any:
    """Of each group of dimensions the outermost alone may be cut, in one dimension of x."""
    source, target = _type(op.x).shape, _type(op.y).shape
    starts, sizes = [0] * len(source), list(source)
    for inner, outer in matching_groups(source, target) or []:
        cut = [d for d in outer if window[1][d] != target[d]]
        if not cut:
            continue
        if cut != outer[:1] or len(inner) > 1:
            return None
        rest = math.prod(target[d] for d in outer[1:])
        starts[inner[0]], sizes[inner[0]] = window[0][cut[0]] * rest, window[1][cut[0]] * rest
    x = _inside(op.x, (starts, sizes), depth, build)
    return x if x is None or not build else ty.reshape(x, shape=window[1])


def _slice_elementwise(op: Any, window: _Window, depth: int, build: bool) -> Any:
    """One operand leads on, the others are known."""
    shape = _type(op.operation.results[0]).shape
    parts, led = [], False
    for value in op.operation.operands:
        if is_known(value):
            parts.append(_cut_constant(value, window) if build else value)
        elif led or _type(value).shape != shape:
            return None
        else:
            led = True
            parts.append(_inside(value, window, depth, build))
    if not led or any(p is None for p in parts):
        return None
    return rebuilt(op, *parts) if build else op.operation.results[0]


def _cut_constant(value: ir.Value, window: _Window) -> ir.Value:
    shape = _type(value).shape
    starts, sizes = (w[len(w) - len(shape) :] for w in window)
    starts = [0 if n == 1 else b for b, n in zip(starts, shape)]
    sizes = [1 if n == 1 else m for m, n in zip(sizes, shape)]
    return ty.slice(value, starts=starts, sizes=sizes, steps=[1] * len(shape))


def _slice_matmul(op: Any, window: _Window, depth: int, build: bool) -> Any:
    """Columns of the product are columns of a constant matrix."""
    starts, sizes = window
    shape = _type(op.y).shape
    whole = all(m == n for m, n in zip(sizes[:-1], shape[:-1]))
    if not whole or not is_known(op.b) or _type(op.b).rank != 2:
        return None
    if not build:
        return op.y
    rows = _type(op.a).shape[-2 if op.transpose_a else -1]
    first, size = [0, starts[-1]], [rows, sizes[-1]]
    if op.transpose_b:
        first, size = first[::-1], size[::-1]
    return rebuilt(op, op.a, ty.slice(op.b, starts=first, sizes=size, steps=[1, 1]))


def _inside(value: ir.Value, window: _Window, depth: int, build: bool) -> Any:
    """`_sliced` of a value that has no other reader than the op on the way."""
    return _sliced(value, window, depth, build) if len(users(value)) == 1 else None


_RULES = {
    "transpose": _slice_transpose,
    "reshape": _slice_reshape,
    "matmul": _slice_matmul,
}

SPLITTING: dict[str, tuple[Pattern, ...]] = {"slice": (hoist_slice,)}
