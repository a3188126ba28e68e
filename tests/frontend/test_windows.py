"""Convolutions, poolings and resizing against plain loops in NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from tyc import functional as F

RNG = np.random.default_rng(7)
X = RNG.standard_normal((2, 4, 7, 6)).astype(np.float32)


def close(got: Any, expected: Any, tolerance: float = 1e-5) -> None:
    result = np.asarray(got)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result, expected, tolerance, tolerance)


def places(*sizes: int) -> Iterator[tuple[int, ...]]:
    return product(*map(range, sizes))


def conv(x: Any, w: Any, stride: Any, low: Any, high: Any, dilation: Any, groups: int = 1) -> Any:
    x = np.pad(x, [(0, 0), (0, 0), *zip(low, high)])
    outs = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation)
    ]
    y = np.zeros((x.shape[0], w.shape[0], *outs))
    per_out, per_in = w.shape[0] // groups, w.shape[1]
    for o, place, tap in product(range(w.shape[0]), places(*outs), places(*w.shape[2:])):
        first = o // per_out * per_in
        at = tuple(p * s + t * d for p, s, t, d in zip(place, stride, tap, dilation))
        for c in range(per_in):
            y[(slice(None), o, *place)] += x[(slice(None), first + c, *at)] * w[(o, c, *tap)]
    return y


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 0, 1, 1), (2, 1, 1, 1), ((2, 1), (0, 2), 1, 2), (1, 2, 2, 4)],
)
def test_conv2d(stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    w = RNG.standard_normal((4, 4 // groups, 3, 2)).astype(np.float32)
    bias = RNG.standard_normal(4).astype(np.float32)
    s, p, d = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding, dilation))
    expected = conv(X, w, s, p, p, d, groups) + bias[:, None, None]
    close(F.conv2d(X, w, bias, stride, padding, dilation, groups), expected)


def test_conv_with_names_for_padding() -> None:
    w = RNG.standard_normal((3, 4, 3, 2)).astype(np.float32)
    same = conv(X, w, (2, 2), (1, 0), (1, 0), (1, 1))
    assert same.shape[2:] == (4, 3)
    close(F.conv2d(X, w, stride=2, padding="same"), same)
    close(F.conv2d(X, w, padding="valid"), conv(X, w, (1, 1), (0, 0), (0, 0), (1, 1)))
    close(F.conv2d(X, w, padding="same"), conv(X, w, (1, 1), (1, 0), (1, 1), (1, 1)))


def test_conv1d_and_conv3d() -> None:
    w = RNG.standard_normal((3, 4, 3)).astype(np.float32)
    close(F.conv1d(X[:, :, 0], w), conv(X[:, :, 0], w, (1,), (0,), (0,), (1,)))
    x, w = X[:, :, None], w[:, :, None, :, None]
    close(F.conv3d(x, w), conv(x, w, (1, 1, 1), (0, 0, 0), (0, 0, 0), (1, 1, 1)))


@pytest.mark.parametrize(
    ("stride", "padding", "extra"), [(1, 0, 0), (2, 1, 1), ((3, 2), 0, (1, 0))]
)
def test_conv_transpose2d(stride: Any, padding: Any, extra: Any) -> None:
    w = RNG.standard_normal((4, 3, 3, 2)).astype(np.float32)
    s, p, e = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding, extra))
    spread = np.zeros((2, 4, *[(n - 1) * f + 1 for n, f in zip(X.shape[2:], s)]))
    spread[:, :, :: s[0], :: s[1]] = X
    turned = np.flip(w, (2, 3)).swapaxes(0, 1)
    low = [k - 1 - pad for k, pad in zip((3, 2), p)]
    high = [a + b for a, b in zip(low, e)]
    expected = conv(spread, turned, (1, 1), low, high, (1, 1))
    close(F.conv_transpose2d(X, w, None, stride, padding, extra), expected)


def pool(x: Any, kernel: Any, stride: Any, padding: Any, f: Any, fill: float, ceil: bool) -> Any:
    """`f(window, count of padded elements)`, elements outside of the padding left out."""
    rounded = math.ceil if ceil else math.floor
    outs = []
    for n, k, s, p in zip(x.shape[2:], kernel, stride, padding):
        count = rounded((n + 2 * p - k) / s) + 1
        outs.append(count - 1 if (count - 1) * s >= n + p else count)
    padded = np.pad(x, [(0, 0), (0, 0), *[(p, p) for p in padding]], constant_values=fill)
    y = np.zeros((*x.shape[:2], *outs))
    for i, j in places(*outs):
        a, b = i * stride[0], j * stride[1]
        y[:, :, i, j] = f(padded[:, :, a : a + kernel[0], b : b + kernel[1]])
    return y


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, None, 0), (3, 2, 1), ((3, 2), 3, 0)])
def test_pool2d(kernel: Any, stride: Any, padding: int, ceil: bool) -> None:
    k = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    s = k if stride is None else (stride, stride)
    p = (padding, padding)

    def best(window: np.ndarray) -> np.ndarray:
        return window.max((2, 3))

    def mean(window: np.ndarray) -> np.ndarray:
        return np.nanmean(window, (2, 3))

    got = F.max_pool2d(X, kernel, stride, padding, ceil_mode=ceil)
    close(got, pool(X, k, s, p, best, -np.inf, ceil))
    counted = F.avg_pool2d(X, kernel, stride, padding, ceil)
    close(counted, pool(X, k, s, p, mean, 0, ceil))
    uncounted = F.avg_pool2d(X, kernel, stride, padding, ceil, count_include_pad=False)
    close(uncounted, pool(X, k, s, p, mean, np.nan, ceil))


def test_pool_of_other_ranks() -> None:
    close(F.max_pool1d(X[:, :, 0], 2), X[:, :, 0].reshape(2, 4, 3, 2).max(-1))
    close(F.avg_pool1d(X[:, :, 0], 3), X[:, :, 0].reshape(2, 4, 2, 3).mean(-1))
    cube = RNG.standard_normal((1, 2, 4, 2, 2)).astype(np.float32)
    close(F.max_pool3d(cube, (2, 2, 2)), cube.reshape(1, 2, 2, 8).max(-1)[..., None, None])
    close(F.avg_pool3d(cube, (2, 2, 2)), cube.reshape(1, 2, 2, 8).mean(-1)[..., None, None])


def test_lp_pool() -> None:
    def length(window: np.ndarray) -> np.ndarray:
        return np.sqrt((window**2).sum((2, 3)))

    close(F.lp_pool2d(X, 2), pool(X, (2, 2), (2, 2), (0, 0), length, 0, False))


@pytest.mark.parametrize("output", [1, (7, 3), (3, 4), (2, 6)])
def test_adaptive_pools(output: Any) -> None:
    rows, columns = output if isinstance(output, tuple) else (output, output)
    mean, best = np.zeros((2, 4, rows, columns)), np.zeros((2, 4, rows, columns))
    for i, j in places(rows, columns):
        window = X[
            :,
            :,
            i * 7 // rows : -(-(i + 1) * 7 // rows),
            j * 6 // columns : -(-(j + 1) * 6 // columns),
        ]
        mean[:, :, i, j], best[:, :, i, j] = window.mean((2, 3)), window.max((2, 3))
    close(F.adaptive_avg_pool2d(X, output), mean)
    close(F.adaptive_max_pool2d(X, output), best)


def test_adaptive_avg_pool1d() -> None:
    row = X[:, :, 0]
    close(F.adaptive_avg_pool1d(row, 3), row.reshape(2, 4, 3, 2).mean(-1))


def resized(row: Any, size: int, corners: bool) -> Any:
    """Linear interpolation along the last dimension."""
    n = row.shape[-1]
    if corners:
        at = np.arange(size) * (n - 1) / max(size - 1, 1)
    else:
        at = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, n - 1)
    return row[..., low] * (1 - (at - low)) + row[..., high] * (at - low)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(14, 12), (3, 5)])
def test_interpolate_linear(size: Any, corners: bool) -> None:
    rows = resized(X.swapaxes(2, 3), size[0], corners).swapaxes(2, 3)
    got = F.interpolate(X, size, mode="bilinear", align_corners=corners)
    close(got, resized(rows, size[1], corners))


def test_interpolate_nearest() -> None:
    close(F.interpolate(X, scale=2.0), X.repeat(2, 2).repeat(2, 3))
    rows, columns = np.arange(3) * 7 // 3, np.arange(4) * 6 // 4
    close(F.interpolate(X, (3, 4)), X[:, :, rows][..., columns])
    close(F.interpolate(X[:, :, 0], 3, mode="linear"), resized(X[:, :, 0], 3, False))


def test_interpolate_cubic() -> None:
    row = X[:1, :1, 0]
    near, far = 0.25, 0.75

    def inside(t: float) -> float:
        return 1.25 * t**3 - 2.25 * t**2 + 1

    def outside(t: float) -> float:
        return -0.75 * t**3 + 3.75 * t**2 - 6 * t + 3

    weights = [outside(1 + far), inside(far), inside(near), outside(1 + near)]
    got = np.asarray(F.interpolate(row, scale=2.0, mode="cubic"))[0, 0]
    # Element 4 lies at 1.75, between elements 1 and 2.
    close(got[4], row[0, 0, 0:4] @ weights)
