"""Products of few rows: every way to walk through the matrix, edges, epilogues, splits."""

from __future__ import annotations

import contraction_kernels
import pytest
from programs import program

from tyc.compiler.options import Options
from tyc.compiler.schedules.matvec import schedule_matvec
from tyc.compiler.targets import find, host
from tyc.dialects import ty

SIZES = [(1, 96, 40), (1, 1040, 33), (2, 515, 21), (3, 77, 19), (4, 100, 64), (1, 5, 70),
         (1, 2064, 9), (4, 1500, 3), (1, 16, 200), (2, 67, 130)]  # fmt: skip
PIECES = (1, 2, 5)


def check(body, *inputs, constants=(), **more):
    return contraction_kernels.check(
        body, *inputs, constants=constants, pieces=PIECES, family=schedule_matvec, **more
    )


@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_product_of_few_rows(size: tuple[int, int, int], constant: bool) -> None:
    m, n, k = size
    check(lambda a, b: ty.matmul(a, b), (m, k), (k, n), constants=[1] if constant else [])


@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_product_with_a_transposed_matrix(size: tuple[int, int, int], constant: bool) -> None:
    m, n, k = size
    if k < host().vector_bytes // 4 and not constant:
        pytest.skip("dot products shorter than a vector are the contraction family's")
    check(
        lambda a, b: ty.matmul(a, b, transpose_b=True), (m, k), (n, k),
        constants=[1] if constant else [],
    )  # fmt: skip


@pytest.mark.parametrize("transposed", [True, False])
def test_one_query_of_attention(transposed: bool) -> None:
    other = (6, 37, 64) if transposed else (6, 64, 37)
    found = check(lambda q, k: ty.matmul(q, k, transpose_b=transposed), (6, 1, 64), other)
    assert found.count >= 6


def test_batches_of_wide_rows_run_in_blocks() -> None:
    check(lambda a, b: ty.matmul(a, b), (3, 2, 30), (3, 30, 700))


@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
def test_epilogue_joins_the_product(constant: bool) -> None:
    def body(a, b, bias, other):
        return ty.add(ty.gelu(ty.add(ty.matmul(a, b), bias)), other)

    found = check(
        body, (2, 64), (64, 531), (531,), (2, 531), constants=[1] if constant else [],
        tolerance=5e-5,
    )  # fmt: skip
    assert found.in_place == [(3, 0)]


@pytest.mark.parametrize("element", ["f64", "f16", "bf16"])
@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
def test_element_types(element: str, constant: bool) -> None:
    inputs = ((1, 66), element), ((66, 45), element)
    check(lambda a, b: ty.matmul(a, b), *inputs, constants=[1] if constant else [])


def test_a_convolution_of_one_pixel_is_a_product_of_one_row() -> None:
    found = check(
        lambda x, w: ty.sigmoid(ty.conv(
            x, w, None, strides=[1, 1], padding=[0] * 4, dilations=[1, 1], layout="NXC"
        )), (1, 1, 1, 96), (24, 96, 1, 1),
        constants=[1],
    )  # fmt: skip
    assert found.packings


def test_many_rows_are_left_to_contractions() -> None:
    with program(lambda a, b: ty.matmul(a, b), (5, 32), (32, 32)) as made:
        assert contraction_kernels.schedule(made, [1], family=schedule_matvec) is None


def test_whole_numbers_are_left_to_contractions() -> None:
    with program(lambda a, b: ty.matmul(a, b), ((1, 32), "i32"), ((32, 32), "i32")) as made:
        assert contraction_kernels.schedule(made, [1], family=schedule_matvec) is None


def test_exact_sums_run_in_order_of_the_depth() -> None:
    """Packed and in place then give the same bits; dot products along lanes would not."""
    exact = Options(exact=True)
    with program(lambda a, b: ty.matmul(a, b, transpose_b=True), (1, 64), (40, 64)) as made:
        found = contraction_kernels.schedule(made, family=schedule_matvec, options=exact)
    assert found is None
    check(lambda a, b: ty.matmul(a, b), (1, 300), (300, 20), constants=[1], options=exact)


@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3"])
def test_narrower_machines(cpu: str) -> None:
    target = find(cpu=cpu)
    for constants in ([1], []):
        check(lambda a, b: ty.matmul(a, b), (1, 77), (77, 300), constants=constants, target=target)
    check(lambda a, b: ty.matmul(a, b, transpose_b=True), (2, 77), (29, 77), target=target)
