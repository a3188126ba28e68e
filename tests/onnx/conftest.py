"""Models as text, imported and evaluated by the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

import tyc.onnx
from tyc.dialects import interpreter


def parse(text: str, opset: int = 17, extra: str = "") -> onnx.ModelProto:
    """A model from ONNX's text form of a graph (and functions after it)."""
    head = f'<ir_version: 8, opset_import: ["" : {opset}{extra}]>\n'
    return onnx.parser.parse_model(head + text)


def evaluate(program: Any, *arrays: Any) -> list[np.ndarray]:
    """The verified program's outputs on arrays, in the element types of its inputs."""
    with program.module.context:
        program.module.operation.verify()
        types = [t for _, t in program.inputs]
        return interpreter.run(
            program, [np.asarray(a, t.dtype.numpy) for a, t in zip(arrays, types)]
        )


@pytest.fixture
def model() -> Callable[..., onnx.ModelProto]:
    """Parses a model."""
    return parse


@pytest.fixture
def imported() -> Callable[..., Any]:
    """Parses and imports a model."""

    def load(text: str, opset: int = 17, extra: str = "", **options: Any) -> Any:
        return tyc.onnx.load(parse(text, opset, extra), **options)

    return load


@pytest.fixture
def run(imported: Callable[..., Any]) -> Callable[..., Any]:
    """Parses, imports and evaluates a model: its output, or a list of them."""

    def call(text: str, *arrays: Any, opset: int = 17, extra: str = "", **options: Any) -> Any:
        outputs = evaluate(imported(text, opset, extra, **options), *arrays)
        return outputs[0] if len(outputs) == 1 else outputs

    return call


@pytest.fixture
def op_names() -> Callable[[Any], list[str]]:
    """The names of a program's operations, without what only stands for arrays."""

    def names(program: Any) -> list[str]:
        found = [op.name.removeprefix("ty.") for op in program.operations()]
        return [n for n in found if n not in ("constant", "parameter", "full")]

    return names


@pytest.fixture
def message() -> Callable[..., str]:
    """The whole text of the error that importing a model ends in."""

    def text(source: Any, opset: int = 17, extra: str = "", **options: Any) -> str:
        from tyc.runtime.errors import UserError

        with pytest.raises(UserError) as error:
            model = parse(source, opset, extra) if isinstance(source, str) else source
            tyc.onnx.load(model, **options)
        return str(error.value)

    return text
