"""Tensors: an array now, or a value of a program that is being recorded.

    x = tensor([[1.0, 2.0]])     # f32[1,2]
    y = x * 2 + 1                # computed at once
    y.numpy()

Inside of a trace the same operators record ops, and a tensor has a type but no array. A tensor
never changes; a `Parameter` does, by `assign`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tyc.dialects.types import DType, TensorType, dtype
from tyc.frames import error
from tyc.operators import Operators

if TYPE_CHECKING:
    from mlir import ir

    from tyc.recording import Recorder

DTypeLike = DType | str | type | np.dtype


def element_type(value: DTypeLike) -> DType:
    """The element type that a user's word stands for; raises `UserError` for one we lack."""
    try:
        return dtype(value)
    except TypeError as raised:
        raise error(str(raised)) from None


class Tensor(Operators):
    """An immutable n-dimensional array with one element type."""

    __slots__ = ("__weakref__", "_array", "_recorder", "_type", "_value")

    def __init__(self, array: Any) -> None:
        """Wraps an array, which must not change afterwards; `tensor` copies."""
        self._array: np.ndarray | None = np.asarray(array)
        self._type: TensorType | None = None
        self._value: ir.Value | None = None
        self._recorder: Recorder | None = None

    @classmethod
    def symbolic(cls, recorder: Recorder, value: ir.Value, type: TensorType) -> Tensor:
        """A tensor that stands for `value` in the program that `recorder` records."""
        made = object.__new__(Tensor)
        made._array, made._type, made._value, made._recorder = None, type, value, recorder
        return made

    @property
    def is_symbolic(self) -> bool:
        """True for a value of a recorded program, which has no array."""
        return self._array is None

    @property
    def type(self) -> TensorType:
        """Shape and element type."""
        if self._type is None:
            array = self.array("dtype")
            self._type = TensorType(tuple(array.shape), element_type(array.dtype))
        return self._type

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self._array.shape if self._array is not None else self.type.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.type.size

    def array(self, what: str = "the value") -> np.ndarray:
        """The array itself, not to be written to; `UserError` for a symbolic tensor."""
        if self._array is None:
            raise error(
                f"{what} of a tensor is not known while the program is recorded, got {self.type}",
                "choose with tyc.functional.where, or compute it outside of the traced function",
            )
        return self._array

    def numpy(self) -> np.ndarray:
        """The value as a read-only NumPy array that shares its memory."""
        view = self.array().view()
        view.flags.writeable = False
        return view

    def item(self) -> bool | int | float:
        """The only element as a Python number."""
        array = self.array()
        if array.size != 1:
            raise error(f"item() takes a tensor with one element, got {self.type}")
        return array.item()

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        return self.array().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and np.dtype(dtype) != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if not (self.dtype.is_integer and self.size == 1):
            raise TypeError(f"only a tensor with one integer can be an index, got {self.type}")
        return int(self.item())

    def __bool__(self) -> bool:
        array = self.array("the truth")
        if array.size != 1:
            raise error(
                f"the truth of a tensor with {array.size} elements is ambiguous, got {self.type}",
                "reduce it with tyc.functional.any or tyc.functional.all",
            )
        return bool(array.item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a tensor of rank 0 has no length")
        return self.shape[0]

    def __setitem__(self, index: Any, value: Any) -> None:
        raise error(
            "a tensor never changes, got an assignment to a part of it",
            "make a new one: tyc.functional.where, scatter or set_item",
        )

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __repr__(self) -> str:
        if self._array is None:
            return f"{type(self).__name__}({self.type}, recorded)"
        text = np.array2string(self._array, separator=", ", prefix=f"{type(self).__name__}(")
        return f"{type(self).__name__}({text}, {self.type})"


class Parameter(Tensor):
    """A tensor that a model owns and training changes.

    `trainable` false keeps it out of gradients.
    """

    __slots__ = ("trainable",)

    def __init__(self, array: Any, trainable: bool = True) -> None:
        value = tensor(array)
        super().__init__(value.array())
        self.trainable = trainable

    def assign(self, value: Any) -> None:
        """Gives the parameter a new value of the same shape and element type."""
        new = tensor(value)
        if new.type != self.type:
            raise error(f"a parameter keeps its type {self.type}, got {new.type}")
        self._array = new.array()


def tensor(value: Any, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor with a copy of `value`: a number, nested lists, an array or a tensor.

    Python floats become f32, Python integers i64; arrays keep their element type.
    """
    if isinstance(value, Tensor):
        source = value.array()
    elif isinstance(value, (np.ndarray, np.generic)):
        source = np.asarray(value)
    else:
        source = _from_python(value)
        if dtype is None and source.dtype == np.float64:
            source = source.astype(np.float32)
    wanted = element_type(source.dtype if dtype is None else dtype)
    return Tensor(np.array(source, wanted.numpy, order="C"))


def _from_python(value: Any) -> np.ndarray:
    try:
        source = np.asarray(value)
    except ValueError:
        raise error("nested lists must have equal lengths, got different ones") from None
    if source.dtype == object:
        raise error(f"a tensor is made of numbers, got {type(value).__name__}")
    return source
