"""Programs that were once compiled wrongly, as small as they could be made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import program, random_inputs

from tyc import runtime
from tyc.compiler.options import Options
from tyc.compiler.pipeline import compile_program
from tyc.dialects import interpreter, ty

LEVELS = pytest.mark.parametrize("level", [0, 3])


def check(
    folder: Path, level: int, body: Any, *inputs: Sequence, bound: float = 1e-5, **parameters: Any
) -> Path:
    """Compiles `body` and compares its results with the interpreter's; gives the library."""
    output = folder / "found.so"
    with program(body, *inputs, **parameters) as made:
        given = random_inputs(made)
        wanted = interpreter.run(made, given)
        compile_program(made, output, options=Options(level=level))
    module = runtime.load(output, threads=1)
    result = module(*given)
    for got, expected in zip(result if len(wanted) > 1 else [result], wanted, strict=True):
        np.testing.assert_allclose(got, expected, rtol=bound, atol=bound)
    return output


@LEVELS
def test_a_kernel_with_loops_of_its_own_takes_no_constants(tmp_path: Path, level: int) -> None:
    def body(x: Any, indices: Any) -> Any:
        base = ty.full(shape=[5, 7], value=1.5, element="f32")
        updates = ty.constant(value=np.full((2, 7), 4.0, np.float32))
        return ty.scatter_elements(base, indices, updates, axis=0), ty.add(x, base)

    indices = np.array([[0, 1, 2, 3, 4, 0, 1], [4, 3, 1, 2, 0, 3, 2]])
    check(tmp_path, level, body, [5, 7], indices=indices)


def test_a_big_constant_is_filled_in_when_the_model_runs(tmp_path: Path) -> None:
    def body(x: Any, indices: Any) -> Any:
        base = ty.full(shape=[300, 70], value=-1, element="f32")
        return ty.scatter_nd(base, indices, x)

    output = check(tmp_path, 3, body, [2, 70], indices=np.array([[7], [299]]))
    assert output.stat().st_size < 100_000


def test_functions_of_f64_are_not_recognised_by_f32_coefficients(tmp_path: Path) -> None:
    def body(x: Any) -> Any:
        slope = ty.constant(value=np.array(0.01))
        zero = ty.constant(value=np.array(0.0))
        return ty.where(ty.less(x, zero), ty.multiply(x, slope), x), ty.leaky_relu(x)

    check(tmp_path, 3, body, ((9, 33), "f64"), bound=1e-13)
