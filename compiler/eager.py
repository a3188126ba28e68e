"""One op on arrays, at once: compiled like any program, kept in memory and on disk.

The first call of an op at given types and attributes builds a program of that one op and compiles
it by the same lowering and schedules as a whole model; the library is kept in the cache's folder
`eager`, and every later call is a call of that library.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tyc.compiler import cache
from tyc.compiler.options import Options
from tyc.compiler.targets import host
from tyc.dialects.ods import Op
from tyc.dialects.types import TensorType, type_of_array
from tyc.runtime.module import Module, load

Operands = Sequence[Any]

_LOADED: dict[tuple, Module] = {}


def run_op(
    op: type[Op], operands: Operands, attributes: Mapping[str, Any], exact: bool = False
) -> list[np.ndarray]:
    """The results of one op. Operands are arrays in field order (a list for a variadic operand,
    `None` for an absent one). Raises `UserError` where the op's rules are broken."""
    types = tuple(_type(o) for o in operands)
    key = (op.NAME, types, _frozen(attributes), exact)
    module = _LOADED.get(key)
    if module is None:
        module = _LOADED[key] = _compiled(op, types, attributes, exact)
    flat = [a for o in operands for a in (o if isinstance(o, (list, tuple)) else [o])]
    result = module(*[a for a in flat if a is not None])
    return list(result) if isinstance(result, tuple) else [result]


def _type(operand: Any) -> Any:
    if isinstance(operand, (list, tuple)):
        return tuple(type_of_array(a) for a in operand)
    return None if operand is None else type_of_array(operand)


def _frozen(attributes: Mapping[str, Any]) -> tuple:
    return tuple((k, _freeze(v)) for k, v in sorted(attributes.items()))


def _freeze(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return tuple(value) if isinstance(value, list) else value


def _compiled(op: type[Op], types: tuple, attributes: Mapping[str, Any], exact: bool) -> Module:
    options = Options(exact=exact)
    program = _program(op, types, attributes)
    name = cache.key(str(program.module), host().key(), options.key())
    path = cache.folder("eager") / f"op_{name}.so"
    if not path.exists():
        _compile(program, path, options)
    return load(path)


def _compile(program: Any, path: Path, options: Options) -> None:
    from tyc.compiler.pipeline import compile_program

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        compile_program(program, made, options=options)
        for suffix in (".json", ".h", ".so"):
            os.replace(made.with_suffix(suffix), path.with_suffix(suffix))


@lru_cache(maxsize=1)
def _context() -> Any:
    from tyc.dialects.registration import context

    return context()


def _program(op: type[Op], types: tuple, attributes: Mapping[str, Any]) -> Any:
    from mlir import ir
    from mlir.dialects import func

    from tyc.dialects import building
    from tyc.dialects.program import Program, named

    flat: list[TensorType] = []
    for t in types:
        flat += t if isinstance(t, tuple) else [] if t is None else [t]
    with _context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            arguments = [building.mlir_type(t) for t in flat]
            function = func.FuncOp("main", (arguments, []))
            block = function.add_entry_block()
        values = iter(block.arguments)
        operands = [
            [next(values) for _ in t] if isinstance(t, tuple) else t and next(values) for t in types
        ]
        with ir.InsertionPoint(block):
            result = building.build(op, *operands, **attributes)
            results = result if isinstance(result, list) else [result]
            func.ReturnOp(results)
        signature = ir.FunctionType.get(arguments, [r.type for r in results])
        function.attributes["function_type"] = ir.TypeAttr.get(signature)
        function.attributes["arg_attrs"] = named([f"x{i}" for i in range(len(flat))])
        function.attributes["res_attrs"] = named([f"y{i}" for i in range(len(results))])
    return Program(module, {}, op.NAME)
