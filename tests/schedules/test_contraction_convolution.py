"""Convolutions through register tiles: layouts, windows, borders, groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from contraction_kernels import check

from tyc.dialects import ty

LAYOUTS = pytest.mark.parametrize("layout", ["NXC", "NCX"])


def image(layout: str, batch: int, channels: int, *spatial: int) -> tuple[int, ...]:
    """The shape of an image tensor."""
    if layout == "NXC":
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)


def convolution(
    layout: str,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    constants: tuple[int, ...] = (1, 2),
    element: str = "f32",
    **attributes: Any,
) -> None:
    """One convolution with bias and ReLU."""
    rank = len(weight) - 2
    given = {"strides": [1] * rank, "padding": [0] * 2 * rank, "dilations": [1] * rank}
    given |= attributes

    def body(x, weight, bias):
        return ty.relu(ty.conv(x, weight, bias, layout=layout, **given))

    shape = image(layout, x[0], x[1], *x[2:])
    inputs = [(s, element) for s in (shape, weight, (weight[0],))]
    check(body, *inputs, constants=constants)


@LAYOUTS
@pytest.mark.parametrize("size", [(8, 16), (5, 17), (33, 7), (1, 13), (16, 1)], ids=str)
def test_channels(layout: str, size: tuple[int, int]) -> None:
    c, o = size
    convolution(layout, (1, c, 9, 13), (o, c, 3, 3), padding=[1, 1, 1, 1])


@LAYOUTS
@pytest.mark.parametrize("kernel", [(1, 1), (1, 3), (5, 2), (7, 7)], ids=str)
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 3)], ids=str)
def test_kernels_and_strides(
    layout: str, kernel: tuple[int, int], strides: tuple[int, int]
) -> None:
    convolution(layout, (2, 6, 15, 17), (9, 6, *kernel), strides=list(strides))


@LAYOUTS
@pytest.mark.parametrize("padding", [(0, 1, 1, 0), (2, 0, 0, 3), (3, 3, 3, 3)], ids=str)
@pytest.mark.parametrize("strides", [1, 2])
def test_padding(layout: str, padding: tuple[int, ...], strides: int) -> None:
    convolution(layout, (1, 6, 12, 10), (17, 6, 3, 3), padding=list(padding), strides=[strides] * 2)


@LAYOUTS
def test_dilation(layout: str) -> None:
    convolution(layout, (1, 5, 15, 14), (8, 5, 3, 3), dilations=[2, 3], padding=[2, 3, 2, 3])


@LAYOUTS
@pytest.mark.parametrize("groups", [2, 4, 3])
def test_groups(layout: str, groups: int) -> None:
    convolution(
        layout, (2, 12, 9, 8), (24, 12 // groups, 3, 3), groups=groups, padding=[1, 1, 1, 1]
    )


@pytest.mark.parametrize("channels", [8, 19, 40])
@pytest.mark.parametrize("strides", [1, 2])
def test_depthwise(channels: int, strides: int) -> None:
    convolution(
        "NCX", (1, channels, 11, 13), (channels, 1, 3, 3), groups=channels,
        padding=[1, 1, 1, 1], strides=[strides] * 2,
    )  # fmt: skip


@LAYOUTS
def test_depthwise_with_a_multiplier(layout: str) -> None:
    convolution(layout, (1, 6, 9, 9), (12, 1, 3, 3), groups=6, padding=[1, 1, 1, 1])


@LAYOUTS
@pytest.mark.parametrize("spatial", [(19,), (5, 6, 7)], ids=str)
def test_other_ranks(layout: str, spatial: tuple[int, ...]) -> None:
    rank = len(spatial)
    convolution(layout, (2, 5, *spatial), (9, 5, *[3] * rank), padding=[1] * 2 * rank)


@LAYOUTS
@pytest.mark.parametrize("element", ["f64", "f16", "bf16", "i32"])
def test_element_types(layout: str, element: str) -> None:
    convolution(layout, (1, 7, 8, 9), (17, 7, 3, 3), element=element, padding=[1, 1, 1, 1])


@LAYOUTS
def test_deep_images_run_in_chunks(layout: str) -> None:
    convolution(layout, (1, 300, 5, 6), (20, 300, 3, 3), padding=[1, 1, 1, 1])


@LAYOUTS
@pytest.mark.parametrize("kernel", [1, 3])
def test_weights_that_are_no_constants(layout: str, kernel: int) -> None:
    convolution(layout, (1, 6, 9, 10), (17, 6, kernel, kernel), constants=())


@LAYOUTS
def test_residual_joins(layout: str) -> None:
    plain = {"strides": [1, 1], "padding": [0, 0, 0, 0], "dilations": [1, 1]}

    def body(x, weight, rest):
        return ty.relu(ty.add(ty.conv(x, weight, None, layout=layout, **plain), rest))

    shapes = image(layout, 2, 6, 5, 7), (11, 6, 1, 1), image(layout, 2, 11, 5, 7)
    assert check(body, *shapes, constants=[1]).in_place == [(2, 0)]


@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("channels", [5, 48, 128], ids=str)
def test_weight_gradient(channels: int, strides: tuple[int, int]) -> None:
    """From 48 channels on they run in blocks, around the taps."""
    plain = {"kernel": [3, 3], "padding": [1, 1, 1, 1], "dilations": [1, 1]}

    def body(x, grad):
        found = ty.conv_weight_gradient(x, grad, layout="NXC", strides=list(strides), **plain)
        return ty.multiply(found, ty.constant(value=np.float32(0.5)))

    pixels = [-(-n // s) for n, s in zip((7, 8), strides)]
    check(body, (2, 7, 8, channels), (2, *pixels, 17))
