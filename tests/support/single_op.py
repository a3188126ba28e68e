"""Programs of one op, made from an op's example: what the tests of ops run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import func

from tyc.dialects import building
from tyc.dialects.building import mlir_type
from tyc.dialects.ods import REGISTRY, Example, Op
from tyc.dialects.program import Program, named
from tyc.dialects.types import TensorType, dtype, type_of_array


def cases() -> Iterator[tuple[str, type[Op], Example]]:
    """Every op with each of its examples, and a name for the pair."""
    for name, op in sorted(REGISTRY.items()):
        for number, example in enumerate(op.examples):
            yield f"{name}-{number}", op, example


def arrays(example: Example) -> list[np.ndarray]:
    """The operands that are there, in one list."""
    flat = []
    for operand in example.operands:
        flat += operand if isinstance(operand, list) else [] if operand is None else [operand]
    return [np.asarray(a) for a in flat]


def replaced(example: Example, values: list[Any]) -> list[Any]:
    """`values`, one for each of `arrays(example)`, in the structure of the operands."""
    left = iter(values)
    return [
        [next(left) for _ in o] if isinstance(o, list) else None if o is None else next(left)
        for o in example.operands
    ]


def call(op: type[Op], example: Example, values: list[Any]) -> list[ir.Value]:
    """Builds the op on values that stand for `arrays(example)`."""
    result = building.build(op, *replaced(example, values), **example.attributes)
    return list(result) if isinstance(result, (list, tuple)) else [result]


def program(op: type[Op], example: Example, types: list[TensorType] | None = None) -> Program:
    """A program that applies the op to its inputs; needs a current context and location."""
    types = types or [type_of_array(a) for a in arrays(example)]
    module = ir.Module.create()
    with ir.InsertionPoint(module.body):
        function = func.FuncOp("main", ([mlir_type(t) for t in types], []))
        block = function.add_entry_block()
    with ir.InsertionPoint(block):
        results = call(op, example, list(block.arguments))
        func.ReturnOp(results)
    kind = ir.FunctionType.get([a.type for a in block.arguments], [r.type for r in results])
    function.attributes["function_type"] = ir.TypeAttr.get(kind)
    function.attributes["arg_attrs"] = named([f"x{i}" for i in range(len(types))])
    function.attributes["res_attrs"] = named([f"y{i}" for i in range(len(results))])
    return Program(module)


def attributes(op: type[Op], example: Example) -> dict[str, Any]:
    """The attributes with defaults, element types as `DType`."""
    _, filled = op.bind(example.operands, example.attributes)
    elements = {f.name for f in op.attribute_fields() if f.kind == "Element"}
    return {k: dtype(v) if k in elements else v for k, v in filled.items()}
