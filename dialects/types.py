"""Element types and tensor types, as plain Python values that need no MLIR."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DType:
    """An element type: `name` is ours (`u8`), `mlir` is MLIR's (`ui8`), `bits` its width."""

    name: str
    mlir: str
    bits: int
    kind: str  # "float", "int", "uint" or "bool"

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory (a boolean takes one)."""
        return max(self.bits // 8, 1)

    @property
    def is_float(self) -> bool:
        """True for f16, bf16, f32 and f64."""
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        """True for signed and unsigned integers; a boolean is not one."""
        return self.kind in ("int", "uint")

    @property
    def numpy(self) -> np.dtype:
        """The NumPy dtype of the same layout (bf16 by ml_dtypes)."""
        if self.name == "bf16":
            import ml_dtypes

            return np.dtype(ml_dtypes.bfloat16)
        return np.dtype(_NUMPY[self.name])

    def __str__(self) -> str:
        return self.name


_NUMPY = {
    "f16": "float16", "f32": "float32", "f64": "float64", "i1": "bool",
    "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64",
}  # fmt: skip

DTYPES: dict[str, DType] = {
    d.name: d
    for d in (
        *(DType(f"f{b}", f"f{b}", b, "float") for b in (16, 32, 64)),
        DType("bf16", "bf16", 16, "float"),
        DType("i1", "i1", 1, "bool"),
        *(DType(f"i{b}", f"i{b}", b, "int") for b in (8, 16, 32, 64)),
        *(DType(f"u{b}", f"ui{b}", b, "uint") for b in (8, 16, 32, 64)),
    )
}
_BY_MLIR = {d.mlir: d for d in DTYPES.values()}
# Filled as they are met: a dtype's name, by which it is found, takes NumPy microseconds.
_BY_NUMPY: dict[np.dtype, DType] = {}

f16, f32, f64, bf16, i1 = (DTYPES[n] for n in ("f16", "f32", "f64", "bf16", "i1"))
i8, i16, i32, i64 = (DTYPES[n] for n in ("i8", "i16", "i32", "i64"))
u8, u16, u32, u64 = (DTYPES[n] for n in ("u8", "u16", "u32", "u64"))


def dtype(value: object) -> DType:
    """The `DType` of a DType, one of its names (`"f32"`, `"ui8"`) or anything `np.dtype` takes.

    Raises `TypeError` for an element type that tyc does not have.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str) and (found := DTYPES.get(value) or _BY_MLIR.get(value)):
        return found
    if isinstance(value, np.dtype) and (known := _BY_NUMPY.get(value)):
        return known
    try:
        name = np.dtype(value).name  # pyright: ignore[reportArgumentType, reportCallIssue]
    except TypeError as error:
        raise TypeError(f"element type {value!r} is not one of {', '.join(DTYPES)}") from error
    for d in DTYPES.values():
        if d.numpy.name == name:
            if isinstance(value, np.dtype):
                _BY_NUMPY[value] = d
            return d
    raise TypeError(f"element type {name} is not one of {', '.join(DTYPES)}")


@dataclass(frozen=True)
class TensorType:
    """A ranked tensor type: sizes and an element type, printed as `f32[2,3]`."""

    shape: tuple[int, ...]
    dtype: DType

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the dense row-major buffer."""
        return self.size * self.dtype.itemsize

    @property
    def mlir(self) -> str:
        """MLIR's text of the type, `tensor<2x3xf32>`."""
        return f"tensor<{''.join(f'{s}x' for s in self.shape)}{self.dtype.mlir}>"

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def tensor(shape: object, element: object) -> TensorType:
    """A `TensorType` from any sequence of sizes and anything `dtype` takes."""
    sizes = tuple(int(s) for s in shape)  # pyright: ignore[reportGeneralTypeIssues]
    return TensorType(sizes, dtype(element))


def type_of_array(array: np.ndarray) -> TensorType:
    """The tensor type of a NumPy array."""
    return TensorType(tuple(array.shape), dtype(array.dtype))


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The NumPy broadcast of `shapes`; raises `ValueError` where two sizes differ and none is 1."""
    return np.broadcast_shapes(*shapes)


def accumulator(d: DType) -> DType:
    """The element type in which sums of `d` are kept: f32 for 16-bit floats, else `d` itself."""
    return f32 if d.is_float and d.bits < 32 else d
