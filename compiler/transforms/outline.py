"""Turns groups of ops into kernels: private functions, one for all groups that are equal.

    func.func private @conv_add_relu_1f3c(...) attributes {ty.constants = array<i64: 1>}
    %2 = call @conv_add_relu_1f3c(%x, %w, %b)

`ty.constants` lists the arguments that are parameters: known when the artifact is written. A
constant that is one value everywhere is copied into the kernel; other constants become parameters.
A kernel with loops of its own holds nothing but its op: there a constant of one value is a
parameter too, or, where it is big, the result of a kernel that fills a buffer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np
from mlir import ir
from mlir.dialects import func

from tyc.compiler.lowering import families
from tyc.compiler.lowering.registry import stands_alone
from tyc.compiler.transforms.kinds import kind as kind_of
from tyc.dialects import building
from tyc.dialects.program import Program
from tyc.dialects.types import TensorType

CONSTANTS = "ty.constants"

# A bigger constant of one value is filled in when the model runs, and not kept in the library.
_MAX_CONSTANT_BYTES = 4096


def outline(program: Program, groups: Iterable[tuple[str, list[ir.Operation]]]) -> None:
    """Moves each group of operations into a kernel and calls it where its last operation stood."""
    _constants_to_parameters(program)
    known: dict[str, str] = {}
    for _, operations in groups:
        if len(operations) == 1 and _has_loop_rule(operations[0]):
            for fill in _constants_to_arguments(program, operations[0]):
                _outline_group(program, [fill], known)
        _outline_group(program, operations, known)


def _constants_to_parameters(program: Program) -> None:
    for operation in list(program.operations()):
        if operation.name != "ty.constant" or _is_splat(operation):
            continue
        value = _parameter_of(program, operation)
        operation.results[0].replace_all_uses_with(value)
        operation.erase()


def _parameter_of(program: Program, operation: ir.Operation) -> ir.Value:
    """A parameter, right before a `ty.constant` or `ty.full`, that has its value."""
    op = building.view(operation)
    facts = [f"{key} = {operation.attributes[key]}" for key in sorted(operation.attributes)]
    name = f"constant_{_digest(f'{facts} {operation.results[0].type}')}"
    program.parameters[name] = type(op).reference(**building.attributes_of(op))
    with ir.InsertionPoint(operation), operation.location:
        return add_parameter(name, building.type_of(operation.results[0]))


def _has_loop_rule(operation: ir.Operation) -> bool:
    families.load()
    return stands_alone(building.view(operation))


def _constants_to_arguments(program: Program, operation: ir.Operation) -> list[ir.Operation]:
    """Gives an operation no constant to copy; the operations that fill the big ones."""
    from tyc.dialects import ty

    fills: list[ir.Operation] = []
    for i, value in enumerate(operation.operands):
        if not _is_inlined_constant(value):
            continue
        owner, kind = _owner(value), building.type_of(value)
        assert owner is not None
        if kind.nbytes <= _MAX_CONSTANT_BYTES:
            operation.operands[i] = _parameter_of(program, owner)
            continue
        op = building.view(owner)
        array = np.asarray(type(op).reference(**building.attributes_of(op)))
        with ir.InsertionPoint(operation), operation.location:
            one = ty.constant(value=array.reshape(-1)[:1].copy())
            operation.operands[i] = ty.broadcast_to(one, shape=list(kind.shape))
        fills.append(operation.operands[i].owner.operation)
    return fills


def add_parameter(name: str, kind: TensorType) -> ir.Value:
    """A `ty.parameter` at the insertion point."""
    from tyc.dialects import ty

    return ty.parameter(name=name, shape=kind.shape, element=kind.dtype)


def _is_splat(operation: ir.Operation) -> bool:
    return ir.DenseElementsAttr(operation.attributes["value"]).is_splat


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _outline_group(program: Program, operations: list[ir.Operation], known: dict[str, str]) -> None:
    inside = set(operations)
    operands = _external_operands(operations, inside)
    constants = [i for i, v in enumerate(operands) if _is_parameter(v)]
    outputs = _external_results(operations, inside)
    function = _make_function(program, operations, operands, constants, outputs)
    # Of this function alone: the whole module would be numbered each time.
    text = function.get_asm(use_local_scope=True)
    name = known.get(text) or f"{_stem(operations)}_{_digest(text)}"
    if name in known.values():
        function.erase()
    else:
        function.attributes["sym_name"] = ir.StringAttr.get(name)
    known[text] = name
    last = operations[-1]
    with ir.InsertionPoint(last), _heaviest(operations).location:
        symbol = ir.FlatSymbolRefAttr.get(known[text])
        call = func.CallOp([v.type for v in outputs], symbol, operands)
    for old, new in zip(outputs, call.operation.results):
        old.replace_all_uses_with(new)
    for operation in reversed(operations):
        operation.erase()


def _heaviest(operations: list[ir.Operation]) -> ir.Operation:
    """The operation that a kernel is known by: the last one that is more than elementwise."""
    for operation in reversed(operations):
        if kind_of(building.view(operation)) not in ("elementwise", "view", "constant"):
            return operation
    return operations[-1]


def _external_operands(operations: list[ir.Operation], inside: set) -> list[ir.Value]:
    found: dict[ir.Value, None] = {}
    for operation in operations:
        for value in operation.operands:
            if _owner(value) not in inside and not _is_inlined_constant(value):
                found[value] = None
    return list(found)


def _external_results(operations: list[ir.Operation], inside: set) -> list[ir.Value]:
    return [
        r
        for operation in operations
        for r in operation.results
        if operation is operations[-1] or any(u.owner.operation not in inside for u in r.uses)
    ]


def _owner(value: ir.Value) -> ir.Operation | None:
    return None if isinstance(value.owner, ir.Block) else value.owner.operation


def _is_parameter(value: ir.Value) -> bool:
    owner = _owner(value)
    return owner is not None and owner.name == "ty.parameter"


def _is_inlined_constant(value: ir.Value) -> bool:
    owner = _owner(value)
    return owner is not None and owner.name in ("ty.constant", "ty.full")


def _make_function(
    program: Program,
    operations: list[ir.Operation],
    operands: list[ir.Value],
    constants: list[int],
    outputs: list[ir.Value],
) -> ir.Operation:
    """The private function `@kernel` with clones of the operations."""
    with ir.InsertionPoint(program.module.body), operations[-1].location:
        types = [v.type for v in operands], [v.type for v in outputs]
        function = func.FuncOp("kernel", types, visibility="private")
    function.operation.attributes[CONSTANTS] = ir.DenseI64ArrayAttr.get(constants)
    block = function.add_entry_block()
    values = dict(zip(operands, block.arguments))
    with ir.InsertionPoint(block):
        for operation in operations:
            for value in operation.operands:
                if value not in values and _is_inlined_constant(value):
                    values[value] = _owner(value).clone().results[0]  # pyright: ignore
            _clone(operation, values)
        func.ReturnOp([values[v] for v in outputs], loc=operations[-1].location)
    return function.operation


def _clone(operation: ir.Operation, values: dict[ir.Value, ir.Value]) -> None:
    clone = operation.clone()
    for i, value in enumerate(operation.operands):
        clone.operands[i] = values[value]
    values.update(zip(operation.results, clone.results))


def _stem(operations: list[ir.Operation]) -> str:
    """A readable name: the ops in order, the first and last few of a long list."""
    names = [re.sub(r"\W", "_", o.name.removeprefix("ty.")) for o in operations]
    names = [n for n in names if n not in ("constant", "broadcast_to")] or names
    if len(names) > 4:
        names = [*names[:2], f"x{len(names) - 3}", names[-1]]
    return "_".join(names)


def unfuse(program: Program, names: Iterable[str]) -> None:
    """Takes kernels apart again: each of their ops becomes a kernel of its own."""
    wanted = set(names)
    functions = {
        ir.StringAttr(op.attributes["sym_name"]).value: op.operation
        for op in program.module.body.operations
    }
    singles: list[tuple[str, list[ir.Operation]]] = []
    for operation in list(program.operations()):
        if operation.name != "func.call":
            continue
        name = ir.FlatSymbolRefAttr(operation.attributes["callee"]).value
        if name in wanted:
            singles += _inline(operation, functions[name])
    for name in wanted:
        functions[name].erase()
    outline(program, singles)


def _inline(call: ir.Operation, function: ir.Operation) -> list[tuple[str, list[ir.Operation]]]:
    """Puts a kernel's ops in place of a call; those that need kernels of their own."""
    block = function.regions[0].blocks[0]
    values = dict(zip(block.arguments, call.operands))
    made: list[tuple[str, list[ir.Operation]]] = []
    results: list[ir.Value] = []
    with ir.InsertionPoint(call):
        for op in block.operations:
            operation = op.operation
            if operation.name == "func.return":
                results = [values[v] for v in operation.operands]
                break
            _clone(operation, values)
            clone = values[operation.results[0]].owner.operation
            if clone.name not in ("ty.constant", "ty.full", "ty.reshape"):
                made.append(("single", [clone]))
    for old, new in zip(call.results, results):
        old.replace_all_uses_with(new)
    call.erase()
    return made
