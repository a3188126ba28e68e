"""Every op x each of its examples: types, text, gradients, lowering, compiled results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mlir import ir
from single_op import arrays, attributes, cases, program, replaced
from tolerances import assert_close

from tyc.dialects import building, registration
from tyc.dialects.interpreter import evaluate
from tyc.dialects.ods import Example, Op
from tyc.dialects.types import type_of_array

registration.dialect_text()  # fills the registry
CASES = list(cases())
each_case = pytest.mark.parametrize(
    ("op", "example"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[ir.Context]:
    with registration.context() as ctx, ir.Location.unknown():
        yield ctx


def reference(op: type[Op], example: Example) -> list[np.ndarray]:
    return evaluate(op, replaced(example, arrays(example)), attributes(op, example))


@each_case
def test_inferred_types_are_those_of_the_reference(op: type[Op], example: Example) -> None:
    made = program(op, example)
    assert [t for _, t in made.outputs] == [type_of_array(a) for a in reference(op, example)]


@each_case
def test_text_round_trip(op: type[Op], example: Example) -> None:
    module = program(op, example).module
    assert module.operation.verify()
    text = str(module)
    again = ir.Module.parse(text)
    assert again.operation.verify()
    assert str(again) == text


@each_case
def test_views_give_back_what_was_built(op: type[Op], example: Example) -> None:
    made = program(op, example)
    view = building.view(next(made.operations()))
    assert type(view) is op
    decoded = building.attributes_of(view)
    for name, value in attributes(op, example).items():
        _assert_same(decoded[name], value)
    groups = [len(o) if isinstance(o, list) else o is not None for o in building.operands_of(view)]
    given = [len(o) if isinstance(o, list) else o is not None for o in example.operands]
    assert groups == given


def _assert_same(decoded: Any, value: Any) -> None:
    if isinstance(value, (np.ndarray, np.generic)):
        assert decoded.dtype == value.dtype
        np.testing.assert_array_equal(decoded, value)
    elif isinstance(value, (list, tuple, np.ndarray)):
        assert list(decoded) == list(value)
    else:
        assert decoded == value or decoded != decoded


@each_case
def test_reference_leaves_its_operands_alone(op: type[Op], example: Example) -> None:
    given = arrays(example)
    copies = [a.copy() for a in given]
    evaluate(op, replaced(example, given), attributes(op, example))
    for array, copy in zip(given, copies):
        np.testing.assert_array_equal(array, copy)


@each_case
def test_reference_agrees_with_the_expansion(op: type[Op], example: Example) -> None:
    if op.expand is None:
        pytest.skip("has no expansion")
    from tyc.compiler.transforms.expand_composites import expand_kernel
    from tyc.dialects import interpreter

    made = program(op, example)
    expand_kernel(made.main)
    assert made.module.operation.verify()
    for actual, wanted in zip(interpreter.run(made, arrays(example)), reference(op, example)):
        assert_close(actual, wanted, example.tolerance)
