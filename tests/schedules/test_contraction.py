"""Matrix products through register tiles: edges, operands' layouts, epilogues, element types."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from contraction_kernels import check, schedule
from programs import program

from tyc.compiler.targets import find, host
from tyc.dialects import ty

SIZES = [
    (6, 16, 8), (12, 33, 17), (7, 5, 13), (5, 8, 33), (13, 17, 16), (15, 15, 15), (33, 6, 5),
    (1, 33, 17), (2, 17, 33), (3, 13, 8), (4, 100, 7), (33, 1, 17), (17, 7, 1), (1, 200, 65),
]  # fmt: skip


@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_matmul_of_any_size(size: tuple[int, int, int], constant: bool) -> None:
    m, n, k = size
    check(lambda a, b: ty.matmul(a, b), (m, k), (k, n), constants=[1] if constant else [])


def test_short_vectors_are_stored_without_masks() -> None:
    with program(lambda a, b: ty.relu(ty.matmul(a, b)), (40, 24), (24, 7)) as made:
        scheduled = schedule(made, [1])
        assert scheduled is not None and "maskedstore" not in str(scheduled.module)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_panels_of_a_large_matrix_are_prefetched(dtype: str) -> None:
    small = dataclasses.replace(host(), l2_bytes=4096)
    shapes = ((20, 70), dtype), ((70, 50), dtype)
    for target in (host(), small):
        with program(ty.matmul, *shapes) as made:
            scheduled = schedule(made, [1], target)
            assert scheduled is not None
            assert ("memref.prefetch" in str(scheduled.module)) == (target is small)
    check(lambda a, b: ty.matmul(a, b), *shapes, constants=[1], target=small)


@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
@pytest.mark.parametrize("transposed", [(True, False), (False, True), (True, True)], ids=str)
@pytest.mark.parametrize("size", [(33, 21, 19), (13, 16, 24), (1, 40, 16)], ids=str)
def test_matmul_of_transposed_operands(
    size: tuple[int, int, int], transposed: tuple[bool, bool], constant: bool
) -> None:
    m, n, k = size
    a = (k, m) if transposed[0] else (m, k)
    b = (n, k) if transposed[1] else (k, n)
    check(
        lambda x, y: ty.matmul(x, y, transpose_a=transposed[0], transpose_b=transposed[1]),
        a, b, constants=[1] if constant else [],
    )  # fmt: skip


@pytest.mark.parametrize(
    "shapes",
    [((3, 17, 9), (3, 9, 20)), ((2, 3, 17, 9), (9, 20)), ((2, 1, 7, 9), (1, 3, 9, 20)),
     ((17, 9), (3, 9, 20)), ((2, 1, 9), (2, 9, 20))],
    ids=str,
)  # fmt: skip
def test_batches_broadcast(shapes: tuple) -> None:
    check(lambda a, b: ty.matmul(a, b), *shapes)


@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
@pytest.mark.parametrize("k", [1030, 1500])
def test_deep_products_run_in_chunks(k: int, constant: bool) -> None:
    def body(a, b, bias):
        return ty.relu(ty.add(ty.matmul(a, b), bias))

    found = check(body, (40, k), (k, 37), (37,), constants=[1] if constant else [], tolerance=2e-4)
    assert not found.in_place


def test_partial_sums_of_narrow_results_wait_in_scratch() -> None:
    check(lambda a, b: ty.matmul(a, b), ((40, 1500), "bf16"), ((1500, 37), "bf16"), constants=[1])


def test_attention_products() -> None:
    check(lambda q, k: ty.matmul(q, k, transpose_b=True), (4, 50, 64), (4, 37, 64))
    check(lambda p, v: ty.matmul(p, v), (4, 50, 37), (4, 37, 64))


@pytest.mark.parametrize("element", ["f64", "f16", "bf16", "i32", "i64"])
@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
def test_element_types(element: str, constant: bool) -> None:
    def body(a, b):
        return ty.matmul(a, b, transpose_b=True)

    inputs = ((17, 33), element), ((21, 33), element)
    check(body, *inputs, constants=[1] if constant else [])


def test_integer_products_widen() -> None:
    check(lambda a, b: ty.matmul_integer(a, b), ((17, 33), "u8"), ((33, 21), "i8"), constants=[1])


@pytest.mark.parametrize("constant", [True, False], ids=["packed", "variable"])
def test_zero_points_are_subtracted(constant: bool) -> None:
    check(
        lambda a, b, x, y: ty.matmul_integer(a, b, x, y),
        ((17, 33), "u8"), ((33, 21), "i8"), ((), "u8"), ((1,), "i8"),
        constants=[1] if constant else [],
    )  # fmt: skip


@pytest.mark.parametrize("m", [1, 13])
def test_epilogue_reads_rows_columns_and_elements(m: int) -> None:
    def body(a, b, row, column, whole, one):
        y = ty.add(ty.multiply(ty.matmul(a, b), column), row)
        return ty.tanh(ty.add(ty.multiply(y, one), whole))

    check(body, (m, 9), (9, 21), (21,), (m, 1), (m, 21), (1, 1), constants=[1, 2])


def test_epilogue_changes_the_element_type() -> None:
    check(
        lambda a, b: ty.cast(ty.matmul(a, b), to="f64"), (7, 9), (9, 21),
        constants=[1], tolerance=2e-5,
    )  # fmt: skip
    check(lambda a, b, c: ty.less(ty.matmul(a, b), c), (7, 9), (9, 21), (21,), constants=[1])


def test_several_results() -> None:
    def body(a, b, c):
        y = ty.matmul(a, b)
        return y, ty.relu(ty.add(y, c))

    check(body, (7, 9), (9, 21), (21,), constants=[1])


def test_operands_are_computed() -> None:
    def body(a, b, scale):
        return ty.matmul(ty.relu(a), ty.multiply(b, scale))

    check(body, (13, 9), (9, 21), (9, 1))


def test_a_residual_may_be_written_in_place() -> None:
    def body(a, b, rest):
        return ty.add(ty.matmul(a, b), rest)

    assert check(body, (13, 9), (9, 21), (13, 21), constants=[1]).in_place == [(2, 0)]
    assert check(body, (13, 9), (9, 21), (1, 21), constants=[1]).in_place == []


def test_what_a_mask_is_computed_from_may_be_overwritten() -> None:
    def body(a, b, y):
        zero = ty.constant(value=np.zeros((), np.float32))
        return ty.where(ty.greater(y, zero), ty.matmul(a, b), y)

    assert check(body, (13, 9), (9, 21), (13, 21), constants=[1]).in_place == [(2, 0)]
    assert check(body, (13, 9), (9, 21), (1, 21), constants=[1]).in_place == []


def test_a_mask_from_elsewhere_is_not_in_place() -> None:
    def body(a, b, y):
        mask = ty.greater(ty.reverse(y, axes=[0]), ty.constant(value=np.zeros((), np.float32)))
        return ty.where(mask, ty.matmul(a, b), y)

    assert check(body, (13, 9), (9, 21), (13, 21), constants=[1]).in_place == []


def test_a_residual_may_be_computed_in_place() -> None:
    def body(a, b, rest, other):
        return ty.add(ty.multiply(ty.negative(rest), other), ty.matmul(a, b))

    found = check(body, (13, 9), (9, 21), (13, 21), (1, 21), constants=[1])
    assert found.in_place == [(2, 0)]
    found = check(lambda a, b, c: ty.add(ty.matmul(a, b), ty.transpose(c, perm=[1, 0])),
                  (9, 9), (9, 9), (9, 9))  # fmt: skip
    assert found.in_place == []


def test_a_residual_that_is_an_operand_is_not_in_place() -> None:
    assert check(lambda a, b: ty.add(ty.matmul(a, b), a), (9, 9), (9, 9)).in_place == []


def test_what_is_no_contraction_is_left_to_others() -> None:
    with program(lambda x: ty.reduce_sum(x, axes=[1]), (5, 7)) as made:
        assert schedule(made) is None
    with program(lambda a, b: ty.softmax(ty.matmul(a, b)), (5, 7), (7, 9)) as made:
        assert schedule(made) is None
    with program(lambda a, b, c: ty.matmul(ty.matmul(a, b), c), (5, 7), (7, 9), (9, 3)) as made:
        assert schedule(made) is None


def test_targets_without_fused_products() -> None:
    baseline = find(cpu="x86-64")
    assert baseline.vector_bytes == 16
    check(lambda a, b: ty.matmul(a, b), (33, 70), (70, 45), constants=[1], target=baseline)
    check(lambda a, b: ty.matmul(a, b, transpose_b=True), (33, 70), (45, 70), target=baseline)


def test_small_caches_make_many_chunks() -> None:
    small = dataclasses.replace(host(), l1_bytes=2048)
    check(lambda a, b: ty.matmul(a, b), (33, 270), (270, 45), constants=[1], target=small)
    check(lambda a, b: ty.matmul(a, b, transpose_a=True), (270, 33), (270, 45), target=small)


def test_work_is_cut_for_many_threads() -> None:
    with program(lambda a, b: ty.matmul(a, b), (256, 256), (256, 256)) as made:
        found = schedule(made, [1])
    assert found is not None
    assert found.count >= 8
    assert found.flops == 2 * 256**3
    assert found.stack_bytes <= 512 << 10
