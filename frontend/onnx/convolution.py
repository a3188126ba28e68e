"""Convolutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, rule
from tyc.onnx.windows import Window, explicit_padding, split_padding, window


@rule("Conv")
def conv(g: Graph, n: Node) -> Any:
    """Convolution over the spatial dimensions of [N, C, ...]."""
    x, weight = n.inputs[:2]
    w = conv_window(g, n, x, weight)
    return g.conv(
        x, weight, n.input(2), strides=w.strides, padding=w.padding, dilations=w.dilations,
        groups=n.get("group", 1),
    )  # fmt: skip


def conv_window(g: Graph, n: Node, x: Any, weight: Any) -> Window:
    """The window of a convolution, once the ranks are known to agree."""
    rank = g.rank(x) - 2
    if not 1 <= rank <= 3 or g.rank(weight) != rank + 2:
        got = f"x of {g.type(x)} and w of {g.type(weight)}"
        n.fail(f"x and w must have one rank, from 3 to 5, got {got}")
    kernel = list(g.shape(weight)[2:])
    if n.get("kernel_shape", kernel) != kernel:
        n.fail(f"kernel_shape must be the weight's {kernel}, got {n.get('kernel_shape')}")
    return window(n, kernel, g.shape(x)[2:])


@rule("ConvTranspose")
def conv_transpose(g: Graph, n: Node) -> Any:
    """The transpose of a convolution."""
    x, weight = n.inputs[:2]
    w = conv_window(g, n, x, weight)
    rank = len(w.kernel)
    output_padding = list(n.get("output_padding") or [0] * rank)
    padding = _transposed_padding(n, w, g.shape(x)[2:], output_padding)
    return g.conv_transpose(
        x, weight, n.input(2), strides=w.strides, padding=padding, dilations=w.dilations,
        output_padding=output_padding, groups=n.get("group", 1),
    )  # fmt: skip


def _transposed_padding(
    n: Node, w: Window, sizes: tuple[int, ...], output_padding: list[int]
) -> list[int]:
    """Explicit padding, or what a wanted output size leaves; may raise `output_padding`."""
    rank, auto = len(sizes), n.get("auto_pad", "NOTSET")
    wanted = n.get("output_shape")
    if wanted is None and auto in ("NOTSET", "VALID"):
        return explicit_padding(n, rank) if auto == "NOTSET" else [0] * (2 * rank)
    wanted = [s * t for s, t in zip(sizes, w.strides)] if wanted is None else wanted[-rank:]
    totals = []
    for i, (size, want) in enumerate(zip(sizes, wanted)):
        full = (size - 1) * w.strides[i] + (w.kernel[i] - 1) * w.dilations[i] + 1
        total = full + output_padding[i] - want
        output_padding[i] += max(-total, 0)
        totals.append(max(total, 0))
    return split_padding(totals, auto == "SAME_UPPER")


@rule("Col2Im")
def column_to_image(g: Graph, n: Node) -> Any:
    """Sums of blocks at their places: a transposed convolution with a weight of single ones."""
    x, image, block = n.inputs[0], n.ints(1) or [], n.ints(2) or []
    rank, taps = len(block), math.prod(block)
    strides, dilations = (list(n.get(k) or [1] * rank) for k in ("strides", "dilations"))
    padding = explicit_padding(n, rank)
    for name, values in (("block_shape", block), ("strides", strides), ("dilations", dilations)):
        if len(values) != len(image) or min(values, default=1) < 1:
            n.fail(f"{name} must be {len(image)} positive numbers, got {values}")
    batch, wide, _ = g.shape(x)
    spans = [(k - 1) * d + 1 for k, d in zip(block, dilations)]
    counts = [
        (s + padding[i] + padding[i + rank] - span) // strides[i] + 1
        for i, (s, span) in enumerate(zip(image, spans))
    ]
    rest = [
        s + padding[i] + padding[i + rank] - span - (counts[i] - 1) * strides[i]
        for i, (s, span) in enumerate(zip(image, spans))
    ]
    x = g.reshape(x, shape=[batch * wide // taps, taps, *counts])
    weight = np.eye(taps, dtype=g.dtype(x).numpy).reshape(taps, 1, *block)
    y = g.conv_transpose(
        x, weight, None, strides=strides, padding=padding, dilations=dilations,
        output_padding=rest,
    )  # fmt: skip
    return g.reshape(y, shape=[batch, wide // taps, *image])


@rule("ConvInteger")
def conv_integer(g: Graph, n: Node) -> Any:
    """Convolution of integers less their zero points; sums are exact in the float type used."""
    x, weight = n.inputs[:2]
    w = conv_window(g, n, x, weight)
    terms = math.prod(g.shape(weight)[1:])
    wide = "f32" if terms * 255 * 255 < 2**24 else "f64"
    a = centred(g, x, n.input(2), 0, wide)
    b = centred(g, weight, n.input(3), 0, wide)
    y = g.conv(
        a, b, None, strides=w.strides, padding=w.padding, dilations=w.dilations,
        groups=n.get("group", 1),
    )  # fmt: skip
    return g.cast(y, to="i32")


def centred(g: Graph, x: Any, zero_point: Any, axis: int, element: str) -> Any:
    """`x - zero_point` as floats, the zero point along `axis` where it is a vector."""
    x32 = g.cast(x, to=element)
    if zero_point is None:
        return x32
    return g.subtract(x32, g.cast(along(g, zero_point, axis, g.rank(x)), to=element))


def along(g: Graph, v: Any, axis: int, rank: int) -> Any:
    """A vector as a tensor of `rank` dimensions whose size lies in `axis`; a scalar stays."""
    shape = g.shape(v)
    if math.prod(shape) == 1:
        return g.reshape(v, shape=[]) if shape else v
    return g.reshape(v, shape=[shape[0] if i == axis else 1 for i in range(rank)])


@rule("QLinearConv")
def qlinear_conv(g: Graph, n: Node) -> Any:
    """Quantized convolution: dequantize, convolve, add the i32 bias, quantize."""
    x, x_scale, x_zero, weight, w_scale, w_zero, y_scale, y_zero = n.inputs[:8]
    w = conv_window(g, n, x, weight)
    y = g.conv(
        centred(g, x, x_zero, 1, "f32"), centred(g, weight, w_zero, 0, "f32"), None,
        strides=w.strides, padding=w.padding, dilations=w.dilations, groups=n.get("group", 1),
    )  # fmt: skip
    rank = g.rank(y)
    bias = n.input(8)
    if bias is not None:
        y = g.add(y, g.cast(along(g, bias, 1, rank), to="f32"))
    scale = g.multiply(along(g, x_scale, 1, rank), along(g, w_scale, 1, rank))
    return g.quantize(g.multiply(y, scale), y_scale, y_zero)
