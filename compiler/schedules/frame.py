"""The function around a kernel's code: arguments and results as buffers, and two indices.

func.func @name(%in: memref<...>..., %out: memref<...>..., %begin: index, %end: index)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mlir import ir
from mlir.dialects import func

from tyc.compiler.schedules.contraction_form import Root
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import (
    Packings,
    element_of,
    itemsize,
    memory_type,
    shape_of,
)
from tyc.compiler.schedules.memory import Buffer, flatten, row_major

Answer = TypeVar("Answer")


def name_of(function: ir.Operation) -> str:
    """The function's symbol."""
    return ir.StringAttr(function.attributes["sym_name"]).value


def traffic(tensors: Sequence[ir.Value]) -> int:
    """Bytes of all of the tensors in memory."""
    return sum(math.prod(shape_of(t)) * itemsize(element_of(t)) for t in tensors)


def memory_types(
    arguments: Sequence[ir.Value], roots: Sequence[Root], packings: Packings
) -> list[ir.Type]:
    """The memrefs of arguments and results, those of packed arguments as they are packed."""
    shapes: Mapping[int, Sequence[int]] = {i: p.shape for i, p in packings.items()}
    inputs = [memory_type(a.type, shapes.get(i)) for i, a in enumerate(arguments)]
    return inputs + [memory_type(r.value.type, r.shape) for r in roots]


def emit(
    name: str, kinds: Sequence[ir.Type], body: Callable[[list[ir.Value]], Answer]
) -> tuple[ir.Module, Answer]:
    """A module with the function, and what `body` answers, which emits into it; `body` is given the
    buffers, then the first item and the end."""
    module, index = ir.Module.create(), ir.IndexType.get()
    with ir.InsertionPoint(module.body):
        function = func.FuncOp(name, ([*kinds, index, index], []))
    entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        answer = body(list(entry.arguments))
        func.ReturnOp([])
    return module, answer


@dataclass(frozen=True)
class Bound:
    """What a contraction's code reads and writes: the arguments' memory by tensor, the results, and
    an evaluator of what is computed of them."""

    flats: dict[ir.Value, ir.Value]
    outputs: list[Buffer]
    evaluator: Evaluator


def bind(arguments: Sequence[ir.Value], roots: Sequence[Root], values: Sequence[ir.Value]) -> Bound:
    """The tensors at the function's buffers, packed ones too, which only their flat memory suits.
    Products are not fused with sums."""
    flats = {a: flatten(v) for a, v in zip(arguments, values)}
    buffers = {a: Buffer(flats[a], element_of(a), row_major(shape_of(a))) for a in arguments}
    outputs = [
        Buffer(flatten(v), r.element, row_major(r.shape))
        for r, v in zip(roots, values[len(arguments) :])
    ]
    return Bound(flats, outputs, Evaluator(dict(buffers), {}, fused=False))
