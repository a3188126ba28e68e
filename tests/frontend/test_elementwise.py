"""Elementwise functions against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F

X = np.linspace(-3, 3, 12).reshape(3, 4).astype(np.float32)
P = np.linspace(0.1, 2.5, 12).reshape(3, 4).astype(np.float32)
U = np.linspace(-0.9, 0.9, 12).reshape(3, 4).astype(np.float32)
erf = np.vectorize(math.erf)


def close(got: Any, expected: Any, tolerance: float = 2e-6) -> None:
    result = np.asarray(got)
    wanted = np.asarray(expected)
    assert result.shape == wanted.shape
    np.testing.assert_allclose(result, wanted, tolerance, tolerance)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


UNARY = [
    (F.negative, X, np.negative),
    (F.absolute, X, np.abs),
    (F.sign, X, np.sign),
    (F.reciprocal, P, np.reciprocal),
    (F.sqrt, P, np.sqrt),
    (F.rsqrt, P, lambda x: 1 / np.sqrt(x)),
    (F.square, X, np.square),
    (F.floor, X, np.floor),
    (F.ceil, X, np.ceil),
    (F.round, X * 2, np.round),
    (F.trunc, X, np.trunc),
    (F.exp, X, np.exp),
    (F.log, P, np.log),
    (F.log1p, P, np.log1p),
    (F.expm1, X, np.expm1),
    (F.log2, P, np.log2),
    (F.exp2, X, np.exp2),
    (F.sin, X, np.sin),
    (F.cos, X, np.cos),
    (F.tan, U, np.tan),
    (F.asin, U, np.arcsin),
    (F.acos, U, np.arccos),
    (F.atan, X, np.arctan),
    (F.sinh, X, np.sinh),
    (F.cosh, X, np.cosh),
    (F.tanh, X, np.tanh),
    (F.asinh, X, np.arcsinh),
    (F.acosh, P + 1, np.arccosh),
    (F.atanh, U, np.arctanh),
    (F.erf, X, erf),
    (F.sigmoid, X, sigmoid),
    (F.relu, X, lambda x: np.maximum(x, 0)),
    (F.relu6, X * 4, lambda x: np.clip(x, 0, 6)),
    (F.leaky_relu, X, lambda x: np.where(x > 0, x, 0.01 * x)),
    (F.elu, X, lambda x: np.where(x > 0, x, np.expm1(x))),
    (F.selu, X, lambda x: 1.05070098 * np.where(x > 0, x, 1.67326324 * np.expm1(x))),
    (F.celu, X, lambda x: np.where(x > 0, x, np.expm1(x))),
    (F.gelu, X, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    (F.silu, X, lambda x: x * sigmoid(x)),
    (F.hard_sigmoid, X, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    (F.hard_swish, X, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    (F.hard_tanh, X, lambda x: np.clip(x, -1, 1)),
    (F.softplus, X, softplus),
    (F.softsign, X, lambda x: x / (1 + np.abs(x))),
    (F.mish, X, lambda x: x * np.tanh(softplus(x))),
    (F.thresholded_relu, X, lambda x: np.where(x > 1, x, 0)),
    (F.shrink, X, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    (F.log_sigmoid, X, lambda x: np.log(sigmoid(x))),
]


@pytest.mark.parametrize(("f", "x", "numpy"), UNARY, ids=[f.__name__ for f, _, _ in UNARY])
def test_unary(f: Any, x: np.ndarray, numpy: Any) -> None:
    got = f(tyc.tensor(x))
    assert got.dtype == tyc.float32
    close(got, numpy(x.astype(np.float64)))


BINARY = [
    (F.add, X, P, np.add),
    (F.subtract, X, P, np.subtract),
    (F.multiply, X, P, np.multiply),
    (F.divide, X, P, np.divide),
    (F.floor_divide, X, P, np.floor_divide),
    (F.power, P, X, np.power),
    (F.maximum, X, U, np.maximum),
    (F.minimum, X, U, np.minimum),
    (F.remainder, X, P, np.mod),
    (F.fmod, X, P, np.fmod),
    (F.atan2, X, U, np.arctan2),
    (F.equal, X, X[:1], np.equal),
    (F.not_equal, X, X[:1], np.not_equal),
    (F.less, X, U, np.less),
    (F.less_equal, X, U, np.less_equal),
    (F.greater, X, U, np.greater),
    (F.greater_equal, X, U, np.greater_equal),
    (F.logical_and, X > 0, U > -0.5, np.logical_and),
    (F.logical_or, X > 0, U > 0.5, np.logical_or),
    (F.logical_xor, X > 0, U > -0.5, np.logical_xor),
    (F.prelu, X, P[0], lambda x, s: np.where(x > 0, x, s * x)),
]


@pytest.mark.parametrize(("f", "a", "b", "numpy"), BINARY, ids=[f.__name__ for f, *_ in BINARY])
def test_binary(f: Any, a: np.ndarray, b: np.ndarray, numpy: Any) -> None:
    close(f(tyc.tensor(a), tyc.tensor(b)), numpy(a, b), 1e-5)
    close(f(a, b[0]), numpy(a, b[0]), 1e-5)


@pytest.mark.parametrize(
    ("f", "numpy"),
    [(F.bitwise_and, np.bitwise_and), (F.bitwise_or, np.bitwise_or),
     (F.bitwise_xor, np.bitwise_xor), (F.floor_divide, np.floor_divide), (F.fmod, np.fmod)],
)  # fmt: skip
def test_integers(f: Any, numpy: Any) -> None:
    a = np.array([7, -7, 100, -128], np.int8)
    b = np.array([2, 2, -3, 5], np.int8)
    np.testing.assert_array_equal(np.asarray(f(a, b)), numpy(a, b))


def test_logic_of_one() -> None:
    np.testing.assert_array_equal(F.logical_not(X > 0), X <= 0)
    special = np.array([1.0, np.nan, np.inf, -np.inf], np.float32)
    np.testing.assert_array_equal(F.is_nan(special), np.isnan(special))
    np.testing.assert_array_equal(F.is_inf(special), np.isinf(special))
    np.testing.assert_array_equal(F.is_finite(special), np.isfinite(special))


def test_where_takes_numbers_and_tensors() -> None:
    np.testing.assert_array_equal(F.where(X > 0, X, 0.0), np.where(X > 0, X, 0))
    np.testing.assert_array_equal(F.where(X > 0, 1.0, P), np.where(X > 0, 1, P))
    assert F.where(X > 0, 1, 0).dtype == tyc.int64


def test_clip_with_open_ends() -> None:
    np.testing.assert_array_equal(F.clip(X, -1), np.maximum(X, -1))
    np.testing.assert_array_equal(F.clip(X, None, 1), np.minimum(X, 1))
    np.testing.assert_array_equal(F.clip(np.arange(5), 1, 3), np.clip(np.arange(5), 1, 3))


def test_cast() -> None:
    np.testing.assert_array_equal(F.cast(X, tyc.int32), X.astype(np.int32))
    np.testing.assert_array_equal(F.cast(X, bool), X != 0)
    assert F.cast(X, "bf16").dtype == tyc.bfloat16
    assert F.cast(X, np.float64).dtype == tyc.float64


def test_gelu_by_tanh() -> None:
    inner = math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)
    close(F.gelu(X, "tanh"), 0.5 * X * (1 + np.tanh(inner)))


def test_prelu_has_a_slope_a_channel() -> None:
    x = np.stack([X, -X])[:, :, :, None]
    slope = np.array([0.1, 0.2, 0.3], np.float32)
    close(F.prelu(x, slope), np.where(x > 0, x, slope[:, None, None] * x))


def test_glu() -> None:
    close(F.glu(X), X[:, :2] * sigmoid(X[:, 2:]))


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f64"])
def test_numbers_take_the_type_of_the_tensor(dtype: str) -> None:
    x = tyc.tensor(P, dtype)
    for y in (x + 1, 2.5 * x, 1 / x, x**2, x**1.5, x > 0):
        assert y.dtype in (x.dtype, tyc.bool_)
