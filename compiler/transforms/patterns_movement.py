"""Patterns that remove or merge data movement. All of them are exact."""

from __future__ import annotations

from typing import Any

from mlir import ir

from tyc.compiler.transforms.constants import Context, has_one_use, made_by, rebuilt
from tyc.compiler.transforms.fold_constants import represents
from tyc.compiler.transforms.worklist import Pattern
from tyc.dialects import building, ty
from tyc.dialects.axes import kept_shape
from tyc.dialects.ods import VARIADIC_LIMIT
from tyc.dialects.types import dtype

_type = building.type_of


def drop_what_changes_nothing(op: Any, context: Context) -> ir.Value | None:
    """An op whose result has the type of its operand and moves nothing is its operand."""
    x = op.x
    if op.y.type != x.type or not _moves_nothing(op):
        return None
    return x


def _moves_nothing(op: Any) -> bool:
    if op.NAME == "transpose":
        return list(op.perm) == sorted(op.perm)
    if op.NAME == "slice":
        # The whole of x: a dimension of size 1 may have any step.
        return all(b == 0 and (s == 1 or n == 1) for b, n, s in zip(op.starts, op.sizes, op.steps))
    if op.NAME == "reverse":
        return all(_type(op.x).shape[a] == 1 for a in op.axes)
    return True


def merge_reshapes(op: Any, context: Context) -> ir.Value | None:
    """reshape(reshape(x)) = reshape(x)."""
    inner = made_by(op.x, "reshape")
    return ty.reshape(inner.x, shape=op.shape) if inner is not None else None


def keep_dims_as_reshaped(op: Any, context: Context) -> ir.Value | None:
    """A reshape that drops or brings back what a reduction reduced is a flag of the reduction."""
    if not has_one_use(op.x):
        return None
    inner = made_by(op.x, *REDUCTIONS, "argmax", "argmin")
    if inner is None:
        return None
    axes = inner.axes if inner.NAME in REDUCTIONS else [inner.axis]
    if tuple(op.shape) != kept_shape(_type(inner.x).shape, axes, not inner.keepdims):
        return None
    return rebuilt(inner, inner.x, keepdims=not inner.keepdims)


def reshape_before_transpose(op: Any, context: Context) -> ir.Value | None:
    """A reshape that only adds or drops ones can come before a transpose: transposes then meet."""
    inner = made_by(op.x, "transpose")
    if inner is None or not has_one_use(op.x):
        return None
    x, y, target = _type(inner.x), _type(inner.y), list(op.shape)
    old = [d for d in inner.perm if x.shape[d] != 1]
    new = [d for d, n in enumerate(target) if n != 1]
    if [n for n in y.shape if n != 1] != [target[d] for d in new] or old == sorted(old):
        return None
    ones = [d for d in range(len(target)) if target[d] == 1]
    place = {d: len(ones) + i for i, d in enumerate(sorted(old))}
    perm = dict(zip(new, (place[d] for d in old))) | {d: i for i, d in enumerate(ones)}
    shape = [1] * len(ones) + [x.shape[d] for d in sorted(old)]
    wide = ty.reshape(inner.x, shape=shape)
    return ty.transpose(wide, perm=[perm[d] for d in range(len(target))])


def merge_transposes(op: Any, context: Context) -> ir.Value | None:
    """transpose(transpose(x, p), q) = transpose(x, p[q])."""
    inner = made_by(op.x, "transpose")
    return ty.transpose(inner.x, perm=[inner.perm[d] for d in op.perm]) if inner else None


def reshape_where_only_units_move(op: Any, context: Context) -> ir.Value | None:
    """A transpose that keeps the order of the dimensions larger than 1 is a reshape."""
    x = _type(op.x)
    moved = [d for d in op.perm if x.shape[d] != 1]
    if moved != sorted(moved):
        return None
    return ty.reshape(op.x, shape=list(_type(op.y).shape))


def reshape_where_only_units_come(op: Any, context: Context) -> ir.Value | None:
    """A broadcast or a reduction over dimensions of size 1 is a reshape."""
    x, y = _type(op.x), _type(op.y)
    if x.size != y.size or x.dtype != y.dtype or (op.NAME != "broadcast_to" and x.size == 0):
        return None
    return ty.reshape(op.x, shape=list(y.shape))


def merge_broadcasts(op: Any, context: Context) -> ir.Value | None:
    """broadcast_to(broadcast_to(x)) = broadcast_to(x)."""
    inner = made_by(op.x, "broadcast_to")
    return ty.broadcast_to(inner.x, shape=op.shape) if inner is not None else None


def merge_slices(op: Any, context: Context) -> ir.Value | None:
    """A slice of a slice is one slice."""
    inner = made_by(op.x, "slice")
    if inner is None:
        return None
    starts = [b + s * t for b, s, t in zip(inner.starts, op.starts, inner.steps)]
    steps = [s * t for s, t in zip(op.steps, inner.steps)]
    return ty.slice(inner.x, starts=starts, sizes=op.sizes, steps=steps)


def slice_one_part(op: Any, context: Context) -> ir.Value | None:
    """A slice of a concatenation that lies in one operand is a slice of that operand."""
    inner = made_by(op.x, "concat")
    if inner is None or 0 in op.sizes:
        return None
    axis = inner.axis % len(op.starts)
    ends = (op.starts[axis], op.starts[axis] + (op.sizes[axis] - 1) * op.steps[axis])
    begin = 0
    for x in inner.xs:
        size = _type(x).shape[axis]
        if begin <= min(ends) and max(ends) < begin + size:
            starts = [b - begin if d == axis else b for d, b in enumerate(op.starts)]
            return ty.slice(x, starts=starts, sizes=op.sizes, steps=op.steps)
        begin += size
    return None


def drop_empty_parts(op: Any, context: Context) -> ir.Value | None:
    """A concatenation of one operand is that operand; empty operands add nothing."""
    axis = op.axis % _type(op.y).rank
    parts = [x for x in op.xs if _type(x).shape[axis] > 0] or list(op.xs[:1])
    if len(parts) == 1:
        return parts[0]
    return ty.concat(parts, axis=axis) if len(parts) < len(op.xs) else None


def merge_concats(op: Any, context: Context) -> ir.Value | None:
    """A concatenation read only by another one along the same axis is part of it."""
    rank = _type(op.y).rank
    parts: list[ir.Value] = []
    for x in op.xs:
        inner = made_by(x, "concat") if has_one_use(x) else None
        if inner is not None and inner.axis % rank == op.axis % rank:
            parts += inner.xs
        else:
            parts.append(x)
    if len(parts) == len(op.xs) or len(parts) > VARIADIC_LIMIT:
        return None
    return ty.concat(parts, axis=op.axis)


def join_slices(op: Any, context: Context) -> ir.Value | None:
    """The concatenation of all parts of a tensor, in order, is the tensor."""
    first = made_by(op.xs[0], "slice")
    if first is None or first.x.type != op.y.type:
        return None
    axis = op.axis % len(first.starts)
    begin = 0
    for x in op.xs:
        part = made_by(x, "slice")
        if part is None or part.x != first.x or any(s != 1 for s in part.steps):
            return None
        if [b for d, b in enumerate(part.starts) if d != axis and b] or part.starts[axis] != begin:
            return None
        begin += part.sizes[axis]
    return first.x


def merge_pads(op: Any, context: Context) -> ir.Value | None:
    """Constant padding of constant padding with the same number is one padding."""
    inner = made_by(op.x, "pad")
    if inner is None or {inner.mode, op.mode} != {"constant"} or inner.value != op.value:
        return None
    low, high = ([a + b for a, b in zip(*p)] for p in ((op.low, inner.low), (op.high, inner.high)))
    return rebuilt(op, inner.x, low=low, high=high)


def merge_casts(op: Any, context: Context) -> ir.Value | None:
    """A cast of a cast that lost nothing is one cast."""
    inner = made_by(op.x, "cast")
    if inner is None or not represents(_type(inner.x).dtype, dtype(inner.to)):
        return None
    return ty.cast(inner.x, to=op.to)


REDUCTIONS = ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_product")

MOVEMENT: dict[str, tuple[Pattern, ...]] = {
    "reshape": (
        drop_what_changes_nothing, merge_reshapes, keep_dims_as_reshaped, reshape_before_transpose,
    ),
    "transpose": (drop_what_changes_nothing, merge_transposes, reshape_where_only_units_move),
    "broadcast_to": (
        drop_what_changes_nothing, merge_broadcasts, reshape_where_only_units_come,
    ),
    "slice": (drop_what_changes_nothing, merge_slices, slice_one_part),
    "pad": (drop_what_changes_nothing, merge_pads),
    "tile": (drop_what_changes_nothing, reshape_where_only_units_come),
    "reverse": (drop_what_changes_nothing,),
    "dilate": (drop_what_changes_nothing,),
    "cast": (drop_what_changes_nothing, merge_casts),
    "concat": (drop_empty_parts, merge_concats, join_slices),
    **dict.fromkeys(REDUCTIONS, (reshape_where_only_units_come,)),
}  # fmt: skip
