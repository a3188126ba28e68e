"""Which rows of its operands an op needs for some rows of its result, and a kernel for such rows.

Rows are a range along one axis: `conv` of 3x3 and padding 1 needs rows 3..9 for rows 4..8, and at
the border some of the padding. A kernel is followed from its result back to its arguments; an
argument of which it needs rows along the leading axis becomes an argument of only these, a range
along another axis is cut out inside of the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlir import ir
from mlir.dialects import func

from tyc.compiler.rewriting import producer
from tyc.compiler.transforms import kinds
from tyc.dialects import building, ty, windows
from tyc.dialects.types import TensorType


@dataclass(frozen=True)
class Rows:
    """The elements from `start` to `stop` along an axis."""

    axis: int
    start: int
    stop: int

    def hull(self, other: Rows) -> Rows:
        """The rows from the first of both to the last."""
        return Rows(self.axis, min(self.start, other.start), max(self.stop, other.stop))


@dataclass
class Need:
    """What an op needs for rows of its result: of each operand the rows, or all of it (`None`);
    the attributes that change."""

    operands: list[Rows | None]
    attributes: dict[str, Any] = field(default_factory=dict)


def leading_axis(shape: Sequence[int]) -> int:
    """The first dimension of more than one element: rows along it are one piece of memory."""
    return next((d for d, n in enumerate(shape) if n > 1), 0)


def needed(op: Any, rows: Rows) -> Need | None:
    """What `op` needs for rows of its result; `None` where it needs everything."""
    rule = _RULES.get(op.NAME)
    if rule is not None:
        return rule(op, rows)
    elementwise = op.NAME == "broadcast_to" or kinds.kind(op) == "elementwise"
    return _broadcast(op, rows) if elementwise else None


def _operand_types(op: Any) -> list[TensorType]:
    return [building.type_of(v) for v in op.operation.operands]


def _result_type(op: Any) -> TensorType:
    return building.type_of(op.operation.results[0])


def _aligned(t: TensorType, rank: int, rows: Rows) -> Rows | None:
    """Rows of an operand that is broadcast to `rank` dimensions."""
    d = rows.axis - (rank - t.rank)
    return None if d < 0 or t.shape[d] == 1 else Rows(d, rows.start, rows.stop)


def _broadcast(op: Any, rows: Rows) -> Need:
    result = _result_type(op)
    need = Need([_aligned(t, result.rank, rows) for t in _operand_types(op)])
    if op.NAME == "broadcast_to":
        shape = list(result.shape)
        shape[rows.axis] = rows.stop - rows.start
        need.attributes["shape"] = shape
    return need


def _windows(op: Any, rows: Rows) -> Need | None:
    others = [None] * (len(op.operation.operands) - 1)
    x = _operand_types(op)[0]
    if rows.axis == 0:
        return Need([rows, *others])
    axes = windows.spatial_axes(op.layout, x.rank)
    if rows.axis not in axes or any(getattr(op, "extra", [])):
        return None
    i, padding = axes.index(rows.axis), list(op.padding)
    kernel = building.type_of(op.weight).shape[2:] if op.NAME == "conv" else op.kernel
    start = rows.start * op.strides[i] - padding[i]
    stop = (rows.stop - 1) * op.strides[i] + (kernel[i] - 1) * op.dilations[i] + 1 - padding[i]
    size = x.shape[rows.axis]
    padding[i], padding[i + len(axes)] = max(0, -start), max(0, stop - size)
    read = Rows(rows.axis, max(start, 0), min(stop, size))
    return Need([read, *others], {"padding": padding}) if read.start < read.stop else None


def _matmul(op: Any, rows: Rows) -> Need | None:
    rank = _result_type(op).rank
    a, b = _operand_types(op)
    if rows.axis == rank - 1:
        return None
    if rows.axis == rank - 2:
        axis = a.rank - (1 if op.transpose_a else 2)
        return Need([Rows(axis, rows.start, rows.stop), None])
    return Need([_aligned(a, rank, rows), _aligned(b, rank, rows)])


def _along_axis(op: Any, rows: Rows) -> Need | None:
    """Ops that mix the elements along one axis (softmax), or along all from one on (layer norm)."""
    rank = _result_type(op).rank
    axis = op.axis % rank
    mixed = range(axis, rank) if op.NAME in ("layer_norm", "rms_norm") else (axis,)
    others: list[Rows | None] = [None] * (len(op.operation.operands) - 1)
    if op.NAME == "concat":
        others = [rows] * len(others)
    return None if rows.axis in mixed else Need([rows, *others])


def _transpose(op: Any, rows: Rows) -> Need:
    return Need([Rows(op.perm[rows.axis], rows.start, rows.stop)])


def _slice(op: Any, rows: Rows) -> Need | None:
    if op.steps[rows.axis] != 1:
        return None
    starts, sizes = list(op.starts), list(op.sizes)
    first = starts[rows.axis]
    starts[rows.axis], sizes[rows.axis] = 0, rows.stop - rows.start
    read = Rows(rows.axis, first + rows.start, first + rows.stop)
    return Need([read], {"starts": starts, "sizes": sizes})


def _reduce(op: Any, rows: Rows) -> Need | None:
    rank = _operand_types(op)[0].rank
    reduced = {a % rank for a in op.axes}
    kept = range(rank) if op.keepdims else [d for d in range(rank) if d not in reduced]
    axis = kept[rows.axis]
    return None if axis in reduced else Need([Rows(axis, rows.start, rows.stop)])


def _one_hot(op: Any, rows: Rows) -> Need | None:
    axis = op.axis % _result_type(op).rank
    if rows.axis == axis:
        return None
    return Need([Rows(rows.axis - (rows.axis > axis), rows.start, rows.stop)])


def _gather_elements(op: Any, rows: Rows) -> Need | None:
    x, indices = _operand_types(op)
    mixed = rows.axis == op.axis % x.rank or x.shape[rows.axis] != indices.shape[rows.axis]
    return None if mixed else Need([rows, rows])


def _reshape(op: Any, rows: Rows) -> Need | None:
    """Rows stay rows where the dimensions before and after them have as many elements."""
    before, after = _operand_types(op)[0].shape, _result_type(op).shape
    lead = math.prod(after[: rows.axis])
    for d, n in enumerate(before):
        if n == after[rows.axis] and math.prod(before[:d]) == lead:
            shape = list(after)
            shape[rows.axis] = rows.stop - rows.start
            return Need([Rows(d, rows.start, rows.stop)], {"shape": shape})
    return _leading(op, rows)


def _leading(op: Any, rows: Rows) -> Need | None:
    """Leading rows that are the same piece of memory in both shapes."""
    x, y = _operand_types(op)[0], _result_type(op)
    if rows.axis or not x.rank or any(r * x.shape[0] % y.shape[0] for r in (rows.start, rows.stop)):
        return None
    start, stop = (r * x.shape[0] // y.shape[0] for r in (rows.start, rows.stop))
    return Need([Rows(0, start, stop)], {"shape": [rows.stop - rows.start, *y.shape[1:]]})


def _spread(op: Any, rows: Rows) -> Need | None:
    """Whole windows."""
    axes = windows.spatial_axes(op.layout, _result_type(op).rank)
    size = op.kernel[axes.index(rows.axis)] if rows.axis in axes else 1
    if rows.start % size or rows.stop % size:
        return None
    read = Rows(rows.axis, rows.start // size, rows.stop // size)
    return Need([read, read])


def summand(op: Any, rows: Rows) -> Need | None:
    """What an op that sums over the leading axis needs for the part of its sum that comes from
    these rows; `None` for other ops."""
    if op.NAME == "conv_weight_gradient":
        return Need([rows, rows])
    if op.NAME == "reduce_sum":
        rank = _operand_types(op)[0].rank
        return Need([rows]) if 0 in (a % rank for a in op.axes) else None
    return None


_RULES: dict[str, Callable[[Any, Rows], Need | None]] = {
    **dict.fromkeys(("conv", "max_pool", "max_pool_taps", "average_pool"), _windows),
    **dict.fromkeys(("softmax", "log_softmax", "layer_norm", "rms_norm", "concat"), _along_axis),
    **dict.fromkeys(("reduce_sum", "reduce_mean", "reduce_max", "reduce_min"), _reduce),
    "gather_elements": _gather_elements,
    "max_pool_spread": _spread,
    "matmul": _matmul,
    "one_hot": _one_hot,
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
}


class Strip:
    """A kernel for some rows of its result: `arguments` has the rows of each argument that it takes
    (`None` for all), or is `None` where the kernel needs everything for any row.

    With `summed` rows are those of what the kernel's last op sums over, and the result is the part
    of the sum that comes from them.
    """

    def __init__(self, function: ir.Operation, rows: Rows, summed: bool = False) -> None:
        self.function = function
        self.block = function.regions[0].blocks[0]
        self.operations = [o.operation for o in self.block.operations]
        self.needs: dict[ir.Operation, Need] = {}
        self.result = self.operations[-1].operands[0]
        self.rows: dict[ir.Value, Rows | None] = {self.result: None if summed else rows}
        self.part = rows if summed else None
        self.arguments: list[Rows | None] | None = None
        if len(self.operations[-1].operands) == 1 and self._follow():
            self.arguments = [self._argument(a) for a in self.block.arguments]

    def _follow(self) -> bool:
        """Finds the rows of every value, from the result back; false where some op needs all."""
        for operation in reversed(self.operations[:-1]):
            rows = self.rows.get(operation.results[0])
            if len(operation.results) > 1:
                return False
            if operation.name in ("ty.constant", "ty.full"):
                continue
            need = self._need(operation, rows)
            if need is None:
                return False
            self.needs[operation] = need
            for value, wanted in zip(operation.operands, need.operands):
                self._want(value, wanted)
        return True

    def _need(self, operation: ir.Operation, rows: Rows | None) -> Need | None:
        op = building.view(operation)
        if self.part is not None and operation.results[0] == self.result:
            return summand(op, self.part)
        return None if rows is None else needed(op, rows)

    def _want(self, value: ir.Value, rows: Rows | None) -> None:
        known = self.rows.get(value, rows)
        same = known is not None and rows is not None and known.axis == rows.axis
        self.rows[value] = known.hull(rows) if same and known and rows else None

    def _argument(self, value: ir.Value) -> Rows | None:
        """The rows that an argument is cut down to before the call."""
        rows, shape = self.rows.get(value), building.type_of(value).shape
        return rows if rows is not None and rows.axis == leading_axis(shape) else None

    def emit(self, module: ir.Module, name: str, adds: bool = False) -> ir.Operation:
        """The function, at the end of the module. With `adds` its last argument, one more, is
        added to the result."""
        assert self.arguments is not None
        types = []
        for value, rows in zip(self.block.arguments, self.arguments):
            t = building.type_of(value)
            types.append(value.type if rows is None else building.mlir_type(_cut(t, rows)))
        result, rows = self.result, self.rows[self.result]
        kind = building.type_of(result)
        kind = building.mlir_type(kind if rows is None else _cut(kind, rows))
        types += [kind] if adds else []
        with ir.InsertionPoint(module.body), self.function.location:
            function = func.FuncOp(name, (types, [kind]), visibility="private")
        block, made = function.add_entry_block(), function.operation
        for key in self.function.attributes:
            if key not in ("sym_name", "function_type", "sym_visibility"):
                made.attributes[key] = self.function.attributes[key]
        values = {
            a: (v, rows)
            for a, v, rows in zip(self.block.arguments, block.arguments, self.arguments)
        }
        with ir.InsertionPoint(block):
            for operation in self.operations[:-1]:
                with operation.location:
                    self._emit_op(operation, values)
            value = values[result][0]
            if adds:
                with self.operations[-1].location:
                    value = ty.add(value, block.arguments[len(types) - 1])
            func.ReturnOp([value], loc=self.operations[-1].location)
        return made

    def _emit_op(self, operation: ir.Operation, values: dict) -> None:
        if operation not in self.needs:
            values[operation.results[0]] = (operation.clone().results[0], None)
            return
        need = self.needs[operation]
        op = building.view(operation)
        operands = iter([
            _read(values[v], wanted) for v, wanted in zip(operation.operands, need.operands)
        ])  # fmt: skip
        arguments = []
        for group in building.operands_of(op):
            if isinstance(group, (list, tuple)):
                arguments.append([next(operands) for _ in group])
            else:
                arguments.append(None if group is None else next(operands))
        attributes = {**building.attributes_of(op), **need.attributes}
        made = building.build(type(op), *arguments, **attributes)
        values[operation.results[0]] = (made, self.rows[operation.results[0]])


def _cut(t: TensorType, rows: Rows) -> TensorType:
    shape = list(t.shape)
    shape[rows.axis] = rows.stop - rows.start
    return TensorType(tuple(shape), t.dtype)


def _read(made: tuple[ir.Value, Rows | None], wanted: Rows | None) -> ir.Value:
    """The wanted rows of a value of which some rows, or all, were made."""
    value, rows = made
    if wanted is None or wanted == rows:
        return value
    return cut_rows(value, wanted, rows.start if rows is not None else 0)


def cut_rows(value: ir.Value, rows: Rows, first: int = 0) -> ir.Value:
    """Rows of a value whose first row is number `first`: a `ty.slice`."""
    shape = list(building.type_of(value).shape)
    if rows.start == first and rows.stop - rows.start == shape[rows.axis]:
        return value
    starts = [0] * len(shape)
    starts[rows.axis] = rows.start - first
    shape[rows.axis] = rows.stop - rows.start
    return ty.slice(value, starts=starts, sizes=shape, steps=[1] * len(shape))


def piece_offset(value: ir.Value) -> tuple[ir.Value, int] | None:
    """What a `ty.slice` of rows is a piece of, and the bytes before it; `None` for other values."""
    op = producer(value)
    if op is None or op.NAME != "slice":
        return None
    t = building.type_of(op.x)
    axis = leading_axis(t.shape)
    row = t.nbytes // t.shape[axis]
    return op.x, op.starts[axis] * row
