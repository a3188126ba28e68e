"""Scalars for `scalar` rules: `x + y`, `exp(x)`, `where(x > 0, x, y)` become arith and math ops.

A `Scalar` is one MLIR value and its element type. The same rule serves a scalar and a vector of
lanes: constants take the shape of what they meet. Arithmetic follows NumPy: integers wrap,
integer division and modulo floor (`//`, `%`), `max` and `min` propagate NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

from mlir import ir
from mlir.dialects import arith, math

from tyc.dialects.building import mlir_element
from tyc.dialects.types import DType, dtype, i1

Number = int | float | bool
Like = Union["Scalar", Number]


@dataclass(frozen=True)
class Scalar:
    """An MLIR value of element type `dtype`, or a vector of such lanes."""

    value: ir.Value
    dtype: DType

    def _lift(self, other: Like) -> Scalar:
        return other if isinstance(other, Scalar) else constant(other, self)

    def _binary(self, other: Like, of_float: Callable, signed: Callable, unsigned: Callable):
        rhs = self._lift(other)
        build = {"float": of_float, "int": signed}.get(self.dtype.kind, unsigned)
        return Scalar(build(self.value, rhs.value), self.dtype)

    def __add__(self, other: Like) -> Scalar:
        return self._binary(other, arith.addf, arith.addi, arith.addi)

    def __sub__(self, other: Like) -> Scalar:
        return self._binary(other, arith.subf, arith.subi, arith.subi)

    def __mul__(self, other: Like) -> Scalar:
        return self._binary(other, arith.mulf, arith.muli, arith.muli)

    def __truediv__(self, other: Like) -> Scalar:
        return self._binary(other, arith.divf, arith.divsi, arith.divui)

    def __floordiv__(self, other: Like) -> Scalar:
        if self.dtype.is_float:
            return floor(self / other)
        return self._binary(other, arith.divf, arith.floordivsi, arith.divui)

    def __radd__(self, other: Like) -> Scalar:
        return self._lift(other) + self

    def __rsub__(self, other: Like) -> Scalar:
        return self._lift(other) - self

    def __rmul__(self, other: Like) -> Scalar:
        return self._lift(other) * self

    def __rtruediv__(self, other: Like) -> Scalar:
        return self._lift(other) / self

    def __neg__(self) -> Scalar:
        if self.dtype.is_float:
            return Scalar(arith.negf(self.value), self.dtype)
        return constant(0, self) - self

    def __and__(self, other: Like) -> Scalar:
        return Scalar(arith.andi(self.value, self._lift(other).value), self.dtype)

    def __or__(self, other: Like) -> Scalar:
        return Scalar(arith.ori(self.value, self._lift(other).value), self.dtype)

    def __xor__(self, other: Like) -> Scalar:
        return Scalar(arith.xori(self.value, self._lift(other).value), self.dtype)

    def __invert__(self) -> Scalar:
        return self ^ (True if self.dtype == i1 else -1)

    def __lshift__(self, other: Like) -> Scalar:
        return self._shift(other, arith.shli)

    def __rshift__(self, other: Like) -> Scalar:
        return self._shift(other, arith.shrsi if self.dtype.kind == "int" else arith.shrui)

    def _shift(self, other: Like, build: Callable) -> Scalar:
        rhs = self._lift(other)
        return Scalar(build(self.value, rhs.value), self.dtype)

    def _compare(self, other: Like, predicate: str) -> Scalar:
        rhs = self._lift(other).value
        if self.dtype.is_float:
            name = "UNE" if predicate == "ne" else "O" + predicate.upper()
            return Scalar(arith.cmpf(getattr(arith.CmpFPredicate, name), self.value, rhs), i1)
        sign = "" if predicate in ("eq", "ne") else "s" if self.dtype.kind == "int" else "u"
        kind = getattr(arith.CmpIPredicate, (sign + predicate))
        return Scalar(arith.cmpi(kind, self.value, rhs), i1)

    def __lt__(self, other: Like) -> Scalar:
        return self._compare(other, "lt")

    def __le__(self, other: Like) -> Scalar:
        return self._compare(other, "le")

    def __gt__(self, other: Like) -> Scalar:
        return self._compare(other, "gt")

    def __ge__(self, other: Like) -> Scalar:
        return self._compare(other, "ge")

    def equal(self, other: Like) -> Scalar:
        """`self == other` as i1 (Python's `==` stays identity)."""
        return self._compare(other, "eq")

    def not_equal(self, other: Like) -> Scalar:
        """`self != other` as i1; true where one is NaN."""
        return self._compare(other, "ne")


def _shaped(element: ir.Type, like: ir.Value) -> ir.Type:
    """`element`, in a vector of the shape of `like` where that is one."""
    if isinstance(like.type, ir.VectorType):
        return ir.VectorType.get(ir.VectorType(like.type).shape, element)
    return element


def constant(value: Number, like: Scalar) -> Scalar:
    """`value` in the element type and shape of `like`."""
    element = _signless(like.dtype)
    if like.dtype.is_float:
        attribute = ir.FloatAttr.get(element, float(value))
    else:
        bits = like.dtype.bits
        wrapped = int(value) & ((1 << bits) - 1)
        signed = wrapped - (1 << bits) if bits > 1 and wrapped >> (bits - 1) else wrapped
        attribute = ir.IntegerAttr.get(element, signed if bits > 1 else -wrapped)
    kind = _shaped(element, like.value)
    if isinstance(kind, ir.VectorType):
        attribute = ir.DenseElementsAttr.get_splat(kind, attribute)
    return Scalar(arith.constant(kind, attribute), like.dtype)


def _signless(d: DType) -> ir.Type:
    """The element type as arith sees it: integers have no sign."""
    return mlir_element(d) if d.is_float else ir.IntegerType.get_signless(d.bits)


def where(condition: Scalar, x: Scalar, y: Like) -> Scalar:
    """`x` where `condition` holds, else `y`."""
    return Scalar(arith.select(condition.value, x.value, x._lift(y).value), x.dtype)


def shift_left(x: Scalar, y: Like) -> Scalar:
    """`x << y`, 0 from the width of the type on."""
    y = x._lift(y)
    inside = _below_width(y)
    return where(inside, x << where(inside, y, 0), 0)


def shift_right(x: Scalar, y: Like) -> Scalar:
    """`x >> y`, only the sign is left from the width of the type on."""
    y = x._lift(y)
    inside = _below_width(y)
    if x.dtype.kind == "int":
        return x >> where(inside, y, x.dtype.bits - 1)
    return where(inside, x >> where(inside, y, 0), 0)


def _below_width(y: Scalar) -> Scalar:
    limit = constant(y.dtype.bits, y).value
    return Scalar(arith.cmpi(arith.CmpIPredicate.ult, y.value, limit), i1)


def is_nan(x: Scalar) -> Scalar:
    """True where `x` is not a number; an integer always is."""
    return x.not_equal(x)


def maximum(x: Scalar, y: Like) -> Scalar:
    """The larger one; NaN where one is NaN."""
    return x._binary(y, arith.maximumf, arith.maxsi, arith.maxui)


def minimum(x: Scalar, y: Like) -> Scalar:
    """The smaller one; NaN where one is NaN."""
    return x._binary(y, arith.minimumf, arith.minsi, arith.minui)


def _divisor(x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
    """Where an integer division traps (by 0, and the least integer by -1), and `y` made safe."""
    traps = y.equal(0)
    if x.dtype.kind == "int":
        traps = traps | y.equal(-1)
    return traps, where(traps, constant(1, y), y)


def divide(x: Scalar, y: Like) -> Scalar:
    """`x / y`; of integers rounded towards zero, 0 where `y` is 0, and never a trap."""
    y = x._lift(y)
    if x.dtype.is_float:
        return x / y
    traps, safe = _divisor(x, y)
    return where(traps, x * y, x / safe)


def remainder_truncated(x: Scalar, y: Like) -> Scalar:
    """The remainder with the sign of `x` (C's `fmod` and `%`); of integers 0 where `y` is 0."""
    y = x._lift(y)
    if x.dtype.is_float:
        return x._binary(y, arith.remf, arith.remsi, arith.remui)
    traps, safe = _divisor(x, y)
    return where(traps, constant(0, x), x._binary(safe, arith.remf, arith.remsi, arith.remui))


def remainder(x: Scalar, y: Like) -> Scalar:
    """The remainder with the sign of `y` (Python's `%`); of integers 0 where `y` is 0."""
    y = x._lift(y)
    rest = remainder_truncated(x, y)
    if x.dtype.kind == "uint":
        return rest
    differs = (rest < 0) ^ (y < 0)
    return where(rest.not_equal(0) & differs, rest + y, rest)


def power(x: Scalar, y: Like) -> Scalar:
    """`x ** y`; of integers modulo 2**bits, rounded towards zero where `y` is negative."""
    y = x._lift(y)
    if x.dtype.is_float:
        return function("powf", x, y)
    result, square = constant(1, x), x
    for bit in range(x.dtype.bits - (x.dtype.kind == "int")):
        result = where(((y >> bit) & 1).not_equal(0), result * square, result)
        square = square * square
    if x.dtype.kind == "uint":
        return result
    # A negative power of 1 or -1 is that power of its own inverse, of all else a fraction.
    unit = x.equal(1) | x.equal(-1)
    odd = where((y & 1).not_equal(0), x, 1)
    return where(y < 0, where(unit, odd, 0), result)


def _unary(build: Callable, x: Scalar) -> Scalar:
    return Scalar(build(x.value), x.dtype)


def floor(x: Scalar) -> Scalar:
    """The largest whole number not above."""
    return _unary(math.floor, x)


def ceil(x: Scalar) -> Scalar:
    """The smallest whole number not below."""
    return _unary(math.ceil, x)


def round_even(x: Scalar) -> Scalar:
    """The nearest whole number, ties to even."""
    return _unary(math.roundeven, x)


def truncate(x: Scalar) -> Scalar:
    """The whole number that is nearest towards zero."""
    return _unary(math.trunc, x)


def absolute(x: Scalar) -> Scalar:
    """`|x|`."""
    if x.dtype.is_float:
        return _unary(math.absf, x)
    return x if x.dtype.kind == "uint" else maximum(x, -x)


def function(name: str, x: Scalar, *others: Like) -> Scalar:
    """The op `math.<name>` on floats: `exp`, `log`, `log1p`, `expm1`, `tanh`, `erf`, `sin`, `cos`,
    `tan`, `atan`, `sqrt`, `rsqrt`, `asin`, `acos`, `sinh`, `cosh`, `asinh`, `acosh`, `atanh`,
    `powf`, `atan2`."""
    arguments = [x.value, *(x._lift(o).value for o in others)]
    return Scalar(getattr(math, name)(*arguments), x.dtype)


def exp(x: Scalar) -> Scalar:
    """`e**x`."""
    return function("exp", x)


def log(x: Scalar) -> Scalar:
    """The natural logarithm."""
    return function("log", x)


def tanh(x: Scalar) -> Scalar:
    """The hyperbolic tangent."""
    return function("tanh", x)


def sqrt(x: Scalar) -> Scalar:
    """The square root."""
    return function("sqrt", x)


def erf(x: Scalar) -> Scalar:
    """The error function."""
    return function("erf", x)


def cast(x: Scalar, to: object) -> Scalar:
    """`x` in another element type: to i1 it is `x != 0`, a float to an integer saturates."""
    d = dtype(to)
    if d == x.dtype:
        return x
    if d == i1:
        return x.not_equal(0)
    if _detours(x.dtype, d):
        return cast(cast(x, "f32"), d)
    kind = _shaped(_signless(d), x.value)
    if x.dtype.is_float and d.is_float:
        build = arith.extf if d.bits > x.dtype.bits else arith.truncf
        return Scalar(build(kind, x.value), d)
    if x.dtype.is_float:
        return _saturate(x, d, kind)
    if d.is_float:
        build = arith.sitofp if x.dtype.kind == "int" else arith.uitofp
        return Scalar(build(kind, x.value), d)
    if d.bits == x.dtype.bits:
        return Scalar(x.value, d)
    if d.bits < x.dtype.bits:
        return Scalar(arith.trunci(kind, x.value), d)
    return Scalar((arith.extsi if x.dtype.kind == "int" else arith.extui)(kind, x.value), d)


def _detours(start: DType, end: DType) -> bool:
    """Whether a cast goes by f32: processors convert 16-bit floats from and to f32 only, and LLVM
    would call functions of its own library, which an artifact has not."""
    narrow = [d for d in (start, end) if d.is_float and d.bits == 16]
    return bool(narrow) and "f32" not in (start.name, end.name)


def _saturate(x: Scalar, d: DType, kind: ir.Type) -> Scalar:
    """A float as an integer: truncated, out of range the nearest integer, 0 for NaN."""
    signed = d.kind == "int"
    top = 2 ** (d.bits - signed)
    low, high = (-top if signed else 0), top - 1
    above, below = x >= float(top), x < float(low)
    fits = (x < float(top)) & (x >= float(low))
    safe = where(fits, x, 0)
    whole = Scalar((arith.fptosi if signed else arith.fptoui)(kind, safe.value), d)
    return where(above, constant(high, whole), where(below, constant(low, whole), whole))
