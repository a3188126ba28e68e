"""Random numbers from a counter: one seed gives the same numbers in any order of evaluation.

Each number is a hash of the seed and its position, so that threads, tiles and recomputation cannot
change a bit; and no result depends on whether a product and a sum are fused, because the products
are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, apply, where, widened
from tyc.dialects.ods import Composite, Element, Float, Ints, Operand, Result, example
from tyc.dialects.types import DType, TensorType, dtype, f32, f64, i64

# SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014):
# an odd increment and two multipliers.
STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_BITS = 24
"""Random bits of one number: what f32 holds exactly."""
_SCALE_BITS = 53 - _BITS
"""Bits of a scale whose product with a number of `_BITS` is exact in f64."""
_UNIT = 2.0**-_BITS

_SEEDS = (np.array([1, 2], np.int64), np.array([-1, 7], np.int64), np.array([0, 0], np.int64))


class Draw(Composite):
    """Independent numbers, one a position, hashed with `seed`.

    (C1) `seed` is i64[2]; (C2) `element` is f32 or f64; (C3) no size is negative.
    """

    @classmethod
    def infer(cls, seed: TensorType, shape: Sequence[int], **attributes: Any) -> TensorType:
        """What `shape` and `element` say."""
        element = dtype(attributes["element"])
        _check_seed(cls, seed)  # C1
        if element.name not in ("f32", "f64"):  # C2
            raise cls.error(f"element must be f32 or f64, got {element}", "cast the result")
        if any(n < 0 for n in shape):  # C3
            raise cls.error(f"sizes must be 0 or more, got {list(shape)}")
        return TensorType(tuple(shape), element)

    STEP: ClassVar[int] = STEP

    @staticmethod
    def hashes(seed: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """The 64 random bits of each position, u64: SplitMix64 of `seed[0] + position * STEP`,
        mixed with `seed[1]` between two rounds."""
        start, key = seed.astype(np.uint64)
        position = np.arange(math.prod(shape), dtype=np.uint64)
        mixed = _mix(_mix(position * np.uint64(STEP) + start) ^ key)
        return mixed.reshape(tuple(shape))


def _check_seed(op: type[Composite], seed: TensorType) -> None:
    if seed != TensorType((2,), i64):
        raise op.error(f"seed must be i64[2], got {seed}")


class UniformOp(Draw, name="uniform"):
    """Independent numbers, uniform in `low <= y < high`, with 24 random bits each.

    They are SplitMix64 of `seed[0] + position * STEP`, mixed with `seed[1]` between two rounds.
    """

    seed: Operand
    shape: Ints
    low: Float = 0.0
    high: Float = 1.0
    element: Element = "f32"  # pyright: ignore[reportAssignmentType]
    y: Result
    examples = (
        example(_SEEDS[0], shape=[3, 5]),
        example(_SEEDS[1], shape=[8], low=-2.5, high=0.1, element="f64"),
        example(_SEEDS[1], shape=[4, 9], low=1.0, high=2.0),
        example(_SEEDS[2], shape=[]),
        example(_SEEDS[2], shape=[0]),
    )

    @staticmethod
    def reference(
        seed: np.ndarray, shape: Sequence[int], low: float, high: float, element: DType
    ) -> np.ndarray:
        """The formula."""
        unit = (Draw.hashes(seed, shape) >> np.uint64(64 - _BITS)).astype(np.float32)
        return UniformOp.scaled(unit * np.float32(_UNIT), dtype(element), low, high)

    @staticmethod
    def scaled(unit: np.ndarray, element: DType, low: float, high: float) -> np.ndarray:
        """Numbers in [0, 1) brought to `low <= y < high`."""
        if (low, high) == (0.0, 1.0):
            return unit.astype(element.numpy)
        y = (unit.astype(np.float64) * exact_factor(high - low) + low).astype(element.numpy)
        return np.minimum(y, _below(high, low, element))

    @staticmethod
    def expand(
        seed: ir.Value, shape: Sequence[int], low: float, high: float, element: DType
    ) -> ir.Value:
        """The formula, in f64 where there is a sum."""
        kind = dtype(element)
        plain = (low, high) == (0.0, 1.0)
        unit = _top_bits(_hash_values(seed, shape), 64 - _BITS, kind if plain else f64) * _UNIT
        if plain:
            return unit.value
        y = (unit * exact_factor(high - low) + low).cast(kind)
        return apply("minimum", y, float(_below(high, low, kind))).value


def exact_factor(value: float) -> float:
    """`value` cut to as many bits as have an exact product with 24 bits in f64."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.trunc(mantissa * 2.0**_SCALE_BITS), exponent - _SCALE_BITS)


def _below(high: float, low: float, kind: DType) -> Any:
    """The number next to `high` on the side of `low`: rounding must not reach `high`."""
    return np.nextafter(kind.numpy.type(high), kind.numpy.type(low))


class NormalOp(Draw, name="normal"):
    """Independent normal numbers: `mean + std * sqrt(-2 ln u) * cos(2 pi v)`.

    `u` in (0, 1] and `v` in [0, 1) are 24 bits each of one hash (Box and Muller, A Note on the
    Generation of Random Normal Deviates, 1958), so that `|y - mean| < 5.8 * std`; computed in f32.
    """

    seed: Operand
    shape: Ints
    mean: Float = 0.0
    std: Float = 1.0
    element: Element = "f32"  # pyright: ignore[reportAssignmentType]
    y: Result
    examples = (
        example(_SEEDS[0], shape=[3, 5]),
        example(_SEEDS[1], shape=[8], mean=3.0, std=0.1, element="f64", tolerance=1e-5),
        example(_SEEDS[2], shape=[2, 9], mean=-1.0, std=2.0),
        example(_SEEDS[2], shape=[0]),
    )

    @staticmethod
    def reference(
        seed: np.ndarray, shape: Sequence[int], mean: float, std: float, element: DType
    ) -> np.ndarray:
        """The formula."""
        z, bits = Draw.hashes(seed, shape), np.uint64(2**_BITS - 1)
        one, unit = np.float32(1), np.float32(_UNIT)
        u = ((z >> np.uint64(64 - _BITS)).astype(np.float32) + one) * unit
        v = ((z >> np.uint64(16)) & bits).astype(np.float32) * unit
        y = np.sqrt(np.log(u) * np.float32(-2)) * np.cos(v * np.float32(2 * math.pi))
        return NormalOp.scaled(y, dtype(element), mean, std)

    @staticmethod
    def scaled(standard: np.ndarray, element: DType, mean: float, std: float) -> np.ndarray:
        """Standard normal numbers with another mean and deviation."""
        if (mean, std) == (0.0, 1.0):
            return standard.astype(element.numpy)
        return (standard.astype(np.float64) * exact_factor(std) + mean).astype(element.numpy)

    @staticmethod
    def expand(
        seed: ir.Value, shape: Sequence[int], mean: float, std: float, element: DType
    ) -> ir.Value:
        """The formula."""
        z = _hash_values(seed, shape)
        u = (_top_bits(z, 64 - _BITS, f32) + 1.0) * _UNIT
        low = ty.bitwise_and(ty.shift_right(z, _u64(16)), _u64(2**_BITS - 1))
        v = _top_bits(low, 0, f32) * _UNIT
        y = apply("sqrt", apply("log", u) * -2.0) * apply("cos", v * (2 * math.pi))
        if (mean, std) != (0.0, 1.0):
            y = y.cast(f64) * exact_factor(std) + mean
        kind = dtype(element)
        return y.value if type_of(y.value).dtype == kind else y.cast(kind).value


class DropoutOp(Composite, name="dropout"):
    """`y = x / (1 - p)`, or 0 where the uniform number of `seed` at that position is below `p`.

    The gradient draws the same numbers again: no mask is kept (Srivastava et al., Dropout: A Simple
    Way to Prevent Neural Networks from Overfitting, JMLR 2014).

    (C1) `seed` is i64[2]; (C2) `x` is of floats; (C3) `0 <= p < 1`.
    """

    x: Operand
    seed: Operand
    p: Float
    y: Result
    examples = (
        example((3, 5), _SEEDS[0], p=0.5),
        example((4, 2, 3), _SEEDS[1], p=0.25, dtype="f64"),
        example((9,), _SEEDS[1], p=0.1, dtype="f16"),
        example((9,), _SEEDS[1], p=0.0, dtype="bf16"),
        example((0, 2), _SEEDS[2], p=0.5),
    )

    @classmethod
    def infer(cls, x: TensorType, seed: TensorType, p: float) -> TensorType:
        """The type of `x`."""
        _check_seed(cls, seed)  # C1
        if not x.dtype.is_float:  # C2
            raise cls.error(f"x must be of floats, got {x}", "cast it")
        if not 0 <= p < 1:  # C3
            raise cls.error(f"p must be in 0..1 and less than 1, got {p}")
        return x

    @staticmethod
    def reference(x: np.ndarray, seed: np.ndarray, p: float) -> np.ndarray:
        """The formula; 16-bit floats by f32."""
        wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
        keep = UniformOp.reference(seed, x.shape, 0.0, 1.0, f32) >= np.float32(p)
        return np.where(keep, wide * wide.dtype.type(1 / (1 - p)), 0).astype(x.dtype)

    @staticmethod
    @widened
    def expand(x: ir.Value, seed: ir.Value, p: float) -> ir.Value:
        """The formula."""
        uniform = Expression(ty.uniform(seed, shape=list(type_of(x).shape)))
        value = Expression(x)
        return where(uniform >= p, value * (1 / (1 - p)), 0, like=value).value

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, None]:
        """`dx = dropout(g)` with the same seed."""
        return ty.dropout(grad, self.seed, p=self.p), None


def _hash_values(seed: ir.Value, shape: Sequence[int]) -> ir.Value:
    """The 64 random bits of each position, as a value of u64."""
    bits = ty.cast(seed, to="u64")
    start, key = (
        ty.reshape(ty.slice(bits, starts=[k], sizes=[1], steps=[1]), shape=[]) for k in (0, 1)
    )
    position = ty.iota(shape=[math.prod(shape)], axis=0, element="u64")
    position = ty.reshape(position, shape=list(shape))
    z = _mix_values(ty.add(ty.multiply(position, _u64(STEP)), start))
    return _mix_values(ty.bitwise_xor(z, key))


def _top_bits(z: ir.Value, by: int, kind: DType) -> Expression:
    """`z >> by`, less than 2**31, as floats: through i32, which CPUs convert fast."""
    shifted = ty.shift_right(z, _u64(by)) if by else z
    return Expression(ty.cast(shifted, to="i32")).cast(kind)


def _u64(value: int) -> ir.Value:
    return ty.constant(value=np.array(value, np.uint64))


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
    return z ^ (z >> np.uint64(31))


def _mix_values(z: ir.Value) -> ir.Value:
    z = ty.multiply(ty.bitwise_xor(z, ty.shift_right(z, _u64(30))), _u64(_FIRST))
    z = ty.multiply(ty.bitwise_xor(z, ty.shift_right(z, _u64(27))), _u64(_SECOND))
    return ty.bitwise_xor(z, ty.shift_right(z, _u64(31)))
