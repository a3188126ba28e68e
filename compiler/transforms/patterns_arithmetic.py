"""Patterns that simplify elementwise arithmetic: `EXACT` ones, and `FAST` ones that round anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.transforms.constants import Context, has_one_use, is_known, made_by
from tyc.compiler.transforms.worklist import Pattern
from tyc.dialects import building, interpreter, ty
from tyc.dialects.ods import REGISTRY

_type = building.type_of


def _is_float(op: Any) -> bool:
    return _type(op.operation.results[0]).dtype.is_float


def drop_neutral(op: Any, context: Context) -> ir.Value | None:
    """x * 1, x / 1, x - 0, x ** 1 and, of whole numbers, x + 0 are x."""
    neutral = {"add": 0, "subtract": 0, "multiply": 1, "divide": 1, "power": 1}[op.NAME]
    if op.NAME == "add" and _is_float(op) and context.options.exact:
        return None  # -0.0 + 0.0 is 0.0
    if op.a.type == op.y.type and context.splat(op.b) == neutral:
        return op.a
    commutes = op.NAME in ("add", "multiply")
    if commutes and op.b.type == op.y.type and context.splat(op.a) == neutral:
        return op.b
    return None


def put_constant_second(op: Any, context: Context) -> ir.Value | None:
    """c + x is x + c: the other patterns look for constants on the right."""
    if is_known(op.a) and not is_known(op.b):
        return building.build(type(op), op.b, op.a)
    return None


def square_of_itself(op: Any, context: Context) -> ir.Value | None:
    """x * x is square(x)."""
    return ty.square(op.a) if op.a == op.b else None


def clip_by_constant(op: Any, context: Context) -> ir.Value | None:
    """max(x, c) and min(x, c) with a number c are clip(x)."""
    bound = context.splat(op.b)
    if bound is None or op.a.type != op.y.type or math.isnan(bound):
        return None
    if not _is_float(op) and abs(bound) > 2**53:
        return None  # clip holds its bounds as f64
    if op.NAME == "maximum":
        return ty.clip(op.a, low=bound, high=math.inf)
    return ty.clip(op.a, low=-math.inf, high=bound)


def relu_where_clip_is_one(op: Any, context: Context) -> ir.Value | None:
    """clip(x, 0, inf) is relu(x); an unbounded clip is x."""
    if op.low == -math.inf and op.high == math.inf:
        return op.x
    return ty.relu(op.x) if op.low == 0 and op.high == math.inf else None


def merge_clips(op: Any, context: Context) -> ir.Value | None:
    """clip(clip(x)) is one clip, and so is a clip of or under relu."""
    inner = made_by(op.x, "clip", "relu")
    if inner is None:
        return None
    (low, high), (first, last) = _bounds(inner), _bounds(op)
    if low > high or first > last:
        return None
    low, high = (min(max(b, first), last) for b in (low, high))
    return ty.clip(inner.x, low=low, high=high)


def _bounds(op: Any) -> tuple[float, float]:
    return (0.0, math.inf) if op.NAME == "relu" else (op.low, op.high)


def undo_twice(op: Any, context: Context) -> ir.Value | None:
    """negative(negative(x)) and logical_not(logical_not(x)) are x."""
    inner = made_by(op.x, op.NAME)
    return inner.x if inner is not None else None


def choose_known(op: Any, context: Context) -> ir.Value | None:
    """where(c, a, b) with c all true or all false is a or b."""
    condition = context.splat(op.condition)
    if condition is None:
        return None
    chosen = op.a if condition else op.b
    return chosen if chosen.type == op.y.type else ty.broadcast_to(chosen, shape=_type(op.y).shape)


def drop_known_truth(op: Any, context: Context) -> ir.Value | None:
    """x and true is x, x or false is x."""
    neutral = op.NAME == "logical_and"
    for x, other in ((op.a, op.b), (op.b, op.a)):
        if context.splat(other) is neutral:
            return x if x.type == op.y.type else ty.broadcast_to(x, shape=_type(op.y).shape)
    return None


def divide_by_power_of_two(op: Any, context: Context) -> ir.Value | None:
    """x / 2**k is x * 2**-k, exactly."""
    number = context.splat(op.b)
    if number is None or not _is_float(op) or not math.isfinite(number) or number == 0:
        return None
    mantissa, exponent = math.frexp(number)
    if abs(mantissa) != 0.5 or abs(exponent) > 14:  # 2**-14 is the least normal f16
        return None
    return ty.multiply(op.a, context.scalar(1 / number, op.a))


def power_by_constant(op: Any, context: Context) -> ir.Value | None:
    """x ** 2, x ** 0.5 and their like have ops of their own."""
    exponent = context.splat(op.b)
    if exponent not in _POWERS or not _is_float(op) or op.a.type != op.y.type:
        return None
    return _POWERS[exponent](op.a)


def _three_quarters(x: ir.Value) -> ir.Value:
    """x ** 0.75 of local response normalisation: sqrt(x) * sqrt(sqrt(x)), within two ulp."""
    root = ty.sqrt(x)
    return ty.multiply(root, ty.sqrt(root))


_POWERS: dict[Any, Callable[[ir.Value], ir.Value]] = {
    2: lambda x: ty.square(x),
    3: lambda x: ty.multiply(ty.square(x), x),
    1.5: lambda x: ty.multiply(x, ty.sqrt(x)),
    0.75: _three_quarters,
    0.5: lambda x: ty.sqrt(x),
    0.25: lambda x: ty.sqrt(ty.sqrt(x)),
    -0.5: lambda x: ty.rsqrt(x),
    -1: lambda x: ty.reciprocal(x),
}


def multiply_by_reciprocal(op: Any, context: Context) -> ir.Value | None:
    """x / c is x * (1 / c)."""
    divisor = context.array(op.b)
    if divisor is None or not _is_float(op) or is_known(op.a):
        return None
    return ty.multiply(op.a, _computed(context, "reciprocal", op.b))


def reciprocal_of_divisor(op: Any, context: Context) -> ir.Value | None:
    """1 / x is reciprocal(x)."""
    if not _is_float(op) or context.splat(op.a) != 1 or op.b.type != op.y.type:
        return None
    return ty.reciprocal(op.b)


def rsqrt_of_reciprocal(op: Any, context: Context) -> ir.Value | None:
    """reciprocal(sqrt(x)) is rsqrt(x)."""
    inner = made_by(op.x, "sqrt")
    return ty.rsqrt(inner.x) if inner is not None else None


def add_negative(op: Any, context: Context) -> ir.Value | None:
    """x - c is x + (-c)."""
    if not is_known(op.b) or is_known(op.a) or _type(op.y).dtype.kind == "uint":
        return None
    return ty.add(op.a, _computed(context, "negative", op.b))


def merge_constants(op: Any, context: Context) -> ir.Value | None:
    """(x + c) + d is x + (c + d), and so with products, where nothing else reads x + c."""
    inner = made_by(op.a, op.NAME) if has_one_use(op.a) else None
    if inner is None or not is_known(op.b) or not is_known(inner.b) or is_known(inner.a):
        return None
    c, d = _type(inner.b), _type(op.b)
    merged = np.broadcast_shapes(c.shape, d.shape)
    if math.prod(merged) > max(c.size, d.size) or inner.a.type != op.y.type:
        return None
    return building.build(type(op), inner.a, _computed(context, op.NAME, inner.b, op.b))


def scale_sum(op: Any, context: Context) -> ir.Value | None:
    """(x + c) * d is x * d + c * d, where nothing else reads x + c: products meet products."""
    inner = made_by(op.a, "add") if has_one_use(op.a) else None
    if inner is None or not is_known(op.b) or not is_known(inner.b) or not _is_float(op):
        return None
    # A product before the sum takes this one in: else nothing is gained.
    below = made_by(inner.a, "multiply") if has_one_use(inner.a) else None
    sizes = [_type(v) for v in (inner.b, op.b)]
    merged = math.prod(np.broadcast_shapes(*(t.shape for t in sizes)))
    if below is None or not is_known(below.b) or inner.a.type != op.y.type:
        return None
    if merged > max(t.size for t in sizes):
        return None
    term = _computed(context, "multiply", inner.b, op.b)
    return ty.add(ty.multiply(inner.a, op.b), term)


def _computed(context: Context, name: str, *values: ir.Value) -> ir.Value:
    """The op of constants, as a constant."""
    arrays = [context.array(v) for v in values]
    result = interpreter.evaluate(REGISTRY[name], arrays, {})[0]
    return context.constant(result, context.stem(values[0]))


EXACT: dict[str, tuple[Pattern, ...]] = {
    "add": (put_constant_second, drop_neutral),
    "multiply": (put_constant_second, drop_neutral, square_of_itself),
    "subtract": (drop_neutral,),
    "divide": (drop_neutral, divide_by_power_of_two),
    "power": (drop_neutral,),
    "maximum": (put_constant_second, clip_by_constant),
    "minimum": (put_constant_second, clip_by_constant),
    "clip": (relu_where_clip_is_one, merge_clips),
    "relu": (merge_clips,),
    "negative": (undo_twice,),
    "logical_not": (undo_twice,),
    "where": (choose_known,),
    "logical_and": (drop_known_truth,),
    "logical_or": (drop_known_truth,),
}

FAST: dict[str, tuple[Pattern, ...]] = {
    "add": (merge_constants,),
    "multiply": (merge_constants, scale_sum),
    "subtract": (add_negative,),
    "divide": (multiply_by_reciprocal, reciprocal_of_divisor),
    "power": (power_by_constant,),
    "reciprocal": (rsqrt_of_reciprocal,),
}
