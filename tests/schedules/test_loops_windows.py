"""Poolings and depthwise convolutions: interiors without conditions, borders, packed weights."""

from __future__ import annotations

import pytest
from loop_kernels import check, lowered
from mlir import ir
from programs import program

from tyc.compiler.options import Options
from tyc.compiler.schedules import loops
from tyc.compiler.targets import host
from tyc.dialects import ty

WINDOWS = [
    {"kernel": [3, 3], "strides": [2, 2], "padding": [1, 1, 1, 1], "dilations": [1, 1]},
    {"kernel": [3, 3], "strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1]},
    {"kernel": [3, 2], "strides": [1, 3], "padding": [1, 0, 1, 1], "dilations": [2, 1]},
    {"kernel": [5, 7], "strides": [1, 1], "padding": [2, 3, 2, 3], "dilations": [1, 1]},
    {"kernel": [4, 4], "strides": [4, 4], "padding": [0, 0, 0, 0], "dilations": [1, 1]},
    {"kernel": [1, 30], "strides": [1, 1], "padding": [0, 15, 0, 15], "dilations": [1, 1]},
]


def shape(layout: str, channels: int) -> tuple[int, ...]:
    return (2, channels, 9, 19) if layout == "NCX" else (2, 9, 19, channels)


@pytest.mark.parametrize("layout", ["NCX", "NXC"])
@pytest.mark.parametrize("window", WINDOWS, ids=[str(w["kernel"]) for w in WINDOWS])
def test_poolings(layout: str, window: dict) -> None:
    x = shape(layout, 5)
    check(lambda x: ty.max_pool(x, layout=layout, **window), x)
    check(lambda x: ty.average_pool(x, layout=layout, **window), x)


@pytest.mark.parametrize("layout", ["NCX", "NXC"])
@pytest.mark.parametrize("window", WINDOWS, ids=[str(w["kernel"]) for w in WINDOWS])
def test_depthwise_convolutions(layout: str, window: dict) -> None:
    channels = 20
    window = dict(window)
    kernel = window.pop("kernel")
    weight = (channels, 1, *kernel)

    def body(x, w, b):
        return ty.relu(ty.conv(x, w, b, groups=channels, layout=layout, **window))

    x = shape(layout, channels)
    scheduled = check(body, x, weight, (channels,), constants=[1, 2], tolerance=1e-4)
    assert (1 in scheduled.packings) == (layout == "NXC")
    check(body, x, weight, (channels,), tolerance=1e-4)


def test_grouped_convolution_by_loops() -> None:
    window = {k: v for k, v in WINDOWS[1].items() if k != "kernel"}
    check(
        lambda x, w: ty.conv(x, w, None, groups=2, layout="NXC", **window),
        (1, 5, 5, 8),
        (6, 4, 3, 3),
        tolerance=1e-4,
    )


def test_sums_that_share_nothing_are_cut_by_rows() -> None:
    """No two of the rows read the same element: an item is a row, not eight rows of a vector."""
    found = check(lambda x: ty.reduce_sum(x, axes=[2]), (1, 60, 64, 96), tolerance=1e-4)
    assert found.count >= 16


def depthwise(kernel: int, stride: int, channels: int):
    """Body and weight shape of a depthwise convolution with channels last."""
    pad = kernel // 2
    window = {"strides": [stride] * 2, "padding": [pad] * 4, "dilations": [1, 1]}

    def body(x, w, b):
        return ty.conv(x, w, b, groups=channels, layout="NXC", **window)

    return body, (channels, 1, kernel, kernel)


@pytest.mark.parametrize("kernel, stride, channels", [(5, 1, 120), (3, 2, 36), (3, 1, 29)])
def test_a_long_epilogue_is_a_loop_after_the_sums(kernel: int, stride: int, channels: int) -> None:
    body, weight = depthwise(kernel, stride, channels)
    inputs = (1, 11, 19, channels), weight, (channels,)
    long = check(lambda x, w, b: ty.silu(body(x, w, b)), *inputs, constants=[1, 2], tolerance=1e-4)
    short = check(lambda x, w, b: ty.relu(body(x, w, b)), *inputs, constants=[1, 2], tolerance=1e-4)
    assert long.stack_bytes > 0 and short.stack_bytes == 0


def test_channels_in_uneven_parts_have_no_conditions() -> None:
    """120 channels of 5x5 weights are cut to 80 and 40: none of them is padded."""
    body, weight = depthwise(5, 1, 120)
    with program(body, (1, 28, 28, 120), weight, (120,)) as made:
        scheduled = loops.schedule(lowered(made, [1, 2]), host(), Options())
        assert "scf.if" not in str(scheduled.module)


def test_interior_of_a_window_has_no_conditions() -> None:
    window = {k: v for k, v in WINDOWS[1].items() if k != "kernel"}

    def body(x, w):
        return ty.conv(x, w, None, groups=16, layout="NXC", **window)

    with program(body, (1, 20, 20, 16), (16, 1, 3, 3)) as made:
        scheduled = loops.schedule(lowered(made, [1]), host(), Options())
        found: list[str] = []

        def visit(op: ir.Operation) -> ir.WalkResult:
            found.append(op.operation.name)
            return ir.WalkResult.ADVANCE

        scheduled.module.operation.walk(visit)
    assert "scf.if" not in found
    assert "vector.load" in found
