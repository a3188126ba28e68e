"""Tensors from attributes: constants, parameters, counters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tyc.dialects.axes import checked_axis
from tyc.dialects.ods import Element, Elements, Float, Int, Ints, Op, Result, Str, example
from tyc.dialects.references import array
from tyc.dialects.types import DTYPES, DType, TensorType, dtype, type_of_array

LARGEST_CONSTANT = 64
"""Elements that a constant may have in the IR, unless all are equal."""


class ConstantOp(Op, name="constant"):
    """A small array, or a large one of equal elements.

    (C1) it has at most 64 elements, or all of them are equal.
    """

    value: Elements
    y: Result
    examples = (
        example(value=array([[1, 2], [3, -4.5]])),
        example(value=np.float32(0.1)),
        example(value=array([np.nan, np.inf, -np.inf])),
        example(value=np.array([1, -2, 300], np.int32)),
        example(value=np.array([1, 2, 255], np.uint8)),
        example(value=np.array([2**63 + 5], np.uint64)),
        example(value=np.array([[True, False, True]])),
        example(value=np.zeros((3,), bool)),
        example(value=np.full((100, 3), 2.5, np.float64)),
        example(value=np.array([1.5, 2.5], dtype("bf16").numpy)),
        example(value=np.array([1.5, -0.1], np.float16)),
        example(value=np.full((2, 2), -1.5, dtype("bf16").numpy)),
        example(value=np.zeros((0, 3), np.float32)),
    )

    @classmethod
    def infer(cls, value: np.ndarray) -> TensorType:
        """The type of the array."""
        value = np.asarray(value)
        small = value.size <= LARGEST_CONSTANT
        if not small and not (value == value.reshape(-1)[0]).all():  # C1
            raise cls.error(
                f"value must have at most {LARGEST_CONSTANT} elements, got {value.size}",
                "make it a parameter of the program",
            )
        return type_of_array(value)

    @staticmethod
    def reference(value: np.ndarray) -> np.ndarray:
        """The array itself."""
        return value


class ParameterOp(Op, name="parameter"):
    """The array of that name outside of the IR: a weight, or anything large.

    (C1) no size is negative.
    """

    name: Str
    shape: Ints
    element: Element
    y: Result

    @classmethod
    def infer(cls, name: str, shape: Sequence[int], element: DType) -> TensorType:
        """What `shape` and `element` say."""
        _check_sizes(cls, shape)
        return TensorType(tuple(shape), dtype(element))


def _check_sizes(op: type[Op], shape: Sequence[int]) -> None:
    if any(n < 0 for n in shape):  # C1
        raise op.error(f"sizes must be 0 or more, got {list(shape)}")


class IotaOp(Op, name="iota"):
    """Counts along `axis`: `y[i] = i[axis]`.

    (C1) no size is negative; (C2) `axis` is a dimension; (C3) the element type is not i1.
    """

    shape: Ints
    axis: Int
    element: Element
    y: Result
    examples = (
        example(shape=[3, 4], axis=1, element="i64"),
        example(shape=[3, 4], axis=-2, element="f32"),
        example(shape=[5], axis=0, element="u8"),
        example(shape=[5], axis=0, element="bf16"),
        example(shape=[5], axis=0, element="f16"),
        example(shape=[1, 1], axis=0, element="f64"),
        example(shape=[0], axis=0, element="i32"),
    )

    @classmethod
    def infer(cls, shape: Sequence[int], axis: int, element: DType) -> TensorType:
        """What `shape` and `element` say."""
        _check_sizes(cls, shape)
        checked_axis(cls, axis, len(shape))  # C2
        if dtype(element).kind == "bool":  # C3
            raise cls.error(f"element type must be a number, got {element}")
        return TensorType(tuple(shape), dtype(element))

    @staticmethod
    def reference(shape: Sequence[int], axis: int, element: DType) -> np.ndarray:
        """`numpy.indices` along `axis`."""
        return np.indices(tuple(shape))[axis].astype(dtype(element).numpy)


class FullOp(Op, name="full"):
    """`value` everywhere. (C1) no size is negative."""

    shape: Ints
    value: Float
    element: Element
    y: Result
    examples = (
        *(example(shape=[2, 3], value=1.0, element=name) for name in DTYPES),
        example(shape=[], value=0.1, element="f32"),
        example(shape=[3], value=-np.inf, element="f16"),
        example(shape=[2], value=-3, element="i8"),
        example(shape=[0, 2], value=0, element="i64"),
    )

    @classmethod
    def infer(cls, shape: Sequence[int], value: float, element: DType) -> TensorType:
        """What `shape` and `element` say."""
        _check_sizes(cls, shape)
        return TensorType(tuple(shape), dtype(element))

    @staticmethod
    def reference(shape: Sequence[int], value: float, element: DType) -> np.ndarray:
        """`numpy.full`."""
        return np.full(tuple(shape), value).astype(dtype(element).numpy)
