"""Families compare by nanoseconds: each wins where it is the fastest one."""

from __future__ import annotations

from typing import Any

import pytest
from contraction_kernels import prepared
from programs import program

from tyc.compiler.options import Options
from tyc.compiler.schedules import select
from tyc.compiler.schedules.families import Contractions, Dots, Loops, Matvecs
from tyc.compiler.targets import find
from tyc.dialects import ty

TARGET = find(cpu="znver3")


def _matmul(x: Any, weight: Any) -> Any:
    return ty.matmul(x, weight)


def _ranked(*shapes: tuple[int, ...]) -> list[str]:
    with program(_matmul, *shapes) as made:
        found = select._ranked(prepared(made, [1]), TARGET, Options())
        return [f.name for f in found]


@pytest.mark.parametrize("columns", [8, 28, 512, 4096])
def test_few_rows_read_the_matrix_once(columns: int) -> None:
    assert _ranked((1, 512), (512, columns))[0] == "matvec"


@pytest.mark.parametrize("rows", [7, 64, 1000])
def test_many_rows_share_what_they_read(rows: int) -> None:
    assert _ranked((rows, 256), (256, 64)) == ["contraction", "loops"]


def test_nanoseconds_are_those_of_the_peak() -> None:
    with program(_matmul, (512, 512), (512, 512)) as made:
        found = Contractions().estimate(prepared(made, [1]), TARGET, Options())
    peak = TARGET.costs.gigahertz * TARGET.costs.fma_per_cycle * 2 * TARGET.vector_bytes // 4
    assert found is not None and 1.0 < found / (2 * 512**3 / peak) < 1.5


def test_what_only_loops_take_is_no_contraction() -> None:
    with program(lambda x: ty.reduce_max(x, axes=[1]), (64, 64)) as made:
        module = prepared(made)
        assert Contractions().estimate(module, TARGET, Options()) is None
        assert Matvecs().estimate(module, TARGET, Options()) is None
        assert Dots().estimate(module, TARGET, Options()) is None
        taken = Loops().estimate(module, TARGET, Options())
    assert taken is not None and 0 < taken < 10_000


def test_a_target_with_wider_vectors_is_faster() -> None:
    with program(_matmul, (128, 128), (128, 128)) as made:
        module = prepared(made, [1])
        for family in (Contractions(), Loops()):
            narrow = family.estimate(module, TARGET, Options())
            wide = family.estimate(module, find(cpu="icelake-server"), Options())
            assert narrow is not None and wide is not None and wide < narrow
