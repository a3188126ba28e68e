"""Patterns that put softmax, layer_norm and rms_norm together from their parts."""

from __future__ import annotations

import math
from typing import Any

from mlir import ir

from tyc.compiler.transforms.constants import Context, has_one_use, made_by
from tyc.compiler.transforms.worklist import Pattern, Table
from tyc.dialects import building, ty
from tyc.dialects.axes import checked_axes

_type = building.type_of


def _reduced(value: ir.Value, name: str) -> tuple[ir.Value, list[int]] | None:
    """What a reduction with kept dimensions reduces, and over which axes."""
    op = made_by(value, name)
    if op is None or not op.keepdims:
        return None
    return op.x, checked_axes(type(op), op.axes, _type(op.x).rank)


def softmax(op: Any, context: Context) -> ir.Value | None:
    """exp(x - max(x)) / sum(exp(x - max(x))), with or without the maximum."""
    exponential, total = made_by(op.a, "exp"), _reduced(op.b, "reduce_sum")
    if exponential is None or total is None or total[0] != op.a or len(total[1]) != 1:
        return None
    (axis,) = total[1]
    return ty.softmax(_without_shift(exponential.x, "reduce_max", axis), axis=axis)


def _without_shift(value: ir.Value, name: str, axis: int) -> ir.Value:
    """x of x - max(x): a shift along `axis` does not change a softmax."""
    shifted = made_by(value, "subtract")
    if shifted is not None and _reduced(shifted.b, name) == (shifted.a, [axis]):
        return shifted.a
    return value


def softmax_by_reciprocal(op: Any, context: Context) -> ir.Value | None:
    """exp(x) * reciprocal(sum(exp(x))) is a softmax too."""
    for a, b in ((op.a, op.b), (op.b, op.a)):
        inverse = made_by(b, "reciprocal")
        total = _reduced(inverse.x, "reduce_sum") if inverse is not None else None
        exponential = made_by(a, "exp")
        if total is not None and exponential is not None and total[0] == a and len(total[1]) == 1:
            (axis,) = total[1]
            return ty.softmax(_without_shift(exponential.x, "reduce_max", axis), axis=axis)
    return None


def log_softmax(op: Any, context: Context) -> ir.Value | None:
    """log(softmax(x)) is log_softmax(x)."""
    inner = made_by(op.x, "softmax")
    return ty.log_softmax(inner.x, axis=inner.axis) if inner is not None else None


def log_softmax_of_difference(op: Any, context: Context) -> ir.Value | None:
    """y - log(sum(exp(y))) is log_softmax(y), and of x where y = x - max(x)."""
    logarithm = made_by(op.b, "log")
    total = _reduced(logarithm.x, "reduce_sum") if logarithm is not None else None
    exponential = made_by(total[0], "exp") if total is not None else None
    if total is None or exponential is None or exponential.x != op.a or len(total[1]) != 1:
        return None
    (axis,) = total[1]
    return ty.log_softmax(_without_shift(op.a, "reduce_max", axis), axis=axis)


def normalise_by_quotient(op: Any, context: Context) -> ir.Value | None:
    """x / sqrt(mean(x * x) + epsilon)."""
    root = made_by(op.b, "sqrt")
    return _normalised(op.a, root.x, context) if root is not None else None


def normalise_by_product(op: Any, context: Context) -> ir.Value | None:
    """x * rsqrt(mean(x * x) + epsilon)."""
    for a, b in ((op.a, op.b), (op.b, op.a)):
        # Where others read the factor it is computed anyway: a gradient has use for it.
        root = made_by(b, "rsqrt") if has_one_use(b) else None
        found = _normalised(a, root.x, context) if root is not None else None
        if found is not None:
            return found
    return None


def _normalised(x: ir.Value, variance: ir.Value, context: Context) -> ir.Value | None:
    """The layer norm (where x has its mean subtracted) or rms norm with that variance."""
    total = made_by(variance, "add")
    if total is None:
        return None
    epsilon, mean = context.splat(total.b), _reduced(total.a, "reduce_mean")
    if epsilon is None or mean is None or not _is_square_of(mean[0], x, context):
        return None
    axis, rank = mean[1][0] if mean[1] else -1, _type(x).rank
    if mean[1] != list(range(axis, rank)):
        return None
    centered = made_by(x, "subtract")
    if centered is not None and _reduced(centered.b, "reduce_mean") == (centered.a, mean[1]):
        return ty.layer_norm(centered.a, None, None, axis=axis, epsilon=float(epsilon))
    return ty.rms_norm(x, None, axis=axis, epsilon=float(epsilon))


def _is_square_of(value: ir.Value, x: ir.Value, context: Context) -> bool:
    op = made_by(value, "square", "multiply", "power")
    if op is None:
        return False
    if op.NAME == "square":
        return op.x == x
    return op.a == x and (op.b == x if op.NAME == "multiply" else context.splat(op.b) == 2)


def scale_norm(op: Any, context: Context) -> ir.Value | None:
    """layer_norm(x) * scale and rms_norm(x) * scale, along the normalised dimensions."""
    for a, b in ((op.a, op.b), (op.b, op.a)):
        inner = _norm(a, op)
        if inner is None or inner.scale is not None or not _is_along(b, a, inner.axis):
            continue
        if inner.NAME == "rms_norm":
            return ty.rms_norm(inner.x, _core(b), axis=inner.axis, epsilon=inner.epsilon)
        if inner.bias is None:
            return ty.layer_norm(inner.x, _core(b), None, axis=inner.axis, epsilon=inner.epsilon)
    return None


def shift_norm(op: Any, context: Context) -> ir.Value | None:
    """layer_norm(x) + bias, along the normalised dimensions."""
    for a, b in ((op.a, op.b), (op.b, op.a)):
        inner = _norm(a, op)
        if inner is None or inner.NAME != "layer_norm" or inner.bias is not None:
            continue
        if _is_along(b, a, inner.axis):
            return ty.layer_norm(
                inner.x, inner.scale, _core(b), axis=inner.axis, epsilon=inner.epsilon
            )
    return None


def _norm(value: ir.Value, op: Any) -> Any:
    inner = made_by(value, "layer_norm", "rms_norm")
    if inner is None or not has_one_use(value) or value.type != op.y.type:
        return None
    return inner


def _is_along(value: ir.Value, result: ir.Value, axis: int) -> bool:
    """Whether a value has one number a normalised element: dimensions before `axis` are 1."""
    t, shape = _type(value), _type(result).shape
    normal = shape[axis % len(shape) :]
    return math.prod(t.shape) == t.size and _stripped(t.shape) == normal


def _stripped(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((d for d, n in enumerate(shape) if n != 1), len(shape))
    return shape[first:]


def _core(value: ir.Value) -> ir.Value:
    core = _stripped(_type(value).shape)
    return value if _type(value).shape == core else ty.reshape(value, shape=list(core))


# An op that a pattern starts from, the pattern, and the ops without which it cannot match.
_ROWS: tuple[tuple[str, Pattern, set[str]], ...] = (
    ("divide", softmax, {"exp", "reduce_sum"}),
    ("divide", normalise_by_quotient, {"sqrt", "reduce_mean"}),
    ("multiply", softmax_by_reciprocal, {"exp", "reduce_sum"}),
    ("multiply", normalise_by_product, {"rsqrt", "reduce_mean"}),
    ("log", log_softmax, {"softmax"}),
    ("log", log_softmax, {"exp", "reduce_sum"}),
    ("subtract", log_softmax_of_difference, {"log", "exp", "reduce_sum"}),
    *(("multiply", scale_norm, {n}) for n in ("layer_norm", "rms_norm", "sqrt", "rsqrt")),
    *(("add", shift_norm, {n}) for n in ("layer_norm", "sqrt", "rsqrt")),
)


def normalizations(present: set[str]) -> Table:
    """The patterns that can match in a program with ops of these names."""
    table: dict[str, tuple[Pattern, ...]] = {}
    for name, pattern, needed in _ROWS:
        if needed <= present and pattern not in table.get(name, ()):
            table[name] = (*table.get(name, ()), pattern)
    return table
