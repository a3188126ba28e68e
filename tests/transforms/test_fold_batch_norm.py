"""Factors and terms go into weights: the ops left, and outputs within rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs import check, program

from tyc.compiler.transforms.canonicalize import canonicalize
from tyc.compiler.transforms.fold_batch_norm import fold_batch_norm
from tyc.compiler.transforms.simplify import simplify
from tyc.dialects import ty

RNG = np.random.default_rng(11)


def array(*shape: int, low: float = 0.5) -> np.ndarray:
    return RNG.uniform(low, 1.5, shape).astype(np.float32)


def statistics(channels: int) -> dict[str, np.ndarray]:
    return {k: array(channels) for k in ("scale", "bias", "mean", "variance")}


GEOMETRY = {"strides": [1, 1], "padding": [1, 0, 0, 1], "dilations": [1, 1]}


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("layout", ["NCX", "NXC"])
def test_batch_norm_after_conv(biased: bool, groups: int, layout: str) -> None:
    def body(x: Any, w: Any, b: Any, **bn: Any) -> Any:
        bias = b if biased else None
        y = ty.conv(x, w, bias, **GEOMETRY, groups=groups, layout=layout)
        return ty.relu(ty.batch_norm(y, **bn, channel_axis=1 if layout == "NCX" else 3))

    shape = (2, 4, 5, 6) if layout == "NCX" else (2, 5, 6, 4)
    weight = array(8, 4 // groups, 3, 3)
    with program(body, shape, w=weight, b=array(8), **statistics(8)) as made:
        assert check(made, fold_batch_norm, tolerance=1e-5) == ["conv", "relu"]


@pytest.mark.parametrize("groups", [1, 2])
def test_batch_norm_after_conv_transpose(groups: int) -> None:
    def body(x: Any, w: Any, **bn: Any) -> Any:
        y = ty.conv_transpose(x, w, None, **GEOMETRY, output_padding=[0, 0], groups=groups)
        return ty.batch_norm(y, **bn)

    with program(body, (2, 4, 5, 6), w=array(4, 3, 3, 3), **statistics(3 * groups)) as made:
        assert check(made, fold_batch_norm, tolerance=1e-5) == ["conv_transpose"]


def test_batch_norm_alone_is_a_product_and_a_sum() -> None:
    def body(x: Any, **bn: Any) -> Any:
        return ty.batch_norm(x, **bn)

    with program(body, (2, 3, 5), **statistics(3)) as made:
        assert check(made, fold_batch_norm, tolerance=1e-6) == ["multiply", "add"]


def test_batch_norm_stays_in_exact_mode() -> None:
    def body(x: Any, **bn: Any) -> Any:
        return ty.batch_norm(x, **bn)

    with program(body, (2, 3, 5), **statistics(3)) as made:
        assert check(made, fold_batch_norm, exact=True) == ["batch_norm"]


def test_products_and_sums_of_channels() -> None:
    def body(x: Any, w: Any, c: Any) -> Any:
        y = ty.conv(x, w, None, **GEOMETRY)
        column = ty.reshape(c, shape=[6, 1, 1])
        return ty.add(ty.divide(ty.subtract(y, column), ty.constant(value=np.float32(3))), column)

    with program(body, (1, 3, 5, 5), w=array(6, 3, 2, 2), c=array(6)) as made:
        assert check(made, simplify, tolerance=1e-5) == ["conv"]


def test_products_of_pixels_stay() -> None:
    def body(x: Any, w: Any, c: Any) -> Any:
        return ty.multiply(ty.conv(x, w, None, **GEOMETRY), c)

    with program(body, (1, 3, 5, 5), w=array(6, 3, 2, 2), c=array(5)) as made:
        assert check(made, fold_batch_norm, tolerance=1e-6) == ["conv", "multiply"]


def test_results_with_two_readers_stay() -> None:
    def body(x: Any, w: Any, **bn: Any) -> Any:
        y = ty.conv(x, w, None, **GEOMETRY)
        return [y, ty.batch_norm(y, **bn)]

    with program(body, (1, 3, 5, 5), w=array(6, 3, 2, 2), **statistics(6)) as made:
        found = check(made, fold_batch_norm, tolerance=1e-5)
        assert found == ["conv", "multiply", "add"]


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("padded", [False, True])
def test_normalised_input_goes_into_the_first_conv(groups: int, padded: bool) -> None:
    def body(x: Any, w: Any, mean: Any, deviation: Any) -> Any:
        x = ty.divide(ty.subtract(x, mean), deviation)
        padding = [1] * 4 if padded else [0] * 4
        return ty.conv(x, w, None, strides=[1, 1], padding=padding, dilations=[1, 1], groups=groups)

    constants = {"mean": array(1, 3, 1, 1), "deviation": array(1, 3, 1, 1)}
    with program(body, (1, 3, 5, 5), w=array(6, 3 // groups, 2, 2), **constants) as made:
        found = check(made, canonicalize, fold_batch_norm, tolerance=1e-5)
        assert found == (["add", "conv"] if padded else ["conv"])


@pytest.mark.parametrize("flag", [False, True])
def test_factors_of_columns_and_rows(flag: bool) -> None:
    def body(x: Any, w: Any, c: Any, r: Any) -> Any:
        return ty.multiply(ty.matmul(ty.multiply(x, r), w, transpose_b=flag), c)

    weight = array(7, 5) if flag else array(5, 7)
    with program(body, (2, 3, 5), w=weight, c=array(7), r=array(5)) as made:
        assert check(made, fold_batch_norm, tolerance=1e-5) == ["matmul"]
