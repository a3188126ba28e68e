"""Programs as text: what `--dump` writes, and `--from` and `opt` read.

    // tyc: {"name": "resnet18", "stage": "fuse"}
    module { func.func @main(%arg0: tensor<1x3x224x224xf32> {ty.name = "images"}) ... }

The text holds no weights: these stand in a safetensors file beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mlir import ir

from tyc.dialects import building, registration
from tyc.dialects.program import Program
from tyc.runtime.errors import TycError, UserError

WEIGHTS = "weights.safetensors"
_HEAD = "// tyc: "


def text_of(program: Program, stage: str) -> str:
    """The program's text after a stage."""
    head = json.dumps({"name": program.name, "stage": stage})
    return f"{_HEAD}{head}\n{with_locations(program.module)}"


def with_locations(module: ir.Module) -> str:
    """A module's text with the places that its ops came from, so that reading it loses nothing."""
    return module.operation.get_asm(enable_debug_info=True)


def head_of(text: str) -> dict[str, Any]:
    """What the first line of a dump says: name and stage; nothing for any other text."""
    first = text.split("\n", 1)[0]
    if not first.startswith(_HEAD):
        return {}
    try:
        return dict(json.loads(first[len(_HEAD) :]))
    except (ValueError, TypeError):
        return {}


def parse(text: str, label: str, arrays: Mapping[str, np.ndarray] | None = None) -> Program:
    """The program of a text. Raises `UserError` where it is no IR or breaks a rule of an op."""
    context = registration.context()
    with context, ir.Location.unknown():
        try:
            module = ir.Module.parse(text)
        except ir.MLIRError as error:
            raise UserError(f"must be MLIR, got {_first(error)}", node=label) from error
        verify(module, label)
    return Program(module, dict(arrays or {}), head_of(text).get("name") or "model")


def _first(error: ir.MLIRError) -> str:
    """The first diagnostic with its line and column."""
    for diagnostic in error.error_diagnostics:
        found = re.search(r":(\d+:\d+)", str(diagnostic.location))
        where = f" at {found.group(1)}" if found else ""
        return f"an error{where}: {diagnostic.message}"
    return str(error)


def functions(module: ir.Module) -> Iterator[ir.Operation]:
    """The functions of a module in order."""
    for op in module.body.operations:
        if op.operation.name == "func.func":
            yield op.operation


def verify(module: ir.Module, label: str) -> None:
    """Raises `UserError` for a `ty` op that breaks a rule or has other types than it infers."""
    for function in functions(module):
        for block in function.regions[0].blocks:
            for op in block.operations:
                if building.op_class(op) is not None:
                    _verify_operation(op.operation, label)


def _verify_operation(operation: ir.Operation, label: str) -> None:
    where = f"{label}:{_line(operation)}"
    try:
        instance = building.view(operation)
        types = building.operand_types(type(instance), building.operands_of(instance))
        found = type(instance).infer(*types, **building.attributes_of(instance))
    except TycError as error:
        raise UserError(f"{error.node}: {error.message}", node=where, hint=error.hint) from error
    except (ValueError, TypeError, KeyError) as error:
        message = f"{operation.name}: operands and attributes must be of their kinds, got: {error}"
        raise UserError(message, node=where) from error
    wanted = [str(t.mlir) for t in (found if isinstance(found, (list, tuple)) else [found])]
    got = [str(r.type) for r in operation.results]
    if wanted != got:
        message = f"{operation.name}: result must be {', '.join(wanted)}, got {', '.join(got)}"
        raise UserError(message, node=where)


def _line(operation: ir.Operation) -> str:
    found = re.search(r":(\d+:\d+)", str(operation.location))
    return found.group(1) if found else "?"


def require_main(program: Program, label: str) -> None:
    """Raises `UserError` where the program has no `main` with named inputs and outputs."""
    mains = [f for f in functions(program.module) if f.attributes["sym_name"].value == "main"]
    if not mains:
        raise UserError("must have a function @main, got none", node=label)
    sides = {"arg_attrs": len(program.block.arguments)}
    sides["res_attrs"] = len(program.terminator.operands)
    for side, count in sides.items():
        if count and side not in mains[0].attributes:
            what = "argument" if side == "arg_attrs" else "result"
            raise UserError(f"every {what} of @main must have a ty.name, got none", node=label)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"must be a safetensors file, got: {error}", node=str(path)) from None


def read_dump(path: Path) -> tuple[Program, str]:
    """The program of a dumped stage with the weights beside it, and the stage."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise UserError(f"file {str(path)!r} does not exist", node=path.name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"must be text, got: {error}", node=str(path)) from None
    program = parse(text, path.name)
    require_main(program, path.name)
    beside = path.parent / WEIGHTS
    if beside.is_file():
        program.parameters.update(read_weights(beside))
    wanted = [building.view(o) for o in program.operations() if o.name == "ty.parameter"]
    for parameter in wanted:
        name = building.attributes_of(parameter)["name"]
        if name not in program.parameters:
            raise UserError(
                f"parameter {name!r} must have an array, got none",
                node=path.name,
                hint=f"put {WEIGHTS} of the same dump beside it",
            )
    used = {building.attributes_of(p)["name"] for p in wanted}
    program.parameters = {k: v for k, v in program.parameters.items() if k in used}
    return program, head_of(text).get("stage", "import")


def give_parameters(program: Program, folder: Path) -> None:
    """Gives every parameter an array: from the weights in the folder, or else by a fixed rule, for
    the text of IR does not depend on them."""
    beside = folder / WEIGHTS
    known = read_weights(beside) if beside.is_file() else {}
    for operation in _parameters(program.module):
        attributes = building.attributes_of(building.view(operation))
        name, kind = attributes["name"], building.type_of(operation.results[0])
        made = np.random.default_rng(len(program.parameters)).uniform(1, 2, kind.shape)
        program.parameters[name] = known.get(name, made.astype(kind.dtype.numpy))


def _parameters(module: ir.Module) -> Iterator[ir.Operation]:
    for function in functions(module):
        for op in function.regions[0].blocks[0].operations:
            if op.operation.name == "ty.parameter":
                yield op.operation


def contiguous(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays as safetensors takes them: in C order, in memory of their own."""
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
