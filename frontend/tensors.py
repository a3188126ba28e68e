"""Tensors: an array now, or a value of a program that is being recorded.

    x = tensor([[1.0, 2.0]])     # f32[1,2]
    y = x * 2 + 1                # computed at once
    y.numpy()

Inside of a trace the same operators record ops, and a tensor has a type but no array. A tensor
never changes; a `Parameter` does, by `assign`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tyc.dialects.types import DType, TensorType, dtype
from tyc.frames import error
from tyc.operators import Operators
from tyc.state import STATE

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


_SERIALS = itertools.count(1)


class Tensor(Operators):
    """An immutable n-dimensional array with one element type."""

    __slots__ = ("__weakref__", "_array", "_grad", "_recorder", "_serial", "_type", "_value")

    def __init__(self, array: Any) -> None:
        """Wraps an array, which must not change afterwards; `tensor` copies."""
        self._array: np.ndarray | None = np.asarray(array)
        self._type: TensorType | None = None
        self._value: ir.Value | None = None
        self._recorder: Recorder | None = None
        self._grad: Tensor | None = None
        self._serial = 0

    @classmethod
    def symbolic(cls, recorder: Recorder, value: ir.Value, type: TensorType) -> Tensor:
        """A tensor that stands for `value` in the program that `recorder` records."""
        made = object.__new__(Tensor)
        made._array, made._type, made._value, made._recorder = None, type, value, recorder
        made._grad, made._serial = None, 0
        return made

    @property
    def serial(self) -> int:
        """A number that no other tensor of this process has or had: a tape knows tensors by it."""
        if not self._serial:
            self._serial = next(_SERIALS)
        return self._serial

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
            assert self._recorder is not None
            raise self._recorder.no_value(self, what)
        return self._array

    def _seen(self, what: str = "the value") -> np.ndarray:
        """The array for Python code to look at: what may change until the next call has none while
        a program is recorded."""
        if STATE.recorder is not None and STATE.recorder.is_state(self):
            raise STATE.recorder.no_value(self, what)
        return self.array(what)

    @property
    def grad(self) -> Tensor | None:
        """What `GradManager.backward` has added up for this tensor since `clear_grad`, or None."""
        if STATE.recorder is not None:
            STATE.recorder.touch_grad(self)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and (not isinstance(value, Tensor) or value.type != self.type):
            got = value.type if isinstance(value, Tensor) else type(value).__name__
            raise error(f"a gradient must be a tensor {self.type} like its tensor's, got {got}")
        if STATE.recorder is not None:
            STATE.recorder.touch_grad(self)
        self._grad = value

    def clear_grad(self) -> None:
        """Sets `grad` to None."""
        self.grad = None

    def detach(self) -> Tensor:
        """The same value, through which no gradient goes."""
        if STATE.recorder is not None:
            return Tensor.symbolic(STATE.recorder, STATE.recorder.value(self), self.type)
        return Tensor(self.array())

    def numpy(self) -> np.ndarray:
        """The value as a read-only NumPy array that shares its memory."""
        view = self._seen().view()
        view.flags.writeable = False
        return view

    def item(self) -> bool | int | float:
        """The only element as a Python number."""
        array = self._seen()
        if array.size != 1:
            raise error(f"item() takes a tensor with one element, got {self.type}")
        return array.item()

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        return self._seen().tolist()

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
        array = self._seen("the truth")
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


class Variable(Tensor):
    """A tensor whose value changes, by `assign`: state of a model or of what trains it.

    A traced function reads the newest value at each call, and writes the value that it assigns into
    the array that the variable has; whoever else holds that array (`numpy`, `detach`, a state
    dictionary) keeps the old one.
    """

    __slots__ = ("name", "of")

    def __init__(self, array: Any, name: str = "", of: Variable | None = None) -> None:
        """`name` is what a program calls the variable; it follows the name of `of`, if given."""
        super().__init__(tensor(array)._array)
        self.name, self.of = name, of

    def assign(self, value: Any) -> None:
        """Gives the variable a new value of the same shape and element type."""
        new = value if isinstance(value, Tensor) else tensor(value)
        if new.type != self.type:
            raise error(
                f"a {type(self).__name__.lower()} keeps its type {self.type}, got {new.type}"
            )
        if STATE.recorder is not None:
            STATE.recorder.assign(self, new)
        else:
            self._array = new.array()

    def snapshot(self) -> Tensor:
        """The value as it is now, in a tensor that tapes take for this one."""
        if STATE.recorder is not None:
            now = Tensor.symbolic(STATE.recorder, STATE.recorder.value(self), self.type)
        else:
            now = Tensor(self._array)
        now._serial = self.serial
        return now


class Parameter(Variable):
    """A variable that a model owns and training changes.

    `trainable` false keeps it out of gradients.
    """

    __slots__ = ("trainable",)

    def __init__(self, array: Any, trainable: bool = True, name: str = "") -> None:
        super().__init__(array, name)
        self.trainable = trainable


def tensor(value: Any, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor with a copy of `value`: a number, nested lists, an array or a tensor.

    Python floats become f32, Python integers i64; arrays, PyTorch's too, keep their element type.
    """
    if isinstance(value, Tensor):
        source = value.array()
    elif is_array(value):
        source = array_of(value)
    else:
        source = _from_python(value)
        if dtype is None and source.dtype == np.float64:
            source = source.astype(np.float32)
    wanted = element_type(source.dtype if dtype is None else dtype)
    return Tensor(np.array(source, wanted.numpy, order="C"))


def is_array(value: Any) -> bool:
    """True for an array of NumPy or of another framework: what has `__array__` or DLPack."""
    return hasattr(value, "__array__") or hasattr(value, "__dlpack__")


def array_of(value: Any) -> np.ndarray:
    """An array of any framework as one of NumPy in C order, without a copy where that can be.

    Raises `UserError` where the array is not in this machine's memory, or its owner keeps it back,
    as PyTorch does with what requires a gradient.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
    else:
        try:
            array = np.asarray(value) if hasattr(value, "__array__") else np.from_dlpack(value)
        except (RuntimeError, TypeError, BufferError) as raised:
            kind = type(value)
            raise error(
                f"a {kind.__name__} of {kind.__module__} must give its values, got: {raised}",
                "pass value.detach().cpu()",
            ) from None
    return array if array.flags.c_contiguous else np.array(array, order="C")


def _from_python(value: Any) -> np.ndarray:
    try:
        source = np.asarray(value)
    except ValueError:
        raise error("nested lists must have equal lengths, got different ones") from None
    if source.dtype == object:
        raise error(f"a tensor is made of numbers, got {type(value).__name__}")
    return source
