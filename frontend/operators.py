"""The operators and methods of a tensor, each a function of `tyc.functional`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import tyc

if TYPE_CHECKING:
    from tyc.dispatch import TensorLike
    from tyc.functional.reduction import Axis
    from tyc.tensors import DTypeLike, Tensor


class Operators:
    """Arithmetic, comparison, indexing, shapes and reductions; mixed into `Tensor`."""

    __slots__ = ()

    # NumPy leaves `array + tensor` to us.
    __array_ufunc__ = None

    def __add__(self, other: TensorLike) -> Tensor:
        return tyc.functional.add(self._self, other)

    def __radd__(self, other: TensorLike) -> Tensor:
        return tyc.functional.add(other, self._self)

    def __sub__(self, other: TensorLike) -> Tensor:
        return tyc.functional.subtract(self._self, other)

    def __rsub__(self, other: TensorLike) -> Tensor:
        return tyc.functional.subtract(other, self._self)

    def __mul__(self, other: TensorLike) -> Tensor:
        return tyc.functional.multiply(self._self, other)

    def __rmul__(self, other: TensorLike) -> Tensor:
        return tyc.functional.multiply(other, self._self)

    def __truediv__(self, other: TensorLike) -> Tensor:
        return tyc.functional.divide(self._self, other)

    def __rtruediv__(self, other: TensorLike) -> Tensor:
        return tyc.functional.divide(other, self._self)

    def __floordiv__(self, other: TensorLike) -> Tensor:
        return tyc.functional.floor_divide(self._self, other)

    def __rfloordiv__(self, other: TensorLike) -> Tensor:
        return tyc.functional.floor_divide(other, self._self)

    def __mod__(self, other: TensorLike) -> Tensor:
        return tyc.functional.remainder(self._self, other)

    def __rmod__(self, other: TensorLike) -> Tensor:
        return tyc.functional.remainder(other, self._self)

    def __pow__(self, other: TensorLike) -> Tensor:
        return tyc.functional.power(self._self, other)

    def __rpow__(self, other: TensorLike) -> Tensor:
        return tyc.functional.power(other, self._self)

    def __matmul__(self, other: TensorLike) -> Tensor:
        return tyc.functional.matmul(self._self, other)

    def __rmatmul__(self, other: TensorLike) -> Tensor:
        return tyc.functional.matmul(other, self._self)

    def __neg__(self) -> Tensor:
        return tyc.functional.negative(self._self)

    def __pos__(self) -> Tensor:
        return self._self

    def __abs__(self) -> Tensor:
        return tyc.functional.absolute(self._self)

    def __invert__(self) -> Tensor:
        return tyc.functional.bitwise_not(self._self)

    def __and__(self, other: TensorLike) -> Tensor:
        return tyc.functional.bitwise_and(self._self, other)

    def __rand__(self, other: TensorLike) -> Tensor:
        return tyc.functional.bitwise_and(other, self._self)

    def __or__(self, other: TensorLike) -> Tensor:
        return tyc.functional.bitwise_or(self._self, other)

    def __ror__(self, other: TensorLike) -> Tensor:
        return tyc.functional.bitwise_or(other, self._self)

    def __xor__(self, other: TensorLike) -> Tensor:
        return tyc.functional.bitwise_xor(self._self, other)

    def __rxor__(self, other: TensorLike) -> Tensor:
        return tyc.functional.bitwise_xor(other, self._self)

    def __lshift__(self, other: TensorLike) -> Tensor:
        return tyc.functional.shift_left(self._self, other)

    def __rshift__(self, other: TensorLike) -> Tensor:
        return tyc.functional.shift_right(self._self, other)

    # Comparison yields a tensor, so tensors hash by identity.
    __hash__ = object.__hash__

    def __eq__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, other: TensorLike
    ) -> Tensor:
        return tyc.functional.equal(self._self, other)

    def __ne__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, other: TensorLike
    ) -> Tensor:
        return tyc.functional.not_equal(self._self, other)

    def __lt__(self, other: TensorLike) -> Tensor:
        return tyc.functional.less(self._self, other)

    def __le__(self, other: TensorLike) -> Tensor:
        return tyc.functional.less_equal(self._self, other)

    def __gt__(self, other: TensorLike) -> Tensor:
        return tyc.functional.greater(self._self, other)

    def __ge__(self, other: TensorLike) -> Tensor:
        return tyc.functional.greater_equal(self._self, other)

    def __getitem__(self, index: Any) -> Tensor:
        return tyc.functional.get_item(self._self, index)

    def __iter__(self) -> Iterator[Tensor]:
        return iter([self[i] for i in range(len(self._self))])

    def astype(self, dtype: DTypeLike) -> Tensor:
        """The tensor with another element type; `cast`."""
        return tyc.functional.cast(self._self, dtype)

    def reshape(self, *shape: Any) -> Tensor:
        """The elements in row-major order in another shape; one size may be -1."""
        return tyc.functional.reshape(self._self, _sequence(shape))

    def flatten(self, start: int = 0, end: int = -1) -> Tensor:
        """Dimensions `start..end` as one."""
        return tyc.functional.flatten(self._self, start, end)

    def transpose(self, *perm: Any) -> Tensor:
        """Dimensions in the order `perm`, by default reversed."""
        return tyc.functional.transpose(self._self, _sequence(perm) if perm else None)

    @property
    def T(self) -> Tensor:
        """Dimensions in reverse order."""
        return tyc.functional.transpose(self._self)

    def swapaxes(self, first: int, second: int) -> Tensor:
        """Two dimensions exchanged."""
        return tyc.functional.swapaxes(self._self, first, second)

    def squeeze(self, axis: Axis = None) -> Tensor:
        """The dimensions of size 1 taken out: all, or those of `axis`."""
        return tyc.functional.squeeze(self._self, axis)

    def expand_dims(self, axis: int | tuple[int, ...]) -> Tensor:
        """New dimensions of size 1, which are `axis` in the result."""
        return tyc.functional.expand_dims(self._self, axis)

    def broadcast_to(self, *shape: Any) -> Tensor:
        """The tensor repeated to a larger shape by NumPy's rules."""
        return tyc.functional.broadcast_to(self._self, _sequence(shape))

    def clip(self, low: float | None = None, high: float | None = None) -> Tensor:
        """`min(max(x, low), high)`."""
        return tyc.functional.clip(self._self, low, high)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The sum over `axis`, by default over all."""
        return tyc.functional.sum(self._self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The mean over `axis`, by default over all."""
        return tyc.functional.mean(self._self, axis, keepdims)

    def var(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The variance over `axis`, by default over all."""
        return tyc.functional.var(self._self, axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The largest element over `axis`, by default over all."""
        return tyc.functional.max(self._self, axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The smallest element over `axis`, by default over all."""
        return tyc.functional.min(self._self, axis, keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The product over `axis`, by default over all."""
        return tyc.functional.prod(self._self, axis, keepdims)

    def any(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Whether any element is true over `axis`, by default over all."""
        return tyc.functional.any(self._self, axis, keepdims)

    def all(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Whether all elements are true over `axis`, by default over all."""
        return tyc.functional.all(self._self, axis, keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """The i64 index of the first largest element on `axis`, by default of the flat tensor."""
        return tyc.functional.argmax(self._self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """The i64 index of the first smallest element on `axis`, by default of the flat tensor."""
        return tyc.functional.argmin(self._self, axis, keepdims)

    @property
    def _self(self) -> Tensor:
        return self  # pyright: ignore[reportReturnType]


def _sequence(values: tuple[Any, ...]) -> Any:
    """`f(2, 3)` and `f((2, 3))` mean the same."""
    return values[0] if len(values) == 1 and not isinstance(values[0], int) else values
