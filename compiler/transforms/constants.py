"""What is known of a program's values before it runs: arrays of constants and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.rewriting import producer
from tyc.dialects import building, ty
from tyc.dialects.ods import Op
from tyc.dialects.program import Program
from tyc.dialects.ty.creation import LARGEST_CONSTANT
from tyc.dialects.types import dtype

_LARGEST_SCAN = 1 << 16
_KNOWN = ("ty.constant", "ty.parameter", "ty.full")


def owner_of(value: ir.Value) -> ir.Operation | None:
    """The operation that makes a value; `None` for an argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def is_known(value: ir.Value) -> bool:
    """True for constants, parameters and `ty.full`."""
    owner = owner_of(value)
    return owner is not None and owner.name in _KNOWN


def made_by(value: ir.Value, *names: str) -> Any:
    """The view of the op that makes `value` where it is one of `names`, else `None`."""
    owner = owner_of(value)
    if owner is None or owner.name[3:] not in names or not owner.name.startswith("ty."):
        return None
    return producer(value)


def has_one_use(value: ir.Value) -> bool:
    """True where exactly one operand reads the value."""
    uses = iter(value.uses)
    return next(uses, None) is not None and next(uses, None) is None


def rebuilt(op: Op, *operands: Any, **changes: Any) -> Any:
    """The op of a view on other operands (by field), with some attributes changed."""
    return building.build(type(op), *operands, **(building.attributes_of(op) | changes))


def _is_one_number(array: np.ndarray) -> bool:
    # A weight differs among its first elements: it need not be read whole.
    first = array.flat[0]
    return bool((array.flat[:LARGEST_CONSTANT] == first).all() and (array == first).all())


class Context:
    """A program and its options, as patterns see them."""

    def __init__(self, program: Program, options: Options) -> None:
        self.program = program
        self.options = options
        self._counts: dict[str, int] = {}
        # Attributes live as long as the MLIR context, so they may be keys.
        self._arrays: dict[ir.Attribute, np.ndarray] = {}

    def array(self, value: ir.Value | None) -> np.ndarray | None:
        """The elements of a constant, a parameter or `ty.full`; `None` where they are not known."""
        owner = None if value is None else owner_of(value)
        if owner is None or owner.name not in _KNOWN:
            return None
        if owner.name == "ty.parameter":
            return self.program.parameters[ir.StringAttr(owner.attributes["name"]).value]
        op: Any = building.view(owner) if owner.name == "ty.full" else None
        if op is None:
            return self._elements(owner.attributes["value"])
        number = np.array(op.value).astype(dtype(op.element).numpy)
        return np.broadcast_to(number, tuple(op.shape))

    def _elements(self, attribute: ir.Attribute) -> np.ndarray:
        if attribute not in self._arrays:
            field = ty.ConstantOp.attribute_fields()[0]
            self._arrays[attribute] = building.decode_attribute(field, attribute)
        return self._arrays[attribute]

    def splat(self, value: ir.Value | None) -> float | int | bool | None:
        """The number that all elements of a known value are."""
        if value is None or not is_known(value):
            return None
        size = building.type_of(value).size
        owner = owner_of(value)
        if size == 0 or (size > _LARGEST_SCAN and owner is not None and owner.name[3:] != "full"):
            return None
        array = self.array(value)
        assert array is not None
        first = array.reshape(-1)[0] if array.ndim else array[()]
        if size > 1 and array.strides != (0,) * array.ndim and not (array == first).all():
            return None
        return first.item()

    def constant(self, array: np.ndarray, stem: str = "folded") -> ir.Value:
        """A new constant: in the IR where it is small or one number, else a parameter."""
        array = np.asarray(array)
        if array.size <= LARGEST_CONSTANT or _is_one_number(array):
            return ty.constant(value=np.ascontiguousarray(array).reshape(array.shape))
        name = self._fresh(stem)
        self.program.parameters[name] = np.ascontiguousarray(array)
        return ty.parameter(name=name, shape=list(array.shape), element=dtype(array.dtype))

    def scalar(self, number: float, like: ir.Value) -> ir.Value:
        """A rank-0 constant in the element type of `like`."""
        element = building.type_of(like).dtype
        return ty.constant(value=np.array(number).astype(element.numpy))

    def stem(self, value: ir.Value) -> str:
        """What a constant made from `value` is named after."""
        op = made_by(value, "parameter")
        return op.name.split("~")[0] if op is not None else "folded"

    def _fresh(self, stem: str) -> str:
        name, count = stem, self._counts.get(stem, 0)
        while name in self.program.parameters:
            count += 1
            name = f"{stem}~{count}"
        self._counts[stem] = count
        return name
