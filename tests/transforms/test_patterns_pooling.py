"""A ReLU before a max pooling keeps one byte a window for the backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs import names, program

from tyc.compiler.options import Options
from tyc.compiler.transforms.differentiate import gradients
from tyc.compiler.transforms.simplify import simplify
from tyc.dialects import interpreter, ty
from tyc.dialects.building import type_of
from tyc.dialects.program import Program

WINDOWS: dict[str, dict[str, Any]] = {
    "tiles": {"kernel": [2, 2], "strides": [2, 2], "padding": [0] * 4},
    "overlap": {"kernel": [3, 3], "strides": [2, 2], "padding": [1] * 4},
}
SHAPE = (2, 3, 8, 8)


def pooled(windows: dict[str, Any]) -> Any:
    return lambda x: ty.max_pool(ty.relu(x), dilations=[1, 1], **windows)


def values() -> np.ndarray:
    """Ties, zeros of both signs, windows without a positive element, and NaN."""
    x = np.random.default_rng(0).integers(-3, 3, SHAPE).astype("f4")
    x[0, 0, :4] = -1
    x[1, 1, 2:4] = -0.0
    x[1, 2, 5, 5] = np.nan
    return x


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("windows", WINDOWS.values(), ids=list(WINDOWS))
def test_the_mask_is_that_of_the_pooled_image(windows: dict[str, Any], exact: bool) -> None:
    with program(pooled(windows), SHAPE) as made:
        gradients(made, ["x0"], seeds=True, keep_outputs=True)
        seed = np.random.default_rng(1).standard_normal(made.inputs[1][1].shape).astype("f4")
        wanted = interpreter.run(made, [values(), seed])
        simplify(made, Options(exact=exact))
        for a, b in zip(interpreter.run(made, [values(), seed]), wanted, strict=True):
            np.testing.assert_array_equal(a, b)
        assert names(made).count("max_pool") == 1
        assert _masks(made) == [wanted[0].shape]


def _masks(made: Program) -> list[tuple[int, ...]]:
    return [type_of(o.results[0]).shape for o in made.operations() if o.name == "ty.where"]


def test_another_reader_of_the_gradient_keeps_the_mask_where_it_is() -> None:
    def body(x: Any) -> Any:
        y = ty.relu(x)
        return ty.max_pool(y, dilations=[1, 1], **WINDOWS["tiles"]), ty.square(y)

    with program(body, SHAPE) as made:
        gradients(made, ["x0"], seeds=True)
        simplify(made, Options())
        assert _masks(made) == [SHAPE]
