"""A tensor is NumPy's array with one element type."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tyc
from tyc import Tensor, tensor

A = np.array([[1.5, -2.0, 3.0], [0.5, 4.0, -1.0]], np.float32)
B = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, -2.0]], np.float32)
I = np.array([[7, -2, 3], [0, 4, -9]], np.int32)
J = np.array([[2, 1, -3], [5, 3, 2]], np.int32)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1.5, "f32[]"),
        ([1, 2], "i64[2]"),
        ([True, False], "i1[2]"),
        ([[1.0, 2.0]], "f32[1,2]"),
        (np.zeros((2, 0)), "f64[2,0]"),
        (np.float16(1), "f16[]"),
        (range(3), "i64[3]"),
    ],
)
def test_tensor_takes_the_type_of_its_value(value: Any, kind: str) -> None:
    assert str(tensor(value).type) == kind


def test_tensor_casts_and_copies() -> None:
    source = np.ones(3)
    made = tensor(source, tyc.float32)
    source[0] = 5
    assert made.dtype == tyc.float32
    assert made.tolist() == [1, 1, 1]
    assert tensor(made, "i8").numpy().dtype == np.int8


def test_numpy_is_a_view_that_cannot_be_written() -> None:
    view = tensor([1.0, 2.0]).numpy()
    with pytest.raises(ValueError):
        view[0] = 3


def test_numpy_functions_take_tensors() -> None:
    assert np.asarray(tensor([1, 2])).tolist() == [1, 2]
    assert np.array(tensor([1, 2]), dtype=np.float32).dtype == np.float32
    assert np.sum(np.asarray(tensor([1, 2]))) == 3


def test_properties() -> None:
    x = tensor(A)
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((2, 3), 2, 6, tyc.float32, 2)
    assert tensor(3).item() == 3
    assert float(tensor([2.5])) == 2.5
    assert int(tensor(7)) == 7
    assert [10, 20, 30][tensor(1)] == 20
    assert bool(tensor(True)) and not tensor(0.0)
    assert [row.tolist() for row in x] == A.tolist()


def test_repr() -> None:
    assert (
        repr(tensor([[1.0, 2.0], [3.0, 4.0]])) == "Tensor([[1., 2.],\n        [3., 4.]], f32[2,2])"
    )
    assert repr(tyc.Parameter([1, 2])) == "Parameter([1, 2], i64[2])"


def test_format() -> None:
    assert f"{tensor(2.5):.2f} {tensor([1])}" == "2.50 Tensor([1], i64[1])"


ARITHMETIC = [operator.add, operator.sub, operator.mul]
COMPARISON = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("f", [*ARITHMETIC, operator.truediv, operator.mod, *COMPARISON])
def test_operators_of_floats(f: Any) -> None:
    for a, b in [(A, B), (A, 1.5), (2, B), (A, np.float32(2) * B[0])]:
        got = f(*(tensor(v) if isinstance(v, np.ndarray) else v for v in (a, b)))
        np.testing.assert_array_equal(np.asarray(got), f(a, b))


@pytest.mark.parametrize(
    "f", [*ARITHMETIC, operator.floordiv, operator.mod, operator.and_, operator.or_, operator.xor,
          *COMPARISON]
)  # fmt: skip
def test_operators_of_integers(f: Any) -> None:
    for a, b in [(I, J), (I, 3), (-5, J), (I, J[0])]:
        got = f(*(tensor(v) if isinstance(v, np.ndarray) else v for v in (a, b)))
        expected = f(a, b)
        np.testing.assert_array_equal(np.asarray(got), expected)
        assert np.asarray(got).dtype == expected.dtype


def test_more_operators() -> None:
    a, i, p = tensor(A), tensor(I), tensor(A > 0)
    np.testing.assert_array_equal(-a, -A)
    np.testing.assert_array_equal(abs(a), np.abs(A))
    np.testing.assert_array_equal(~i, ~I)
    np.testing.assert_array_equal(~p, ~(A > 0))
    np.testing.assert_array_equal(p & (a < 2), (A > 0) & (A < 2))
    np.testing.assert_array_equal(p ^ True, (A > 0) ^ True)
    np.testing.assert_array_equal(i << 2, I << 2)
    np.testing.assert_array_equal(i >> 1, I >> 1)
    np.testing.assert_array_equal(a**2, A**2)
    np.testing.assert_allclose(abs(a) ** 0.5, np.abs(A) ** 0.5, 1e-6)
    np.testing.assert_allclose(2.0**a, 2.0**A, 1e-6)
    np.testing.assert_array_equal(a // 0.75, A // 0.75)
    np.testing.assert_allclose(a @ a.T, A @ A.T, 1e-6)
    np.testing.assert_allclose(A.T @ a, A.T @ A, 1e-6)
    assert +a is a


def test_an_array_on_the_left_makes_a_tensor() -> None:
    assert isinstance(A + tensor(B), Tensor)
    assert isinstance(np.float32(2) * tensor(B), Tensor)


def test_methods() -> None:
    a = tensor(A)
    np.testing.assert_allclose(a.sum(), A.sum(), 1e-6)
    np.testing.assert_allclose(a.mean(1), A.mean(1), 1e-6)
    np.testing.assert_allclose(a.var(0, keepdims=True), A.var(0, keepdims=True), 1e-6)
    np.testing.assert_array_equal(a.max(-1), A.max(-1))
    np.testing.assert_array_equal(a.min((0, 1)), A.min())
    np.testing.assert_allclose(a.prod(0), A.prod(0), 1e-6)
    np.testing.assert_array_equal((a > 0).any(0), (A > 0).any(0))
    np.testing.assert_array_equal((a > 0).all(), (A > 0).all())
    np.testing.assert_array_equal(a.argmax(), A.argmax())
    np.testing.assert_array_equal(a.argmin(1), A.argmin(1))
    assert a.reshape(3, -1).shape == a.reshape((3, 2)).shape == (3, 2)
    assert a.flatten().shape == (6,)
    np.testing.assert_array_equal(a.transpose(1, 0), A.T)
    np.testing.assert_array_equal(a.swapaxes(0, -1), A.T)
    assert a.expand_dims(1).shape == (2, 1, 3)
    assert a.expand_dims((0, -1)).squeeze().shape == (2, 3)
    np.testing.assert_array_equal(a[0].broadcast_to(2, 3), np.broadcast_to(A[0], (2, 3)))
    np.testing.assert_array_equal(a.clip(-1, 2), A.clip(-1, 2))
    assert a.astype(tyc.int32).dtype == tyc.int32
    assert a.astype("f32") is a


INDICES = st.one_of(
    st.integers(-3, 2),
    st.slices(3),
    st.just(None),
    st.just(Ellipsis),
    st.lists(st.integers(-3, 2), min_size=2, max_size=2),
)


@given(st.lists(INDICES, max_size=5).map(tuple))
def test_indexing_is_numpys(index: tuple[Any, ...]) -> None:
    array = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    if sum(i is Ellipsis for i in index) > 1:
        return
    if sum(i is not None and i is not Ellipsis for i in index) > array.ndim:
        return
    expected = array[index]
    np.testing.assert_array_equal(np.asarray(tensor(array)[index]), expected)


def test_indexing_with_tensors() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    x, rows = tensor(array), np.array([[0, 1], [1, -1]])
    np.testing.assert_array_equal(x[tensor(rows)], array[rows])
    np.testing.assert_array_equal(x[:, rows], array[:, rows])
    np.testing.assert_array_equal(x[:, rows, rows + 1], array[:, rows, rows + 1])
    np.testing.assert_array_equal(x[rows, :, rows], array[rows, :, rows])
    np.testing.assert_array_equal(x[1:, ::-1, [0, 2]], array[1:, ::-1, [0, 2]])


def test_tensors_hash_by_identity() -> None:
    x, y = tensor([1.0]), tensor([1.0])
    assert len({x, y, x}) == 2


def test_a_parameter_changes_by_assign() -> None:
    p = tyc.Parameter([1.0, 2.0])
    p.assign([3.0, 4.0])
    assert p.tolist() == [3, 4]
    assert (p + 1).tolist() == [4, 5]
    with pytest.raises(tyc.UserError, match=r"keeps its type f32\[2\], got i64\[2\]"):
        p.assign([3, 4])
