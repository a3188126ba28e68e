"""Where a task reads the two factors: in place, from packed constants, or from stack scratch.

However an operand is placed, an element's address is linear in the loops of the task:

    address = base + sum of stride[loop] * local index of loop
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlir import ir
from mlir.dialects import arith, memref, vector

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_form import (
    Cast,
    Contraction,
    Linear,
    Side,
    argument_of,
    strides_of,
)
from tyc.compiler.schedules.kernel import Packing, itemsize

if TYPE_CHECKING:
    from tyc.compiler.schedules.contraction_cut import Plan


@dataclass(frozen=True)
class Placed:
    """An operand in a flat buffer; `casts` are still to be applied to what is loaded."""

    buffer: ir.Value
    strides: Mapping[int, int]
    base: Size = 0
    casts: tuple[Cast, ...] = ()

    def at(self, local: Mapping[int, Size]) -> Size:
        """The address of the element at local indices of the task."""
        return linear(self.base, self.strides, local)

    def scalar(self, address: Size) -> ir.Value:
        """The element at an address, widened."""
        value = memref.load(self.buffer, [size.materialise(address)])
        return widen(value, self.casts)

    def vector(self, address: Size, lanes: int, count: int) -> ir.Value:
        """The vector of elements from an address on, widened; only `count` lanes are read."""
        if count >= lanes:
            return widen(load(self.buffer, address, lanes), self.casts)
        nothing = zero(ir.MemRefType(self.buffer.type).element_type, lanes)
        base, mask = [size.materialise(address)], lane_mask(count, lanes)
        found = vector.maskedload(nothing.type, self.buffer, base, mask, nothing)
        return widen(found, self.casts)


def linear(base: Size, strides: Mapping[int, int], local: Mapping[int, Size]) -> Size:
    """`base + sum of stride * index`."""
    for loop, index in local.items():
        base = size.add(base, size.multiply(index, strides.get(loop, 0)))
    return base


def evaluate(index: Linear, values: Mapping[int, Size]) -> Size:
    """An index expression at given loop indices (a loop that is not given is 0)."""
    total: Size = 0
    for loop, c in index.terms:
        total = size.add(total, size.multiply(values.get(loop, 0), c))
    return size.add(total, index.constant)


def widen(value: ir.Value, casts: tuple[Cast, ...]) -> ir.Value:
    """A scalar or vector after a chain of element casts and the zero point."""
    for cast in casts:
        if isinstance(cast, ir.Value):
            vectors = isinstance(value.type, ir.VectorType)
            point = vector.broadcast(value.type, cast) if vectors else cast
            value = arith.subi(value, point)
            continue
        kind = cast.results[0].type
        if isinstance(value.type, ir.VectorType):
            kind = ir.VectorType.get(ir.VectorType(value.type).shape, kind)
        value = ir.Operation.create(cast.name, results=[kind], operands=[value]).results[0]
    return value


def load(buffer: ir.Value, address: Size, lanes: int) -> ir.Value:
    """`lanes` elements from an address of a flat buffer."""
    kind = ir.VectorType.get([lanes], ir.MemRefType(buffer.type).element_type)
    return vector.load(kind, buffer, [size.materialise(address)])


def store(value: ir.Value, buffer: ir.Value, address: Size) -> None:
    """Writes a vector to an address of a flat buffer."""
    vector.store(value, buffer, [size.materialise(address)])


def zero(element: ir.Type, lanes: int | None) -> ir.Value:
    """A scalar 0, or a vector of zeros."""
    is_int = isinstance(element, ir.IntegerType)
    attribute = ir.IntegerAttr.get(element, 0) if is_int else ir.FloatAttr.get(element, 0.0)
    if lanes is None:
        return arith.constant(element, attribute)
    kind = ir.VectorType.get([lanes], element)
    return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, attribute))


def lane_mask(count: int, lanes: int) -> ir.Value:
    """A constant mask that has the first `count` lanes."""
    kind = ir.VectorType.get([lanes], ir.IntegerType.get_signless(1))
    bits = [ir.BoolAttr.get(k < count) for k in range(lanes)]
    return arith.constant(kind, ir.DenseElementsAttr.get(bits, kind))


def scratch(elements: int, element: ir.Type) -> ir.Value:
    """Stack memory for a task, on a cache line's boundary."""
    kind = ir.MemRefType.get([elements], element)
    return memref.alloca(kind, [], [], alignment=64)


@dataclass(frozen=True)
class Task:
    """The place of a task: the first index of each loop."""

    starts: Mapping[int, Size] = field(default_factory=dict)


def place_direct(side: Side, buffers: Mapping[ir.Value, ir.Value], task: Task) -> Placed:
    """The operand in the memory of its argument."""
    argument = argument_of(side.value)
    assert argument is not None
    strides = strides_of(side)
    offset, step = 0, 1
    for n, index in reversed(list(zip(side.shape, side.index))):
        offset += index.constant * step
        step *= n
    base = linear(offset, strides, {d: task.starts.get(d, 0) for d in strides})
    return Placed(buffers[argument], strides, base, side.casts)


def packing_of(contraction: Contraction, plan: Plan) -> Packing:
    """B as `[batch..., columns..., panel, depth..., lane]`, the last panel padded with zeros."""
    side, lane = contraction.b, contraction.lane
    position = {i.loop: t for t, i in enumerate(side.index) if i.loop is not None}
    shape = list(side.shape)
    at = position[lane]
    panels = -(-shape[at] // plan.panel)
    padding = [0] * len(shape)
    padding[at] = panels * plan.panel - shape[at]
    split = [*shape[:at], panels, plan.panel, *shape[at + 1 :]]
    places = {d: t + (t > at) for d, t in position.items()}
    units = [t + (t > at) for t, i in enumerate(side.index) if i.loop is None]
    outer = [places[d] for d in (*contraction.batch, *contraction.columns[:-1])]
    order = [*units, *outer, at, *(places[d] for d in plan.depth), at + 1]
    return Packing(tuple(split), tuple(order), tuple(shape), tuple(padding))


def packed_strides(contraction: Contraction, plan: Plan) -> dict[int, int]:
    """The strides of `packing_of`'s layout; the lane's holds for whole panels."""
    found: dict[int, int] = {}
    step = plan.panel
    for d in reversed(plan.depth):
        found[d] = step
        step *= plan.sizes[d]
    found[contraction.lane] = step // plan.panel
    step *= -(-plan.sizes[contraction.lane] // plan.panel)
    for d in reversed((*contraction.batch, *contraction.columns[:-1])):
        found[d] = step
        step *= plan.sizes[d]
    return found


def place_packed(
    contraction: Contraction, plan: Plan, buffers: Mapping[ir.Value, ir.Value], task: Task
) -> Placed:
    """The packed constant."""
    argument = argument_of(contraction.b.value)
    assert argument is not None
    strides = packed_strides(contraction, plan)
    base = linear(0, strides, {d: task.starts.get(d, 0) for d in strides})
    return Placed(buffers[argument], strides, base, contraction.b.casts)


def scratch_bytes(buffer: ir.Value) -> int:
    """Bytes of a flat buffer."""
    kind = ir.MemRefType(buffer.type)
    return kind.shape[0] * itemsize(kind.element_type)
