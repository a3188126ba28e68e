"""The graph under construction: `g.add(a, b)` computes what is known and builds the rest.

Every op of ty is a method. Where all operands are NumPy arrays and the result is small or not
floating point, the op's `reference` is evaluated at once: so shape arithmetic disappears while
importing. Otherwise arrays become `ty.constant` (small), `ty.full` (one value everywhere) or
`ty.parameter` (outside the IR), once each, and the op is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import building, interpreter
from tyc.dialects.ods import REGISTRY, Op
from tyc.dialects.types import DType, TensorType, dtype
from tyc.runtime.errors import UserError

FOLD_BYTES = 65536
"""Floating-point results up to this size are computed while importing; integer ones always."""

CONSTANT_ELEMENTS = 64
"""Arrays up to this size stand in the IR, larger ones are parameters."""

_DTYPES: dict[np.dtype, DType] = {}


def dtype_of(array: np.ndarray) -> DType:
    """The element type of an array. Raises `UserError` for one that tyc does not have."""
    found = _DTYPES.get(array.dtype)
    if found is None:
        try:
            found = _DTYPES[array.dtype] = dtype(array.dtype)
        except TypeError:
            name = "string" if array.dtype.kind in "OSU" else str(array.dtype)
            hint = "use one of f16, bf16, f32, f64, bool, int8..int64, uint8..uint64"
            raise UserError(f"element type {name} is not supported", hint=hint) from None
    return found


class Graph:
    """The block under construction, the parameters met so far, and ops as methods."""

    def __init__(self) -> None:
        self.parameters: dict[str, np.ndarray] = {}
        self._names: dict[int, tuple[np.ndarray, str]] = {}
        self._values: dict[int, tuple[np.ndarray, ir.Value]] = {}
        self._count = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The method that applies the op `name`."""
        op = REGISTRY.get(name)
        if op is None:
            raise AttributeError(f"ty has no op {name!r}")
        method = partial(self.apply, op)
        setattr(self, name, method)
        return method

    def name_array(self, array: np.ndarray, name: str) -> None:
        """Gives an array the name that it will have as a parameter, unless it has one."""
        self._names.setdefault(id(array), (array, name))

    def type(self, value: Any) -> TensorType:
        """The tensor type of an array or a value."""
        if isinstance(value, np.ndarray):
            return TensorType(value.shape, dtype_of(value))
        return building.type_of(value)

    def shape(self, value: Any) -> tuple[int, ...]:
        """The sizes of an array or a value."""
        return value.shape if isinstance(value, np.ndarray) else building.type_of(value).shape

    def rank(self, value: Any) -> int:
        """The number of dimensions of an array or a value."""
        return len(self.shape(value))

    def dtype(self, value: Any) -> DType:
        """The element type of an array or a value."""
        return self.type(value).dtype

    def number(self, value: float | int | bool, like: Any) -> np.ndarray:
        """A known scalar in the element type of `like`."""
        return np.array(value, self.dtype(like).numpy)

    def value(self, x: Any) -> ir.Value:
        """`x` as a value: an array becomes a constant, a splat or a parameter, once."""
        if not isinstance(x, np.ndarray):
            return x
        found = self._values.get(id(x))
        if found is None:
            found = self._values[id(x)] = (x, self._materialize(x))
        return found[1]

    def _materialize(self, array: np.ndarray) -> ir.Value:
        element = dtype_of(array)
        if array.size <= CONSTANT_ELEMENTS:
            return building.build(REGISTRY["constant"], np.array(array, order="C"))
        if all(s == 0 or n == 1 for s, n in zip(array.strides, array.shape)):
            splat = float(array[(0,) * array.ndim])
            return building.build(REGISTRY["full"], list(array.shape), splat, element)
        name = self._parameter_name(array)
        self.parameters[name] = array
        return building.build(REGISTRY["parameter"], name, list(array.shape), element)

    def _parameter_name(self, array: np.ndarray) -> str:
        wanted = self._names[id(array)][1] if id(array) in self._names else "constant"
        name = wanted
        while name in self.parameters or not name:
            self._count += 1
            name = f"{wanted}_{self._count}"
        return name

    def apply(self, op: type[Op], *args: Any, **kwargs: Any) -> Any:
        """The result of an op, or a list of them: arrays where they can be computed now."""
        operands, attributes = op.bind(args, kwargs)
        for f in op.attribute_fields():
            if f.kind == "Element":
                attributes[f.name] = dtype(attributes[f.name])
        flat = _flat(operands)
        if flat and all(isinstance(x, np.ndarray) for x in flat):
            folded = self._fold(op, operands, attributes)
            if folded is not None:
                return folded
        operands = [
            [self.value(x) for x in group] if isinstance(group, (list, tuple))
            else None if group is None else self.value(group)
            for group in operands
        ]  # fmt: skip
        return building.build(op, *operands, **attributes)

    def _fold(self, op: type[Op], operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
        """The results as arrays, or None where they would be large."""
        types = [
            [self.type(x) for x in group] if isinstance(group, (list, tuple))
            else None if group is None else self.type(group)
            for group in operands
        ]  # fmt: skip
        inferred = op.infer(*types, **attributes)
        many = isinstance(inferred, (list, tuple))
        results = list(inferred) if many else [inferred]
        if any(t.dtype.is_float and t.nbytes > FOLD_BYTES for t in results):
            return None
        arrays = interpreter.evaluate(op, operands, attributes)
        arrays = [np.asarray(a, t.dtype.numpy).reshape(t.shape) for a, t in zip(arrays, results)]
        return arrays if many else arrays[0]


def _flat(operands: Sequence[Any]) -> list[Any]:
    flat = []
    for group in operands:
        if isinstance(group, (list, tuple)):
            flat += group
        elif group is not None:
            flat.append(group)
    return flat
