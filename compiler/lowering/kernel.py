"""A kernel in `ty` becomes the same function in linalg on tensors.

func.func @k(%x: tensor<2x3xf32>) -> tensor<2x3xf32> { %0 = "ty.relu"(%x) ... }
func.func @k(%x: tensor<2x3xf32>) -> tensor<2x3xf32> { %0 = linalg.generic ... }
"""

from __future__ import annotations

from mlir import ir
from mlir.dialects import func

from tyc.compiler.lowering import families, structured
from tyc.compiler.lowering.elementwise import elementwise
from tyc.compiler.lowering.registry import LINALG
from tyc.compiler.lowering.tensors import extract_slice
from tyc.compiler.schedules.kernel import memory_shapes
from tyc.dialects.building import attributes_of, operands_of, type_of, view
from tyc.dialects.ods import Elementwise, Op
from tyc.dialects.types import TensorType
from tyc.runtime.errors import InternalError

families.load()


def signless(t: TensorType) -> ir.Type:
    """The tensor type as linalg sees it: integers have no sign."""
    return ir.RankedTensorType.get(list(t.shape), structured.element(t.dtype))


def lower_to_linalg(kernel: ir.Operation) -> ir.Module:
    """A new module that holds the kernel's function in linalg form, with its attributes.

    An argument that lies within a larger tensor (`ty.within`) becomes a slice of that.

    Raises `InternalError` for an op without a lowering.
    """
    block = kernel.regions[0].blocks[0]
    results = [signless(type_of(v)) for v in block.operations[len(block.operations) - 1].operands]
    module = ir.Module.create(kernel.location)
    with ir.InsertionPoint(module.body), kernel.location:
        wholes = [
            signless(TensorType(shape, type_of(a).dtype))
            for a, shape in zip(block.arguments, memory_shapes(kernel))
        ]
        name = ir.StringAttr(kernel.attributes["sym_name"]).value
        function = func.FuncOp(name, (wholes, results))
        for key in kernel.attributes:
            if key not in function.attributes:
                function.attributes[key] = kernel.attributes[key]
        entry = function.add_entry_block()
        with ir.InsertionPoint(entry):
            values = {a: _part(v, a) for a, v in zip(block.arguments, entry.arguments)}
            for op in block.operations:
                _lower_operation(op.operation, values)
    return module


def _part(whole: ir.Value, argument: ir.Value) -> ir.Value:
    """The argument as the first part of what it lies in."""
    t = type_of(argument)
    if whole.type == signless(t):
        return whole
    kind = TensorType(tuple(ir.RankedTensorType(whole.type).shape), t.dtype)
    return extract_slice(whole, kind, [0] * t.rank, t.shape)


def _lower_operation(operation: ir.Operation, values: dict[ir.Value, ir.Value]) -> None:
    with operation.location:
        if operation.name == "func.return":
            func.ReturnOp([values[v] for v in operation.operands])
            return
        instance = view(operation)
        lowered = [
            None if o is None else [values[v] for v in o] if isinstance(o, list) else values[o]
            for o in operands_of(instance)
        ]
        results = lower_instance(instance, lowered)
    many = isinstance(results, (list, tuple))
    values.update(zip(operation.results, results if many else [results]))


def lower_instance(op: Op, operands: list) -> object:
    """The linalg values of one op; a composite without a rule of its own is expanded by the
    `expand-composites` pass before, never here."""
    rule = LINALG.get(op.NAME)
    if rule is not None:
        return rule(op, *operands)
    if isinstance(op, Elementwise) and type(op).scalar is not None:
        return elementwise(op, *operands)
    raise InternalError(
        f"no lowering to linalg, got attributes {attributes_of(op)}", node=f"ty.{op.NAME}"
    )
