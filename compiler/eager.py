"""One op on arrays, at once: compiled like any program, kept in memory and on disk.

The first call of an op at given types and attributes builds a program of that one op and compiles
it by the same lowering and schedules as a whole model; the library is kept in the cache's folder
`eager`, and every later call is a call of that library.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tyc.compiler import cache
from tyc.compiler.calls import call
from tyc.compiler.options import Options
from tyc.compiler.targets import host
from tyc.dialects.ods import Op
from tyc.dialects.types import TensorType, type_of_array
from tyc.runtime.module import Module, load

if TYPE_CHECKING:
    from mlir import ir

    from tyc.dialects.program import Program

Operands = Sequence[Any]

_ARRAY = np.ndarray
_LOADED: dict[tuple, Module] = {}


def run_op(
    op: type[Op], operands: Operands, attributes: Mapping[str, Any], exact: bool = False
) -> list[np.ndarray]:
    """The results of one op. Operands are arrays in field order (a list for a variadic operand,
    `None` for an absent one). Raises `UserError` where the op's rules are broken."""
    if len(operands) == 2 and not attributes and type(operands[0]) is type(operands[1]) is _ARRAY:
        # What most ops are, without a loop.
        a, b = operands
        key: tuple = (op, exact, a.dtype, a.shape, b.dtype, b.shape)
        arrays = operands
    else:
        key, arrays = _key(op, operands, attributes, exact)
    module = _LOADED.get(key)
    if module is None:
        types = tuple(_type(o) for o in operands)
        module = _LOADED[key] = compiled(_program(op, types, attributes), exact)
    return module.run(arrays)


def _key(
    op: type[Op], operands: Operands, attributes: Mapping[str, Any], exact: bool
) -> tuple[tuple, list[np.ndarray]]:
    """What a kernel is known by, and its arrays in one list."""
    key: list[Any] = [op, exact]
    arrays: list[np.ndarray] = []
    for operand in operands:
        if type(operand) is _ARRAY:
            arrays.append(operand)
            key += operand.dtype, operand.shape
        elif operand is None:
            key.append(None)
        else:
            arrays += operand
            key.append(tuple([(a.dtype, a.shape) for a in operand]))
    if attributes:
        key.append(frozen(attributes))
    return tuple(key), arrays


def _type(operand: Any) -> Any:
    if isinstance(operand, (list, tuple)):
        return tuple(type_of_array(a) for a in operand)
    return None if operand is None else type_of_array(operand)


def frozen(attributes: Mapping[str, Any]) -> tuple:
    """Attributes as a key: equal for equal values."""
    return tuple((k, _freeze(v)) for k, v in sorted(attributes.items()))


def _freeze(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return tuple(value) if isinstance(value, list) else value


def compiled(program: Program, exact: bool) -> Module:
    """A small program as a callable; its library is kept on disk, by its text."""
    options = Options(exact=exact)
    name = cache.key(str(program.module), host().key(), options.key())
    path = cache.folder("eager") / f"op_{name}.so"
    if not path.exists():
        _compile(program, path, options)
    module = load(path)
    if (short := call()) is not None:
        module.use_call(short)
    return module


def _compile(program: Program, path: Path, options: Options) -> None:
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


def _program(op: type[Op], types: tuple, attributes: Mapping[str, Any]) -> Program:
    from tyc.dialects import building

    def body(operands: list[Any]) -> list[ir.Value]:
        result = building.build(op, *operands, **attributes)
        return result if isinstance(result, list) else [result]

    return small_program(op.NAME, types, body)


def small_program(
    name: str, types: Sequence[Any], body: Callable[[list[Any]], list[ir.Value]]
) -> Program:
    """A program without parameters: `body` builds its results from the operands, which it is given
    as `types` has them (a tuple is a list of operands, `None` an absent one)."""
    from mlir import ir
    from mlir.dialects import func

    from tyc.dialects import building
    from tyc.dialects.program import Program

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
            func.ReturnOp(body(operands))
        program = Program(module, {}, name)
        name_signature(program)
    return program


def name_signature(program: Program) -> None:
    """Gives `main` the type of its arguments and results, which become `x0`.. and `y0`.. ."""
    from mlir import ir

    from tyc.dialects.program import named

    arguments = [a.type for a in program.block.arguments]
    results = [v.type for v in program.terminator.operands]
    attributes = program.main.attributes
    attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(arguments, results))
    attributes["arg_attrs"] = named([f"x{i}" for i in range(len(arguments))])
    attributes["res_attrs"] = named([f"y{i}" for i in range(len(results))])
