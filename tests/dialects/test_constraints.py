"""Every constraint id of every op refuses a bad call with its own words: `constraint_rows.txt`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlir import ir

from tyc.dialects import registration
from tyc.dialects.ods import REGISTRY, Op
from tyc.dialects.types import TensorType, tensor
from tyc.runtime.errors import UserError

registration.dialect_text()  # fills the registry
_LINES = Path(__file__).with_name("constraint_rows.txt").read_text().splitlines()
ROWS = [[part.strip() for part in line.split(" | ")] for line in _LINES if line[0] != "#"]


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[ir.Context]:
    with registration.context() as ctx, ir.Location.unknown():
        yield ctx


def _infer(call: str) -> Any:
    """What the op makes of a call whose operands are types, as `add(f32[2,3], f32[3])`."""
    name, arguments = call.split("(", 1)
    types = re.sub(r"\b([fiub]f?\d+)\[([\d,]*)\]", r"tensor((\2 ,), '\1')", f"take({arguments}")
    types = types.replace("( ,)", "()")

    def take(*args: Any, **kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
        return REGISTRY[name].bind(args, kwargs)

    operands, attributes = eval(types, {"tensor": tensor, "np": np, "take": take})
    return REGISTRY[name].infer(*operands, **attributes)


@pytest.mark.parametrize(("owner", "number", "call", "message"), ROWS)
def test_constraint(owner: str, number: str, call: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        _infer(call)
    name = call.split("(")[0]
    assert caught.value.node == f"ty.{name}"
    assert owner in {c.__name__ for c in REGISTRY[name].__mro__}


def test_every_constraint_has_a_row() -> None:
    stated = {
        (cls.__name__, number)
        for op in REGISTRY.values()
        for cls in op.__mro__
        if issubclass(cls, Op)
        for number in re.findall(r"\((C\d+)\)", cls.__doc__ or "")
    }
    rows = {(owner, number) for owner, number, *_ in ROWS}
    assert stated - rows == set()
    assert rows - stated == set()


def test_the_calls_of_this_file_are_read_as_types() -> None:
    assert _infer("add(f32[2,3], f32[3])") == TensorType((2, 3), tensor((), "f32").dtype)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((1, 2, 3), {}, "takes 2 arguments, got 3"),
        ((1,), {}, "argument 'b' is missing"),
        ((1, 2), {"c": 3}, "argument 'c' is unknown"),
        ((1, 2), {"a": 3}, "argument 'a' is given twice"),
    ],
)
def test_arguments_are_bound_as_in_python(args: tuple, kwargs: dict, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        REGISTRY["add"].bind(args, kwargs)
