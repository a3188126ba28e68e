"""Long reductions to few elements in two steps, the first of which many threads can share.

    %y = "ty.reduce_mean"(%x) {axes = [1, 2]}     %r = "ty.reduce_mean"(%x) {axes = [2]}
    x: [1, 120, 160, 24]                 becomes  %y = "ty.reduce_mean"(%r) {axes = [1]}

An item of a kernel folds whole elements of the result: of 24 channels there are two items, of a sum
over everything one. The first step folds all axes but the outermost, or pieces of a single one; how
it is cut depends on the shape alone, so that the order of a sum does not depend on the threads.
Not for exact mode: the order is another one than that of the reduction as it was written.
"""

from __future__ import annotations

import math
from typing import Any

from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.rewriting import replace
from tyc.dialects import building, ty
from tyc.dialects.program import Program
from tyc.dialects.types import TensorType

_REDUCTIONS = {"reduce_sum", "reduce_mean", "reduce_product", "reduce_max", "reduce_min",
               "reduce_any", "reduce_all"}  # fmt: skip
# Elements below which one thread is done before another one is awake.
_LONG = 1 << 17
# Items that keep the usual number of threads busy; a cache line of the result makes one.
_ENOUGH_ITEMS = 16
_LINE = 16
_PIECES = (64, 48, 32, 24, 16, 12, 8)


def split_reductions(program: Program, options: Options) -> None:
    """Cuts the reductions that have too few items for several threads, unless `options.exact`."""
    if options.exact:
        return
    for operation in list(program.operations()):
        if operation.name.removeprefix("ty.") in _REDUCTIONS:
            _split(operation)


def _split(operation: ir.Operation) -> None:
    op: Any = building.view(operation)
    t = building.type_of(op.x)
    axes = sorted(a % t.rank for a in op.axes)
    if not axes or t.size < _LONG or _items(t, axes) >= _ENOUGH_ITEMS or _is_narrow(t):
        return
    build = getattr(ty, op.NAME)
    with ir.InsertionPoint(operation), operation.location:
        if len(axes) > 1 and t.shape[axes[0]] >= _PIECES[-1]:
            last = build(build(op.x, axes=axes[1:], keepdims=True), axes=axes[:1])
        else:
            first = _in_pieces(build, op.x, t, axes)
            if first is None:
                return
            last = build(first, axes=[0])
        shape = building.type_of(operation.results[0]).shape
        replace(operation, [ty.reshape(last, shape=list(shape))])


def _items(t: TensorType, axes: list[int]) -> int:
    """Items of the reduction as it stands: elements of the result, or cache lines of them."""
    kept = math.prod(n for d, n in enumerate(t.shape) if d not in axes)
    return kept if t.rank - 1 in axes else kept // _LINE


def _is_narrow(t: TensorType) -> bool:
    """True for floats that are rounded more coarsely than their sums are made."""
    return t.dtype.is_float and t.dtype.numpy.itemsize < 4


def _in_pieces(build: Any, x: ir.Value, t: TensorType, axes: list[int]) -> ir.Value | None:
    """The reduction of pieces of the innermost axis, the pieces in front; `None` where none fit."""
    if axes != list(range(axes[0], axes[0] + len(axes))):
        return None
    long = math.prod(t.shape[a] for a in axes)
    pieces = next((p for p in _PIECES if long % p == 0), None)
    before = math.prod(t.shape[: axes[0]])
    if pieces is None or before != 1:
        return None
    after = math.prod(t.shape[axes[-1] + 1 :])
    cut = ty.reshape(x, shape=[pieces, long // pieces, after])
    return build(cut, axes=[1])
