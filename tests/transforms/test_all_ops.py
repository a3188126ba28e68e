"""Every example of every op means the same after simplification: operands as inputs, as parameters
and after ops that a pass may see through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import single_op
from mlir import ir
from tolerances import assert_close

from tyc.compiler.options import Options
from tyc.compiler.transforms.simplify import simplify
from tyc.dialects import interpreter, ty
from tyc.dialects.building import type_of
from tyc.dialects.ods import REGISTRY
from tyc.dialects.program import Program
from tyc.dialects.registration import context
from tyc.dialects.types import type_of_array

NAMES = sorted(name for name, op in REGISTRY.items() if op.examples)


@pytest.fixture(scope="module", autouse=True)
def mlir() -> Iterator[None]:
    with context(), ir.Location.unknown():
        yield


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("how", ["inputs", "parameters", "wrapped"])
@pytest.mark.parametrize("name", NAMES)
def test_examples(name: str, how: str, exact: bool) -> None:
    op = REGISTRY[name]
    for example in op.examples:
        made = single_op.program(op, example)
        arrays = single_op.arrays(example)
        if how == "parameters":
            _name_parameters(made, arrays)
        if how == "wrapped":
            _wrap(made)
        before = interpreter.run(made, arrays)
        simplify(made, Options(exact=exact))
        assert made.module.operation.verify()
        after = interpreter.run(made, arrays)
        assert len(before) == len(after)
        for x, y in zip(before, after, strict=True):
            if exact:
                np.testing.assert_array_equal(y, x)
                assert x.dtype == y.dtype
            else:
                assert_close(y, x, example.tolerance)


def _name_parameters(made: Program, arrays: list[np.ndarray]) -> None:
    """Operands become parameters; the inputs stay, unused."""
    with ir.InsertionPoint.at_block_begin(made.block):
        for i, (argument, array) in enumerate(zip(made.block.arguments, arrays, strict=True)):
            kind = type_of_array(array)
            value = ty.parameter(name=f"p{i}", shape=list(kind.shape), element=kind.dtype)
            made.parameters[f"p{i}"] = array
            argument.replace_all_uses_with(value)


def _wrap(made: Program) -> None:
    """Operands and results go through movement that cancels, or nearly."""
    with ir.InsertionPoint.at_block_begin(made.block):
        for argument in made.block.arguments:
            uses = [(use.owner.operation, use.operand_number) for use in argument.uses]
            value = _there_and_back(argument)
            for operation, number in uses:
                operation.operands[number] = value
    terminator = made.terminator
    with ir.InsertionPoint(terminator):
        for i, value in enumerate(list(terminator.operands)):
            terminator.operands[i] = _there_and_back(value)


def _there_and_back(value: Any) -> Any:
    t = type_of(value)
    turned = ty.transpose(value, perm=list(range(t.rank))[::-1])
    if t.size:
        turned = ty.reshape(turned, shape=[1, *t.shape[::-1]])
        turned = ty.reshape(ty.reverse(turned, axes=[0]), shape=list(t.shape[::-1]))
    return ty.transpose(turned, perm=list(range(t.rank))[::-1])
