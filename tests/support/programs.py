"""Small programs for tests of passes, and what tests say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import func

from tyc.compiler.options import Options
from tyc.dialects import interpreter
from tyc.dialects.building import mlir_type, type_of
from tyc.dialects.program import Program, named
from tyc.dialects.registration import context
from tyc.dialects.types import tensor, type_of_array

Pass = Callable[[Program, Options], None]
Body = Callable[..., Any]


@contextmanager
def program(
    body: Body, *inputs: Sequence[int] | tuple, **parameters: np.ndarray
) -> Iterator[Program]:
    """A program: `body` builds it from values of the inputs (f32, of those shapes, or
    `(shape, element)`) and of the parameters by keyword."""
    types = [tensor(*i) if i and isinstance(i[-1], str) else tensor(i, "f32") for i in inputs]
    with context(), ir.Location.unknown():
        module = ir.Module.create()
        made = Program(module, {k: np.asarray(v) for k, v in parameters.items()})
        with ir.InsertionPoint(module.body):
            main = func.FuncOp("main", ([mlir_type(t) for t in types], []))
            block = main.add_entry_block()
        with ir.InsertionPoint(block):
            results = body(*block.arguments, **{k: _parameter(made, k) for k in parameters})
            results = list(results) if isinstance(results, (list, tuple)) else [results]
            func.ReturnOp(results)
        inner = ir.FunctionType.get([mlir_type(t) for t in types], [v.type for v in results])
        main.operation.attributes["function_type"] = ir.TypeAttr.get(inner)
        main.operation.attributes["arg_attrs"] = named([f"x{i}" for i in range(len(types))])
        main.operation.attributes["res_attrs"] = named([f"y{i}" for i in range(len(results))])
        assert module.operation.verify()
        yield made


def _parameter(made: Program, name: str) -> ir.Value:
    from tyc.dialects import ty

    kind = type_of_array(made.parameters[name])
    return ty.parameter(name=name, shape=list(kind.shape), element=kind.dtype)


def names(made: Program) -> list[str]:
    """The names of main's operations in order, constants and parameters left out."""
    found = [o.name.removeprefix("ty.") for o in made.operations()]
    return [n for n in found if n not in ("constant", "parameter")]


def only(made: Program, name: str) -> Any:
    """The view of the one operation of that name."""
    from tyc.dialects.building import view

    (operation,) = [o for o in made.operations() if o.name == f"ty.{name}"]
    return view(operation)


def random_inputs(made: Program, seed: int = 3) -> list[np.ndarray]:
    """Numbers for each input."""
    rng = np.random.default_rng(seed)
    arrays = []
    for t in map(type_of, made.block.arguments):
        if t.dtype.is_float:
            arrays.append(rng.uniform(-3, 3, t.shape).astype(t.dtype.numpy))
        else:
            arrays.append(rng.integers(0, 2, t.shape).astype(t.dtype.numpy))
    return arrays


def check(
    made: Program,
    *passes: Pass,
    exact: bool = False,
    tolerance: float | None = None,
) -> list[str]:
    """Runs passes and compares the outputs before and after; the names of the ops that remain.

    Without a tolerance the outputs must be the same bits.
    """
    inputs = random_inputs(made)
    signature = made.inputs, made.outputs
    before = interpreter.run(made, inputs)
    for function in passes:
        function(made, Options(exact=exact))
        assert made.module.operation.verify()
    assert (made.inputs, made.outputs) == signature
    _check_types(made)
    for x, y in zip(before, interpreter.run(made, inputs), strict=True):
        if tolerance is None:
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
        else:
            np.testing.assert_allclose(y, x, rtol=tolerance, atol=tolerance)
    return names(made)


def _check_types(made: Program) -> None:
    """Every op infers the types that it has, and every parameter has its array."""
    from tyc.dialects import building

    for operation in made.operations():
        op: Any = building.view(operation)
        if op.NAME == "parameter":
            assert type_of_array(made.parameters[op.name]) == type_of(op.y)
            continue
        types = building.operand_types(type(op), building.operands_of(op))
        inferred = type(op).infer(*types, **building.attributes_of(op))
        inferred = inferred if isinstance(inferred, (list, tuple)) else [inferred]
        assert list(inferred) == [type_of(r) for r in operation.results], operation
