"""Resizing and sampling of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tyc.onnx import resampling
from tyc.onnx.graph import Graph
from tyc.onnx.movement import normal_axes
from tyc.onnx.rules import Node, rule


@rule("Upsample", since=7)
def upsample_attributes(g: Graph, n: Node) -> Any:
    """Scales as an attribute."""
    return _asymmetric(g, n, n.get("scales"))


@rule("Upsample", since=9)
def upsample(g: Graph, n: Node) -> Any:
    """Scales as a known input."""
    return _asymmetric(g, n, _floats(n, 1))


@rule("Resize", since=10)
def resize_asymmetric(g: Graph, n: Node) -> Any:
    """Opset 10: scales as a known input, asymmetric coordinates."""
    return _asymmetric(g, n, _floats(n, 1))


def _floats(n: Node, index: int) -> list[float] | None:
    array = n.known(index)
    return None if array is None or array.size == 0 else [float(v) for v in array.reshape(-1)]


def _asymmetric(g: Graph, n: Node, scales: Sequence[float] | None) -> Any:
    x = n.inputs[0]
    scales = list(scales or [])
    if len(scales) != g.rank(x):
        n.fail(f"scales must have {g.rank(x)} numbers, got {scales}")
    sizes = [math.floor(s * f) for s, f in zip(g.shape(x), scales)]
    return _resized(
        g, x, sizes, scales, mode=n.get("mode", "nearest"), coordinates="asymmetric",
        nearest="floor",
    )  # fmt: skip


def _resized(g: Graph, x: Any, sizes: list[int], scales: list[float], **options: Any) -> Any:
    if tuple(sizes) == g.shape(x) and all(f == 1.0 for f in scales):
        return x
    return g.resize(x, sizes=sizes, scales=scales, **options)


@rule("Resize", since=11)
def resize(g: Graph, n: Node) -> Any:
    """Scales or sizes as known inputs, for all dimensions or those in `axes`."""
    x = n.inputs[0]
    coordinates = n.get("coordinate_transformation_mode", "half_pixel")
    sizes, scales = _sizes_and_scales(g, n)
    if coordinates == "tf_crop_and_resize":
        return _cropped(g, n, x, sizes)
    if n.get("antialias", 0):
        return _antialiased(g, n, x, sizes, scales)
    return _resized(
        g, x, sizes, scales, mode=n.get("mode", "nearest"),
        coordinates=coordinates, nearest=n.get("nearest_mode", "round_prefer_floor"),
        cubic_coefficient=n.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(n.get("exclude_outside", 0)),
    )  # fmt: skip


def _kernel(n: Node) -> resampling.Weights:
    mode = n.get("mode", "nearest")
    if mode not in ("linear", "cubic"):
        n.fail(f"mode must be linear or cubic with antialias or a cropped box, got {mode!r}")
    if mode == "linear":
        return resampling.linear
    return resampling.cubic(n.get("cubic_coeff_a", -0.75))


def _antialiased(g: Graph, n: Node, x: Any, sizes: list[int], scales: list[float]) -> Any:
    """Each dimension by a kernel that is wider where the image shrinks."""
    if n.get("coordinate_transformation_mode", "half_pixel") != "half_pixel":
        n.fail("coordinate_transformation_mode must be half_pixel with antialias, got "
               f"{n.get('coordinate_transformation_mode')!r}")  # fmt: skip
    kernel, inside = _kernel(n), bool(n.get("exclude_outside", 0))
    matrices = []
    for size, new, scale in zip(g.shape(x), sizes, scales):
        positions = resampling.positions_half_pixel(new, scale)
        weights = resampling.matrix(positions, size, kernel, min(scale, 1.0), not inside)
        matrices.append(None if size == new and scale == 1.0 else weights)
    return resampling.apply(g, x, matrices)


def _cropped(g: Graph, n: Node, x: Any, sizes: list[int]) -> Any:
    """The known box `roi` resized; `extrapolation_value` where it leaves the image."""
    box, rank = _floats(n, 1) or [], g.rank(x)
    axes = normal_axes(n, n.get("axes") or range(rank), rank)
    if len(box) != 2 * len(axes):
        n.fail(f"roi must have {2 * len(axes)} numbers, got {len(box)}")
    matrices: list[np.ndarray | None] = [None] * rank
    inside = np.ones((1,) * rank)
    for i, axis in enumerate(axes):
        size = g.shape(x)[axis]
        at = resampling.positions_in_box(sizes[axis], size, box[i], box[i + len(axes)])
        matrices[axis] = resampling.matrix(at, size, _kernel(n), 1.0, True)
        row = ((at >= 0) & (at <= size - 1)).astype(np.float64)
        inside = inside * row.reshape([-1 if d == axis else 1 for d in range(rank)])
    y = resampling.apply(g, x, matrices)
    if inside.all():
        return y
    value = g.number(n.get("extrapolation_value", 0.0), x)
    return g.where(np.broadcast_to(inside > 0, inside.shape), y, value)


def _sizes_and_scales(g: Graph, n: Node) -> tuple[list[int], list[float]]:
    """Result sizes and the scales of the coordinate formula, for all dimensions."""
    shape = g.shape(n.inputs[0])
    axes = normal_axes(n, n.get("axes") or range(len(shape)), len(shape))
    scales, wanted = _floats(n, 2), n.ints(3)
    if (scales is None) == (not wanted):
        n.fail("exactly one of scales and sizes must be given")
    given = len(scales if scales is not None else wanted or [])
    if given != len(axes):
        n.fail(f"scales or sizes must have {len(axes)} numbers, got {given}")
    all_sizes, all_scales = list(shape), [1.0] * len(shape)
    if scales is not None:
        for axis, scale in zip(axes, scales):
            all_sizes[axis], all_scales[axis] = math.floor(shape[axis] * scale), scale
        return all_sizes, all_scales
    ratios = [w / shape[a] for w, a in zip(wanted or [], axes)]
    policy = n.get("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        ratio = (min if policy == "not_larger" else max)(ratios)
        ratios = [ratio] * len(axes)
        wanted = [math.floor(ratio * shape[a] + 0.5) for a in axes]
    for axis, size, ratio in zip(axes, wanted or [], ratios):
        all_sizes[axis], all_scales[axis] = size, ratio
    return all_sizes, all_scales
