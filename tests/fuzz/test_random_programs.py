"""Random programs: what the compiler makes of them computes what the interpreter computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import Step, arrays, build, input_type

from tyc import runtime
from tyc.compiler.options import Options
from tyc.compiler.pipeline import compile_program
from tyc.dialects import interpreter
from tyc.dialects.types import TensorType

# A chain of a dozen ops loses more than one op; the largest value is the measure.
TOLERANCE = {"f32": 1e-4, "f64": 1e-10}

SHAPES = st.lists(st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 33]), max_size=4).filter(
    lambda s: int(np.prod(s)) <= 6000
)
INPUTS = st.lists(
    st.builds(input_type, SHAPES, st.sampled_from(["f32", "f32", "f32", "f64", "i32", "i1"])),
    min_size=1,
    max_size=3,
)
STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 99),
        st.tuples(*[st.integers(0, 11)] * 3),
        st.integers(0, 999),
    ),
    min_size=1,
    max_size=12,
)


def check(folder: Path, inputs: Sequence[TensorType], steps: Sequence[Step], level: int) -> None:
    """Compiles the program of those steps and compares its results with the interpreter's."""
    given_arrays = arrays(inputs, seed=len(steps))
    with build(inputs, steps) as made:
        text = str(made.module)
        wanted = interpreter.run(made, given_arrays)
        # A file's name is known to the loader for ever.
        output = folder / f"random{len(list(folder.iterdir()))}.so"
        compile_program(made, output, options=Options(level=level))
    module = runtime.load(output, threads=2)
    result = module(*given_arrays)
    results = list(result) if len(module.outputs) > 1 else [result]
    for spec, got, expected in zip(module.outputs, results, wanted, strict=True):
        expected = np.asarray(expected)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype), text
        allowed = TOLERANCE.get(spec.dtype, 0)
        scale = max(float(np.max(np.abs(expected), initial=1)), 1) if allowed else 1
        np.testing.assert_allclose(
            got, expected, rtol=0, atol=allowed * scale, err_msg=f"level {level}: {spec}\n{text}"
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the libraries are written."""
    return tmp_path_factory.mktemp("random")


@settings(max_examples=12, deadline=None)
@given(INPUTS, STEPS)
def test_compiled_is_interpreted(folder: Path, inputs: list[TensorType], steps: list[Step]) -> None:
    for level in (3, 0):
        check(folder, inputs, steps, level)
