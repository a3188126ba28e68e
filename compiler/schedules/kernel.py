"""What a schedule hands to code generation: a function on buffers and the facts about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.schedules.choice import Choice
from tyc.compiler.schedules.convolution_winograd_packing import WinogradPacking


@dataclass(frozen=True)
class Packing:
    """The layout of a constant operand: padded with zeros at the end, cut, its pieces reordered.

        packed = pad(array.reshape(source), padding).reshape(split).transpose(order)

    `source`, `padding` (a count per source dimension) and `order` are optional: `None` is the
    array's own shape, no padding, and the pieces as they are. An array `w[K, N]` in panels of 16
    columns is `split=(K, N // 16, 16), order=(1, 0, 2)`.
    """

    split: tuple[int, ...]
    order: tuple[int, ...] | None = None
    source: tuple[int, ...] | None = None
    padding: tuple[int, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the packed array."""
        return tuple(self.split[i] for i in (self.order or range(len(self.split))))

    def packed_bytes(self, itemsize: int) -> int:
        """Bytes of the packed array."""
        return math.prod(self.split) * itemsize

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The packed array, contiguous."""
        if self.source is not None:
            array = array.reshape(self.source)
        if self.padding is not None:
            array = np.pad(array, [(0, p) for p in self.padding])
        pieces = array.reshape(self.split)
        return np.ascontiguousarray(pieces if self.order is None else pieces.transpose(self.order))

    def to_json(self) -> dict[str, Any]:
        """The packing as plain data."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Packing | WinogradPacking:
        """The packing of `to_json`'s data, of either kind."""
        if "winograd" in data:
            return WinogradPacking.from_json(data)
        return Packing(**{k: tuple(v) for k, v in data.items()})


PACKED = "ty.packed"

Packings = dict[int, Packing | WinogradPacking]
"""The layouts of constant operands by argument index."""


@dataclass
class ScheduledKernel:
    """One `func.func @name(inputs..., outputs..., begin, end)` on memrefs, run for items
    [begin, end) of [0, count) in any split.

    `packings` maps an argument index to the layout that its memref has. `in_place` are pairs
    (input, output) that may share one buffer. `stack_bytes` is what the function allocates on its
    stack. `flops` (of its meaning), `bytes` and `cost` (what its code takes, in additions) are of
    the whole kernel; a schedule fills in `flops`, and `kernels.py` keeps that as the cost.
    `choice` is what `select.py` followed.
    """

    module: ir.Module
    name: str
    num_inputs: int
    count: int
    packings: Packings = field(default_factory=dict)
    in_place: list[tuple[int, int]] = field(default_factory=list)
    stack_bytes: int = 0
    flops: int = 0
    bytes: int = 0
    cost: int = 0
    choice: Choice = field(default_factory=lambda: Choice(""))


def memory_element(element: ir.Type) -> ir.Type:
    """The type of an element in memory: a boolean is one byte, 0 or 1."""
    if isinstance(element, ir.IntegerType) and ir.IntegerType(element).width == 1:
        return ir.IntegerType.get_signless(8)
    return element


def itemsize(element: ir.Type) -> int:
    """Bytes of one element in memory."""
    if isinstance(element, ir.IndexType):
        return 8
    width = getattr(element, "width", None)
    return max(int(width or 8) // 8, 1)


def shape_of(value: ir.Value) -> tuple[int, ...]:
    """The static shape of a tensor, a memref or a vector value."""
    return tuple(value.type.shape)  # pyright: ignore[reportAttributeAccessIssue]


def element_of(value: ir.Value) -> ir.Type:
    """The element type of a shaped value, or the type of a scalar."""
    return getattr(value.type, "element_type", value.type)


def memory_type(tensor: ir.Type, shape: Sequence[int] | None = None) -> ir.Type:
    """The memref type of a tensor type, with another shape where one is given.

    LLVM has no buffer of nothing: a size of 0 counts as 1.
    """
    kind = ir.RankedTensorType(tensor)
    sizes = [max(n, 1) for n in (kind.shape if shape is None else shape)]
    return ir.MemRefType.get(sizes, memory_element(kind.element_type))


WITHIN = "ty.within"
"""A function's attribute: for each argument and then each result the shape of the tensor that it
lies in, from its first element on, or nothing where it lies alone.

    ty.within = [array<i64>, array<i64: 1, 56, 56, 256>]     the result is a part of 256 channels
"""


def memory_shapes(function: ir.Operation) -> list[tuple[int, ...]]:
    """Of each argument and result of a `func.func` the shape whose strides it has in memory."""
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    shapes = [tuple(ir.RankedTensorType(t).shape) for t in (*kind.inputs, *kind.results)]
    if WITHIN not in function.attributes:
        return shapes
    given = [tuple(ir.DenseI64ArrayAttr(a)) for a in ir.ArrayAttr(function.attributes[WITHIN])]
    return [within or own for within, own in zip(given, shapes)]


def result_shapes(function: ir.Operation) -> list[tuple[int, ...]]:
    """The `memory_shapes` of the results."""
    kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
    return memory_shapes(function)[len(kind.inputs) :]


def constant_arguments(function: ir.Operation) -> set[int]:
    """The argument indices that are compile-time constants (`ty.constants`)."""
    if "ty.constants" not in function.attributes:
        return set()
    return set(ir.DenseI64ArrayAttr(function.attributes["ty.constants"]))


def packed_arguments(function: ir.Operation) -> list[int]:
    """The arguments that are no constants, but that a schedule may want packed (`ty.packed`)."""
    if PACKED not in function.attributes:
        return []
    return list(ir.DenseI64ArrayAttr(function.attributes[PACKED]))
