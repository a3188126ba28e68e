"""Formulas over ty values: `1 - y * y` builds `ty.subtract` and `ty.multiply`.

`gradient` rules of elementwise ops are rows of such formulas:

    gradient = chain(lambda x, y: 1 - y * y)             # dx = g * (1 - y * y)
    gradient = chain(lambda a, b, y: (b, a))             # da = g * b, db = g * a
    gradient = chain(lambda x, y: None)                  # no gradient: constant almost everywhere
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from mlir import ir

from tyc.dialects.building import attributes_of, build, operands_of, type_of
from tyc.dialects.ods import REGISTRY
from tyc.dialects.types import DType, f32

Like = Union["Expression", int, float]


@dataclass(frozen=True)
class Expression:
    """One ty value with Python's operators; numbers become rank-0 constants of its element type."""

    value: ir.Value

    def _call(self, name: str, *operands: Like) -> Expression:
        values = [number_like(o, self.value) for o in operands]
        return Expression(build(REGISTRY[name], *values))

    def __add__(self, other: Like) -> Expression:
        return self._call("add", self, other)

    def __radd__(self, other: Like) -> Expression:
        return self._call("add", other, self)

    def __sub__(self, other: Like) -> Expression:
        return self._call("subtract", self, other)

    def __rsub__(self, other: Like) -> Expression:
        return self._call("subtract", other, self)

    def __mul__(self, other: Like) -> Expression:
        return self._call("multiply", self, other)

    def __rmul__(self, other: Like) -> Expression:
        return self._call("multiply", other, self)

    def __truediv__(self, other: Like) -> Expression:
        return self._call("divide", self, other)

    def __rtruediv__(self, other: Like) -> Expression:
        return self._call("divide", other, self)

    def __neg__(self) -> Expression:
        return self._call("negative", self)

    def __lt__(self, other: Like) -> Expression:
        return self._call("less", self, other)

    def __le__(self, other: Like) -> Expression:
        return self._call("less_equal", self, other)

    def __gt__(self, other: Like) -> Expression:
        return self._call("greater", self, other)

    def __ge__(self, other: Like) -> Expression:
        return self._call("greater_equal", self, other)

    def __and__(self, other: Expression) -> Expression:
        return self._call("logical_and", self, other)

    def equal(self, other: Like) -> Expression:
        """`self == other` as i1 (Python's `==` stays identity)."""
        return self._call("equal", self, other)

    def cast(self, to: object) -> Expression:
        """The value in another element type."""
        return Expression(build(REGISTRY["cast"], self.value, to=to))


def number_like(value: Like | ir.Value, like: ir.Value) -> ir.Value:
    """A ty value of what is a number, an expression or a value already."""
    if isinstance(value, Expression):
        return value.value
    if isinstance(value, (int, float)):
        return build(REGISTRY["full"], shape=(), value=value, element=type_of(like).dtype)
    return value


def apply(name: str, x: Expression, *others: Like, **attributes: Any) -> Expression:
    """The op `name` on expressions: `apply("exp", x)`."""
    values = [number_like(o, x.value) for o in others]
    return Expression(build(REGISTRY[name], x.value, *values, **attributes))


def where(condition: Expression, x: Like, y: Like, like: Expression) -> Expression:
    """`x` where `condition` holds, else `y`; numbers take the element type of `like`."""
    values = [number_like(v, like.value) for v in (x, y)]
    return Expression(build(REGISTRY["where"], condition.value, *values))


def chain(partials: Callable[..., Any]) -> Callable[..., Any]:
    """The `gradient` rule of an elementwise op from its partial derivatives.

    `partials(*operands, y, **attributes)` gives an expression, a number, or None (no gradient) for
    each operand; the rule multiplies each by the gradient of `y`.
    """

    def gradient(self: Any, grad: ir.Value) -> Any:
        operands = [Expression(v) for v in operands_of(self)]
        results = partials(*operands, Expression(self.y), **attributes_of(self))
        results = results if isinstance(results, tuple) else (results,)
        return tuple(_scaled(grad, p) for p in results)

    return gradient


def widened(expand: Callable[..., Any]) -> Callable[..., Any]:
    """`expand` with 16-bit float operands cast to f32, its results to the first one's type."""

    @functools.wraps(expand)
    def call(*operands: ir.Value | None, **attributes: Any) -> Any:
        types = [None if v is None else type_of(v).dtype for v in operands]
        if not any(map(_is_narrow, types)):
            return expand(*operands, **attributes)
        wide = [
            build(REGISTRY["cast"], v, to=f32) if _is_narrow(d) else v
            for v, d in zip(operands, types)
        ]
        results = expand(*wide, **attributes)
        if isinstance(results, list):
            return [build(REGISTRY["cast"], r, to=types[0]) for r in results]
        return build(REGISTRY["cast"], results, to=types[0])

    return call


def _is_narrow(d: DType | None) -> bool:
    return d is not None and d.is_float and d.bits == 16


def _scaled(grad: ir.Value, partial: Expression | float | None) -> ir.Value | None:
    if partial is None:
        return None
    if isinstance(partial, (int, float)) and partial == 1:
        return grad
    return (Expression(grad) * partial).value
