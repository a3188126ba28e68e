"""Filters that are no constants, transformed when the program runs, for Winograd's convolutions.

    %y = call @conv_1f3c(%x, %w)      becomes      %m = call @transpose_...(%w)
                                                   %u = call @matmul_...(%both, %m)
                                                   %y = call @conv_1f3c(%x, %u)

`mark_filters` says of which arguments a schedule may ask for that (`ty.packed`); a kernel that does
has a packing for such an argument, and `pack_filters` makes it, once for all kernels that read one
weight so. Parameters are packed when the artifact is written, and are not marked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.rewriting import producer
from tyc.compiler.schedules.convolution_winograd_packing import WinogradPacking
from tyc.compiler.schedules.convolution_winograd_transform import TAPS
from tyc.compiler.schedules.kernel import PACKED, constant_arguments, packed_arguments
from tyc.compiler.transforms.outline import add_parameter, outline
from tyc.dialects import building, ty
from tyc.dialects.program import Program
from tyc.dialects.types import type_of_array

_ROOM = 4
"""Bytes of transformed filters for each byte of the image and the result, at most: they are part of
the workspace."""


def mark_filters(program: Program) -> None:
    """Marks the weights of 3x3 convolutions that are arguments and not parameters."""
    for function in _functions(program).values():
        block, constants = function.regions[0].blocks[0], constant_arguments(function)
        weights = [op.weight for op in map(_convolution, block.operations) if op is not None]
        found = [i for i, a in enumerate(block.arguments) if a in weights and i not in constants]
        if found:
            function.attributes[PACKED] = ir.DenseI64ArrayAttr.get(found)


def _convolution(op: Any) -> Any:
    """The convolution that an operation is, where its filters may be packed."""
    found: Any = building.view(op.operation) if op.operation.name == "ty.conv" else None
    return found if found is not None and _is_packable(found) else None


def _is_packable(op: Any) -> bool:
    weight, x, y = (building.type_of(v) for v in (op.weight, op.x, op.y))
    ones = [1] * len(op.strides)
    return (
        isinstance(op.weight.owner, ir.Block)
        and len(list(op.weight.uses)) == 1
        and weight.shape[2:] == (TAPS, TAPS)
        and weight.dtype.name == "f32"
        and op.groups == 1
        and op.layout == "NXC"
        and list(op.strides) == list(op.dilations) == ones
        and weight.nbytes * 4 <= _ROOM * (x.nbytes + y.nbytes)
    )


def pack_filters(program: Program, kernels: Mapping[str, CompiledKernel]) -> bool:
    """Packs what kernels ask for, by kernels of its own; False where nothing was to be done."""
    made: dict[tuple[ir.Value, str], ir.Value] = {}
    groups: list[tuple[str, list[ir.Operation]]] = []
    functions = _functions(program)
    for call in list(program.operations()):
        if call.name != "func.call":
            continue
        name = ir.FlatSymbolRefAttr(call.attributes["callee"]).value
        function = functions[name]
        for i in packed_arguments(function):
            packing = kernels[name].packings.get(i)
            operand = call.operands[i]
            argument = function.regions[0].blocks[0].arguments[i]
            if packing is None or operand.type != argument.type:
                continue
            key = operand, json.dumps(packing, sort_keys=True)
            if key not in made:
                with ir.InsertionPoint(call), call.location:
                    packed = WinogradPacking.from_json(packing)
                    made[key] = _packed(program, operand, packed, groups)
            call.operands[i] = made[key]
    if groups:
        outline(program, groups)
    return bool(groups)


def is_packed(call: ir.Operation, function: ir.Operation) -> bool:
    """True where a call passes packed filters: its kernel's text does not say how."""
    arguments = function.regions[0].blocks[0].arguments
    return any(call.operands[i].type != arguments[i].type for i in packed_arguments(function))


def _packed(
    program: Program,
    weight: ir.Value,
    packing: WinogradPacking,
    groups: list[tuple[str, list[ir.Operation]]],
) -> ir.Value:
    """`[panel, position, ic * lane]`: both transforms at once, as a product by one matrix."""
    panels, _, inner, lanes = packing.shape
    taps = TAPS * TAPS
    split = ty.reshape(weight, shape=[panels, lanes, inner, taps])
    moved = ty.transpose(split, perm=[0, 3, 2, 1])
    flat = ty.reshape(moved, shape=[panels, taps, inner * lanes])
    found = ty.matmul(_matrix(program, packing), flat)
    groups += [("movement", [_owner(moved)]), ("contraction", [_owner(found)])]
    return found


def _matrix(program: Program, packing: WinogradPacking) -> ir.Value:
    """The transform as a parameter of the program."""
    matrix = packing.matrix().astype(np.float32)
    name = "winograd_{}x{}".format(*packing.winograd)
    program.parameters[name] = matrix
    return add_parameter(name, type_of_array(matrix))


def _owner(value: ir.Value) -> ir.Operation:
    op = producer(value)
    assert op is not None
    return op.operation


def _functions(program: Program) -> dict[str, ir.Operation]:
    return {
        ir.StringAttr(op.attributes["sym_name"]).value: op.operation
        for op in program.module.body.operations
        if op.operation.name == "func.func" and op.operation != program.main
    }
