"""Loop rules: rows are independent, and each names the right number of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mlir import ir
from single_op import program

from tyc.compiler.lowering import families
from tyc.compiler.lowering.registry import LOOPS
from tyc.dialects import building, registration
from tyc.dialects.ods import REGISTRY, example

registration.dialect_text()  # fills the registry
families.load()


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[ir.Context]:
    with registration.context() as ctx, ir.Location.unknown():
        yield ctx


def rows(name: str, *operands: Any, **attributes: Any) -> int:
    """How many rows the loop rule of one op has."""
    made = program(REGISTRY[name], example(*operands, **attributes))
    return LOOPS[name].rows(building.view(next(made.operations())))


INDEX = np.array([0, 1])


@pytest.mark.parametrize(
    ("expected", "name", "operands", "attributes"),
    [
        (15, "top_k", [(3, 4, 5)], {"k": 2, "axis": 1}),
        (1, "top_k", [(9,)], {"k": 3}),
        (6, "scatter_elements", [(2, 3, 4), INDEX.reshape(1, 1, 2), (1, 1, 2)], {"axis": 2}),
        (1, "scatter_nd", [(4, 4), INDEX.reshape(1, 2), (1,)], {}),
        (2, "scatter_nd", [(4, 100), INDEX.reshape(2, 1), (2, 100)], {}),
        (6, "gather_gradient", [INDEX, (3, 2, 100)], {"shape": [3, 5, 100], "axis": 1}),
        (6, "max_pool_gradient", [np.zeros((2, 3, 1), int), (2, 3, 1)], {"shape": [2, 3, 4]}),
        (
            2,
            "max_pool_gradient",
            [np.zeros((2, 1, 3), int), (2, 1, 3)],
            {"shape": [2, 4, 3], "layout": "NXC"},
        ),
    ],
)
def test_rows(expected: int, name: str, operands: list, attributes: dict) -> None:
    assert rows(name, *operands, **attributes) == expected
