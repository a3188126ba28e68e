"""Elements of buffers as code: loads and stores of scalars and of vectors of lanes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mlir import ir
from mlir.dialects import arith, memref, vector

from tyc.compiler.schedules.affine import LANE, Affine, total
from tyc.compiler.schedules.bodies import vector_type
from tyc.compiler.schedules.kernel import memory_element
from tyc.runtime.errors import InternalError

# Strided reads up to this stride are whole vectors and a shuffle.
_LARGEST_STRIDE = 4


@dataclass(frozen=True)
class Buffer:
    """Where the elements of a tensor are: element `i` at `sum((i[k] - offsets[k]) * strides[k])` of
    the one-dimensional `memref`. `offsets` are those of a window onto the tensor."""

    memref: ir.Value
    element: ir.Type
    strides: tuple[int, ...]
    offsets: tuple[Affine, ...] = ()

    def address(self, indices: Sequence[Affine]) -> Affine:
        """The position of an element in the memref."""
        parts = [(s, i) for s, i in zip(self.strides, indices)]
        parts += [(-s, o) for s, o in zip(self.strides, self.offsets)]
        return total(parts)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a dense tensor."""
    return tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))


def flatten(value: ir.Value) -> ir.Value:
    """A dense memref as one dimension, made where `value` is defined."""
    kind = ir.MemRefType(value.type)
    if len(kind.shape) == 1:
        return value
    size = math.prod(kind.shape)
    if kind.get_strides_and_offset()[0] != list(row_major(kind.shape)):
        raise InternalError(f"a buffer is dense, got {kind}")
    owner = value.owner
    if isinstance(owner, ir.Block):
        point = ir.InsertionPoint.at_block_begin(owner)
    else:
        point = ir.InsertionPoint.after(owner)
    flat = ir.MemRefType.get([size], kind.element_type)
    with point:
        return memref.reinterpret_cast(flat, value, [], [], [], [0], [size], [1])


def table(attribute: ir.Attribute) -> ir.Value:
    """A constant tensor's values as a flat memref: a private global of the kernel's module."""
    block = ir.InsertionPoint.current.block
    function = block.owner.operation
    while function.name != "func.func":
        function = function.parent.operation
    body = function.parent.regions[0].blocks[0]
    names = [op.operation.name for op in body.operations]
    name = f"table_{names.count('memref.global')}"
    tensor = ir.RankedTensorType(attribute.type)  # pyright: ignore[reportAttributeAccessIssue]
    values: ir.Attribute = attribute
    if memory_element(tensor.element_type) != tensor.element_type:
        bits = np.array(ir.DenseElementsAttr(attribute)).reshape(tensor.shape)
        values = ir.DenseElementsAttr.get(bits.astype(np.int8))
    kind = ir.MemRefType.get(tensor.shape, memory_element(tensor.element_type))
    with ir.InsertionPoint.at_block_begin(body):
        memref.global_(
            name,
            ir.TypeAttr.get(kind),
            sym_visibility=ir.StringAttr.get("private"),
            initial_value=values,
            constant=True,
        )
    entry = function.regions[0].blocks[0]
    with ir.InsertionPoint.at_block_begin(entry):
        found = memref.get_global(kind, name)
    return flatten(found)


def _from_memory(value: ir.Value, element: ir.Type) -> ir.Value:
    """A byte as a boolean; anything else as it is."""
    if element == memory_element(element):
        return value
    if isinstance(value.type, ir.VectorType):
        element = vector_type(element, ir.VectorType(value.type).shape[0])
    return arith.trunci(element, value)


def _to_memory(value: ir.Value, element: ir.Type) -> ir.Value:
    kind = memory_element(element)
    if kind == element:
        return value
    if isinstance(value.type, ir.VectorType):
        kind = vector_type(kind, ir.VectorType(value.type).shape[0])
    return arith.extui(kind, value)


IndexValue = Callable[[Affine], ir.Value]


def without_lane(x: Affine) -> Affine:
    """The address of lane 0."""
    return Affine({a: c for a, c in x.terms.items() if a != LANE}, x.constant)


def load_scalar(buffer: Buffer, address: Affine, index: IndexValue) -> ir.Value:
    """One element."""
    return _from_memory(memref.load(buffer.memref, [index(address)]), buffer.element)


def load_lanes(
    buffer: Buffer, address: Affine, lanes: int, index: IndexValue, mask: ir.Value | None
) -> ir.Value | None:
    """Elements at an address that is linear in the lane; `None` where no wide load fits."""
    stride = address.coefficient(LANE)
    if not address.is_linear_in(LANE):
        return None
    base = without_lane(address)
    if stride == 1:
        return _from_memory(_contiguous(buffer, base, lanes, index, mask), buffer.element)
    if mask is not None or lanes < 4:
        return None
    if stride == -1:
        found = _contiguous(buffer, base + (1 - lanes), lanes, index, None)
        return _from_memory(vector.shuffle(found, found, range(lanes)[::-1]), buffer.element)
    if 1 < stride <= _LARGEST_STRIDE:
        return _from_memory(_strided(buffer, base, stride, lanes, index), buffer.element)
    return None


def _contiguous(
    buffer: Buffer, base: Affine, lanes: int, index: IndexValue, mask: ir.Value | None
) -> ir.Value:
    element = memory_element(buffer.element)
    kind = vector_type(element, lanes)
    if mask is None:
        return vector.load(kind, buffer.memref, [index(base)])
    return vector.maskedload(kind, buffer.memref, [index(base)], mask, zeros(kind))


def zeros(kind: ir.Type) -> ir.Value:
    """The zero of a scalar or vector type."""
    vectors = isinstance(kind, ir.VectorType)
    element = ir.VectorType(kind).element_type if vectors else kind
    floating = isinstance(element, (ir.F16Type, ir.BF16Type, ir.F32Type, ir.F64Type))
    zero = ir.FloatAttr.get(element, 0.0) if floating else ir.IntegerAttr.get(element, 0)
    return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, zero) if vectors else zero)


def _strided(buffer: Buffer, base: Affine, stride: int, lanes: int, index: IndexValue) -> ir.Value:
    """Every `stride`-th element out of whole vectors, the last of which ends at the last element
    wanted, so that nothing beyond it is read."""
    last = (lanes - 1) * stride
    result: ir.Value | None = None
    for first in range(0, last + 1, lanes):
        start = min(first, last + 1 - lanes)
        loaded = _contiguous(buffer, base + start, lanes, index, None)
        if result is None:
            result = loaded
            picks = [min(k * stride, lanes - 1) for k in range(lanes)]
            result = vector.shuffle(loaded, loaded, picks)
            continue
        picks = list(range(lanes))
        for k in range(lanes):
            if first <= k * stride < first + lanes:
                picks[k] = lanes + k * stride - start
        result = vector.shuffle(result, loaded, picks)
    assert result is not None
    return result


def store(buffer: Buffer, indices: Sequence[Affine], value: ir.Value, index: IndexValue) -> None:
    """Writes a scalar, or the lanes of a vector."""
    address = buffer.address(indices)
    value = _to_memory(value, buffer.element)
    if not isinstance(value.type, ir.VectorType):
        memref.store(value, buffer.memref, [index(address)])
        return
    stride = address.coefficient(LANE)
    if stride == 1 and address.is_linear_in(LANE):
        vector.store(value, buffer.memref, [index(without_lane(address))])
        return
    for lane in range(ir.VectorType(value.type).shape[0]):
        element = vector.extract(value, [], [lane])
        memref.store(element, buffer.memref, [index(at_lane(address, lane))])


def store_woven(
    buffer: Buffer, indices: Sequence[Affine], values: Sequence[ir.Value], index: IndexValue
) -> None:
    """Writes vectors whose lanes alternate in memory: lane 0 of each, then lane 1 of each, ..."""
    base = without_lane(buffer.address(indices))
    values = [_to_memory(v, buffer.element) for v in values]
    lanes = ir.VectorType(values[0].type).shape[0]
    for m in range(len(values)):
        wanted = [divmod(m * lanes + j, len(values)) for j in range(lanes)]
        row = values[0]
        picks = [lane for lane, _ in wanted]
        for k in range(1, len(values)):
            picks = [lanes + lane if c == k else p for p, (lane, c) in zip(picks, wanted)]
            row = vector.shuffle(row, values[k], picks)
            picks = list(range(lanes))
        vector.store(row, buffer.memref, [index(base + m * lanes)])


def at_lane(x: Affine, lane: int) -> Affine:
    """An expression that is linear in the lane, at one lane."""
    if not x.is_linear_in(LANE):
        raise InternalError(f"an index is linear in the lane, got {x}")
    return without_lane(x) + x.coefficient(LANE) * lane


_PAIRS = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
_QUADS = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
_HALVES = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]


TILE = 8
"""Rows and columns of a tile that is transposed in registers."""


def transpose(rows: Sequence[ir.Value]) -> list[ir.Value]:
    """The 8 columns of up to 8 rows of 8 lanes, in three rounds of one-instruction shuffles."""
    count = len(rows)
    rows = [*rows, *[rows[0]] * (TILE - count)]

    def both(a: ir.Value, b: ir.Value, picks: tuple[list[int], list[int]]) -> list[ir.Value]:
        return [vector.shuffle(a, b, p) for p in picks]

    t = [v for k in range(0, 8, 2) for v in both(rows[k], rows[k + 1], _PAIRS)]
    s = [v for k in (0, 4) for j in (0, 1) for v in both(t[k + j], t[k + j + 2], _QUADS)]
    joined = [both(s[k], s[k + 4], _HALVES) for k in range(4)]
    columns = [pair[half] for half in (0, 1) for pair in joined]
    if count == TILE:
        return columns
    return [vector.shuffle(c, c, list(range(count))) for c in columns]
