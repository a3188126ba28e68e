"""Slots: where the state that a traced function changes lives between its calls.

A slot is the array of a `Variable`, or an attribute that holds a tensor or None: a module's buffer,
a tensor's `grad`. While a program is recorded an assignment makes the slot's value symbolic, and
later reads see that; the recorder puts back what was there before. At a call the program reads the
slot's array and writes the new value into it, unless someone else holds that array: then the slot
gets a copy first, and the other one keeps the old value.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from tyc.tensors import Tensor


class Slot(ABC):
    """State with a name. `read` gives what is there now, `write` changes it."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def read(self) -> Tensor | None:
        """The tensor that is there now."""

    @abstractmethod
    def write(self, array: np.ndarray | None) -> None:
        """Makes an array the value, which nobody else changes."""

    @abstractmethod
    def own(self) -> np.ndarray:
        """The value's array, to be written to: a copy if anyone else may see it."""


class VariableSlot(Slot):
    """The value of a variable; `get` gives the variable, which a module may exchange."""

    def __init__(self, name: str, get: Callable[[], Tensor | None]) -> None:
        super().__init__(name)
        self.get = get

    def read(self) -> Tensor | None:
        """The tensor that is there now."""
        return self.get()

    def write(self, array: np.ndarray | None) -> None:
        """Gives the variable this array."""
        variable = self.get()
        assert variable is not None and array is not None
        if variable._array is not array:
            variable._array = array

    def own(self) -> np.ndarray:
        """The variable's array, of its own."""
        variable = self.get()
        assert variable is not None
        array = variable.array()
        if sys.getrefcount(array) > _ALONE or not _is_dense(array):
            array = variable._array = np.array(array, order="C")
        return array


class AttributeSlot(Slot):
    """An attribute: `get` and `put` its tensor. It must hold the only reference to a tensor for
    that to be written to."""

    def __init__(
        self, name: str, get: Callable[[], Tensor | None], put: Callable[[Tensor | None], None]
    ) -> None:
        super().__init__(name)
        self.get, self.put = get, put

    def read(self) -> Tensor | None:
        """The tensor that is there now."""
        return self.get()

    def write(self, array: np.ndarray | None) -> None:
        """Puts a tensor of this array, or None."""
        now = self.get()
        if array is None:
            self.put(None)
        elif now is None or now._array is not array:
            self.put(Tensor(array))

    def own(self) -> np.ndarray:
        """The array of the attribute's tensor, of its own."""
        tensor = self.get()
        assert tensor is not None
        array = tensor.array()
        alone = sys.getrefcount(tensor) <= _ALONE and sys.getrefcount(array) <= _ALONE
        if not alone or not _is_dense(array):
            array = np.array(array, order="C")
            self.put(Tensor(array))
        return array


def _is_dense(array: np.ndarray) -> bool:
    """True for an array with memory of its own that a library can write to."""
    return array.base is None and array.flags.carray


class _Holder:
    def __init__(self) -> None:
        self.held = np.empty(0)


def _references() -> int:
    holder = _Holder()
    held = holder.held
    return sys.getrefcount(held)


_ALONE = _references()
"""What `getrefcount` says of an object that one attribute and one local variable refer to."""
