"""Arithmetic, comparison, logic and casts."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, add_rule, rule
from tyc.onnx.tensors import element_of

# ONNX operators that are one ty op on the same operands.
SAME = {
    "Abs": "absolute", "Neg": "negative", "Sign": "sign", "Reciprocal": "reciprocal",
    "Sqrt": "sqrt", "Floor": "floor", "Ceil": "ceil", "Round": "round",
    "Exp": "exp", "Log": "log", "Erf": "erf",
    "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "asin", "Acos": "acos", "Atan": "atan",
    "Sinh": "sinh", "Cosh": "cosh", "Tanh": "tanh",
    "Asinh": "asinh", "Acosh": "acosh", "Atanh": "atanh",
    "Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide",
    "Equal": "equal", "Less": "less", "LessOrEqual": "less_equal",
    "Greater": "greater", "GreaterOrEqual": "greater_equal",
    "And": "logical_and", "Or": "logical_or", "Xor": "logical_xor", "Not": "logical_not",
    "BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or", "BitwiseXor": "bitwise_xor",
    "BitwiseNot": "bitwise_not", "Where": "where", "IsNaN": "is_nan",
}  # fmt: skip

# Operators on any number of operands, as a left fold of a binary op.
FOLDED = {"Max": "maximum", "Min": "minimum", "Sum": "add"}


def same(op: str) -> Callable[[Graph, Node], Any]:
    """The rule that applies one ty op to the node's inputs."""
    return lambda g, n: getattr(g, op)(*n.inputs)


def folded(op: str) -> Callable[[Graph, Node], Any]:
    """The rule that applies a binary op from left to right."""
    return lambda g, n: reduce(getattr(g, op), n.inputs)


for _onnx, _ty in SAME.items():
    add_rule(_onnx, same(_ty))
for _onnx, _ty in FOLDED.items():
    add_rule(_onnx, folded(_ty))


@rule("Identity")
def identity(g: Graph, n: Node) -> Any:
    """`y = x`."""
    return n.inputs[0]


@rule("Mean")
def mean(g: Graph, n: Node) -> Any:
    """The sum of the operands over their number."""
    total = reduce(g.add, n.inputs)
    return g.divide(total, g.number(len(n.inputs), total))


@rule("Pow")
def power(g: Graph, n: Node) -> Any:
    """`y = a ** b` in the element type of `a`; `b` may have another one."""
    a, b = n.inputs
    kind, exponent = g.dtype(a), g.dtype(b)
    if kind == exponent:
        return g.power(a, b)
    if kind.is_float or not exponent.is_float:
        return g.power(a, g.cast(b, to=kind))
    return g.cast(g.power(g.cast(a, to=exponent), b), to=kind)


@rule("Mod")
def modulo(g: Graph, n: Node) -> Any:
    """The remainder with the divisor's sign, or with the dividend's (`fmod=1`)."""
    a, b = n.inputs
    if n.get("fmod", 0):
        return g.remainder_truncated(a, b)
    return g.remainder(a, b)


@rule("BitShift")
def bit_shift(g: Graph, n: Node) -> Any:
    """`y = a << b` or `a >> b`."""
    return (g.shift_left if n.get("direction") == "LEFT" else g.shift_right)(*n.inputs)


@rule("IsInf")
def is_inf(g: Graph, n: Node) -> Any:
    """True where `x` is infinite, of the signs asked for."""
    return g.is_inf(
        n.inputs[0],
        detect_negative=bool(n.get("detect_negative", 1)),
        detect_positive=bool(n.get("detect_positive", 1)),
    )


@rule("Cast")
def cast(g: Graph, n: Node) -> Any:
    """`x` in another element type."""
    return to_element(g, n.inputs[0], element_of(n.get("to")))


@rule("CastLike")
def cast_like(g: Graph, n: Node) -> Any:
    """`x` in the element type of the second input."""
    return to_element(g, n.inputs[0], g.dtype(n.inputs[1]))


def to_element(g: Graph, x: Any, element: Any) -> Any:
    """`x` cast, or `x` itself where it has the element type."""
    return x if g.dtype(x) == element else g.cast(x, to=element)


@rule("Clip", since=1)
def clip_attributes(g: Graph, n: Node) -> Any:
    """`min(max(x, low), high)` with the limits as attributes."""
    low, high = n.get("min", -math.inf), n.get("max", math.inf)
    return clip_between(g, n.inputs[0], np.float64(low), np.float64(high))


@rule("Clip", since=11)
def clip(g: Graph, n: Node) -> Any:
    """`min(max(x, low), high)` with optional limits as inputs."""
    return clip_between(g, n.inputs[0], n.input(1), n.input(2))


def clip_between(g: Graph, x: Any, low: Any, high: Any) -> Any:
    """One `clip` where the limits are known floats, else `maximum` and `minimum`."""
    limits = [v for v in (low, high) if v is not None]
    if g.dtype(x).is_float and all(isinstance(v, (np.ndarray, np.generic)) for v in limits):
        low = -math.inf if low is None else float(low)
        high = math.inf if high is None else float(high)
        if low <= high:
            return x if (low, high) == (-math.inf, math.inf) else g.clip(x, low=low, high=high)
        low = high = g.number(high, x)
    y = x if low is None else g.maximum(x, low)
    return y if high is None else g.minimum(y, high)


@rule("Dropout")
def dropout(g: Graph, n: Node) -> Any:
    """`y = x` at inference; the mask is all true."""
    training = n.known(2)
    ratio = n.known(1)
    if training is not None and training.all() and (ratio is None or ratio.any()):
        n.fail("training_mode must be false, got true", "export the model for inference")
    x = n.inputs[0]
    if not n.wants(1):
        return x
    kind = np.dtype(bool) if n.version >= 10 else g.dtype(x).numpy
    return [x, np.broadcast_to(np.array(1, kind), g.shape(x))]
