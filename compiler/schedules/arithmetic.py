"""Index arithmetic on sizes: a size is an int, or an index value of the kernel; ints fold."""

from __future__ import annotations

from collections.abc import Callable

from mlir import ir
from mlir.dialects import arith

Size = int | ir.Value


def constant(value: int) -> ir.Value:
    """An index constant."""
    return arith.constant(ir.IndexType.get(), value)


def materialise(size: Size) -> ir.Value:
    """The size as an index value."""
    return constant(size) if isinstance(size, int) else size


def _binary(a: Size, b: Size, fold: Callable[[int, int], int], build: Callable) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return fold(a, b)
    return build(materialise(a), materialise(b))


def add(a: Size, b: Size) -> Size:
    """`a + b`."""
    if isinstance(a, int) and a == 0:
        return b
    if isinstance(b, int) and b == 0:
        return a
    return _binary(a, b, lambda x, y: x + y, arith.addi)


def subtract(a: Size, b: Size) -> Size:
    """`a - b`."""
    if isinstance(b, int) and b == 0:
        return a
    return _binary(a, b, lambda x, y: x - y, arith.subi)


def multiply(a: Size, b: Size) -> Size:
    """`a * b`."""
    for one, other in ((a, b), (b, a)):
        if isinstance(one, int) and one == 1:
            return other
        if isinstance(one, int) and one == 0:
            return 0
    return _binary(a, b, lambda x, y: x * y, arith.muli)


def floor_divide(a: Size, b: Size) -> Size:
    """`a // b` of sizes that are not negative."""
    if isinstance(b, int) and b == 1:
        return a
    return _binary(a, b, lambda x, y: x // y, arith.divui)


def remainder(a: Size, b: Size) -> Size:
    """`a % b` of sizes that are not negative."""
    if isinstance(b, int) and b == 1:
        return 0
    return _binary(a, b, lambda x, y: x % y, arith.remui)


def ceil_divide(a: Size, b: Size) -> Size:
    """The smallest whole number of `b` that covers `a`."""
    return floor_divide(add(a, subtract(b, 1)), b)


def minimum(a: Size, b: Size) -> Size:
    """The smaller size."""
    return _binary(a, b, min, arith.minsi)


def maximum(a: Size, b: Size) -> Size:
    """The larger size."""
    return _binary(a, b, max, arith.maxsi)
