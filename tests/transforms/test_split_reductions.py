"""Long reductions to few elements become two: same values, and enough items for threads."""

from __future__ import annotations

from typing import Any

import pytest
from programs import check, names, program

from tyc.compiler.options import Options
from tyc.compiler.transforms.split_reductions import split_reductions
from tyc.dialects import ty


@pytest.mark.parametrize(
    "shape, axes",
    [((1, 40, 50, 72), [1, 2]), ((300, 500), [0, 1]), ((1 << 18,), [0]), ((1, 1 << 17), [1]),
     ((1 << 14, 16), [0]), ((2, 3, 1 << 16), [0, 1, 2])],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["reduce_mean", "reduce_max"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_long_reductions_run_in_two_steps(
    shape: tuple[int, ...], axes: list[int], name: str, keepdims: bool
) -> None:
    def body(x: Any) -> Any:
        return getattr(ty, name)(x, axes=axes, keepdims=keepdims)

    with program(body, shape) as made:
        left = check(made, split_reductions, tolerance=1e-4)
        assert left.count(name) == 2


@pytest.mark.parametrize(
    "shape, axes",
    [((40, 50), [0, 1]), ((64, 1 << 12), [1]), ((1 << 12, 512), [0]), ((131101,), [0])],
    ids=str,
)
def test_others_stay(shape: tuple[int, ...], axes: list[int]) -> None:
    """Short ones, those with enough items, and what no number of pieces divides."""
    with program(lambda x: ty.reduce_sum(x, axes=axes), shape) as made:
        split_reductions(made, Options())
        assert names(made) == ["reduce_sum"]


def test_exact_sums_and_narrow_floats_stay() -> None:
    with program(lambda x: ty.reduce_sum(x, axes=[0, 1]), (600, 600)) as made:
        split_reductions(made, Options(exact=True))
        assert names(made) == ["reduce_sum"]
    with program(lambda x: ty.reduce_sum(x, axes=[0, 1]), ((600, 600), "bf16")) as made:
        split_reductions(made, Options())
        assert names(made) == ["reduce_sum"]
