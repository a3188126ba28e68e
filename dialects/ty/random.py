"""Random numbers from a counter: one seed gives the same numbers in any order of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.ods import Composite, Element, Float, Ints, Operand, Result, example
from tyc.dialects.types import DType, TensorType, dtype, i64

# SplitMix64 (Steele, Lea and Flood, 2014): an odd increment and two multipliers.
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_BITS = 24
"""Random bits of one number: what f32 holds exactly."""


class UniformOp(Composite, name="uniform"):
    """Independent numbers, uniform in [low, high): a hash of the seed and the element's position.

    (C1) `seed` is i64[2]; (C2) `element` is f32 or f64; (C3) no size is negative.
    """

    seed: Operand
    shape: Ints
    low: Float = 0.0
    high: Float = 1.0
    element: Element = "f32"  # pyright: ignore[reportAssignmentType]
    y: Result
    examples = (
        example(np.array([1, 2], np.int64), shape=[3, 5]),
        example(np.array([-1, 7], np.int64), shape=[8], element="f64"),
        example(np.array([0, 0], np.int64), shape=[]),
        example(np.array([0, 0], np.int64), shape=[0]),
    )

    @classmethod
    def infer(cls, seed: TensorType, shape: Sequence[int], **attributes: Any) -> TensorType:
        """What `shape` and `element` say."""
        element = dtype(attributes["element"])
        if seed != TensorType((2,), i64):  # C1
            raise cls.error(f"seed must be i64[2], got {seed}")
        if element.name not in ("f32", "f64"):  # C2
            raise cls.error(f"element must be f32 or f64, got {element}", "cast the result")
        if any(n < 0 for n in shape):  # C3
            raise cls.error(f"sizes must be 0 or more, got {list(shape)}")
        return TensorType(tuple(shape), element)

    @staticmethod
    def reference(
        seed: np.ndarray, shape: Sequence[int], low: float, high: float, element: DType
    ) -> np.ndarray:
        """SplitMix64 of `seed[0] + position * step`, mixed with `seed[1]` between two rounds."""
        kind = dtype(element).numpy.type
        start, key = seed.astype(np.uint64)
        position = np.arange(int(np.prod(shape)), dtype=np.uint64).reshape(tuple(shape))
        mixed = _mix(_mix(position * np.uint64(_STEP) + start) ^ key)
        unit = (mixed >> np.uint64(64 - _BITS)).astype(kind) * kind(2.0**-_BITS)
        return unit * kind(high - low) + kind(low)

    @staticmethod
    def expand(
        seed: ir.Value, shape: Sequence[int], low: float, high: float, element: DType
    ) -> ir.Value:
        """The formula in u64."""
        bits = ty.cast(seed, to="u64")
        start, key = (
            ty.reshape(ty.slice(bits, starts=[k], sizes=[1], steps=[1]), shape=[]) for k in (0, 1)
        )
        size = int(np.prod(shape))
        position = ty.reshape(ty.iota(shape=[size], axis=0, element="u64"), shape=list(shape))
        z = _mix_values(ty.add(ty.multiply(position, _u64(_STEP)), start))
        z = _mix_values(ty.bitwise_xor(z, key))
        unit = ty.cast(ty.shift_right(z, _u64(64 - _BITS)), to=element)
        scale, offset = (
            ty.full(shape=(), value=v, element=element) for v in (2.0**-_BITS * (high - low), low)
        )
        return ty.add(ty.multiply(unit, scale), offset)


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
