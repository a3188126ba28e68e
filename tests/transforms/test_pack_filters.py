"""Filters that are inputs: transformed by kernels of their own, once for all that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import program, random_inputs

from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.targets import host
from tyc.dialects import interpreter, ty
from tyc.runtime import load

SAME = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1], "layout": "NXC"}
IMAGE, WEIGHT = (2, 28, 28, 64), (64, 64, 3, 3)


def compiled(
    body: Any, tmp_path: Path, *inputs: tuple[int, ...], options: Options | None = None
) -> list[str]:
    """The families of the kernels in order; compares the library with the interpreter, and one
    thread with two."""
    with program(body, *inputs) as made:
        arrays = random_inputs(made)
        want = interpreter.run(made, arrays)
        run = Compilation(made, host(), options or Options())
        run.run_program_stages()
        run.compile_kernels()
        run.plan_memory()
        run.write(tmp_path / "model.so")
    alone, both = (load(tmp_path / "model.so", threads=n)(*arrays) for n in (1, 2))
    for a, b, c in zip(*(v if isinstance(v, tuple) else [v] for v in (alone, both)), want):
        assert a.tobytes() == b.tobytes()
        np.testing.assert_allclose(a, c, rtol=0, atol=3e-5 * float(np.abs(c).max()))
    return [run.kernels[s.kernel].schedule for s in run.plan.steps]


def test_filters_are_packed_once_for_all_readers(tmp_path: Path) -> None:
    def body(x: Any, y: Any, weight: Any) -> Any:
        return [ty.relu(ty.conv(v, weight, None, **SAME)) for v in (x, y)]

    families = compiled(body, tmp_path, IMAGE, IMAGE, WEIGHT)
    assert families == ["loops", "contraction", "winograd", "winograd"]


def test_computed_filters_are_packed(tmp_path: Path) -> None:
    def body(x: Any, weight: Any) -> Any:
        turned = ty.reverse(ty.transpose(weight, perm=[1, 0, 2, 3]), axes=[2, 3])
        return ty.conv(x, turned, None, **SAME)

    assert "winograd" in compiled(body, tmp_path, IMAGE, WEIGHT)


@pytest.mark.parametrize(
    ("image", "weight", "options"),
    [
        ((1, 7, 7, 64), WEIGHT, Options()),
        (IMAGE, (40, 64, 3, 3), Options()),
        (IMAGE, WEIGHT, Options(exact=True)),
    ],
    ids=["larger than the image", "no whole panels", "exact"],
)
def test_filters_that_stay_as_they_are(
    image: tuple, weight: tuple, options: Options, tmp_path: Path
) -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.conv(x, w, None, **SAME)

    assert "winograd" not in compiled(body, tmp_path, image, weight, options=options)
