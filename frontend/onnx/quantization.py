"""Quantize and dequantize, by tensor, by axis or by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from tyc.dialects.types import DType
from tyc.onnx.elementwise import clip_between, to_element
from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, rule
from tyc.onnx.tensors import element_of


@rule("QuantizeLinear")
def quantize(g: Graph, n: Node) -> Any:
    """`saturate(round(x / scale) + zero_point)`."""
    x, scale, zero = n.inputs[0], n.inputs[1], n.input(2)
    x, scale = _one_float(g, x, scale)
    if zero is None:
        code = n.get("output_dtype", 0)
        kind = element_of(code) if code else element_of(2)  # u8
        zero = np.zeros(g.shape(scale), kind.numpy)
    axis = n.get("axis", 1)
    if n.get("block_size", 0):
        return _quantize_blocks(g, n, x, scale, zero)
    scale, zero, axis = lined(g, n, x, scale, zero, axis)
    return g.quantize(x, scale, zero, axis=axis)


def _one_float(g: Graph, x: Any, scale: Any) -> tuple[Any, Any]:
    """Both in the wider of their float types; an integer `x` in the scale's."""
    a, b = g.dtype(x), g.dtype(scale)
    wide = b if not a.is_float or b.bits > a.bits else a
    return to_element(g, x, wide), to_element(g, scale, wide)


def lined(g: Graph, n: Node, x: Any, scale: Any, zero: Any, axis: int) -> tuple[Any, Any, int]:
    """Scale and zero point as a scalar or a vector, the axis counted from the left."""
    if g.type(scale).size == 1:
        scale = g.reshape(scale, shape=[]) if g.rank(scale) else scale
        zero = g.reshape(zero, shape=[]) if zero is not None and g.rank(zero) else zero
        return scale, zero, 0
    return scale, zero, n.counted(axis, g.rank(x))


def _blocked(g: Graph, n: Node, x: Any, v: Any) -> Any:
    """A block parameter repeated to the shape of `x`."""
    axis, size = n.axis(g.rank(x), 1), n.get("block_size")
    shape = list(g.shape(v))
    if size < 0 or len(shape) != g.rank(x) or -(-g.shape(x)[axis] // size) != shape[axis]:
        n.fail(f"blocks of {size} along axis {axis} must agree with scale, got {g.type(x)} and "
               f"{g.type(v)}")  # fmt: skip
    v = g.reshape(v, shape=[*shape[: axis + 1], 1, *shape[axis + 1 :]])
    v = g.broadcast_to(v, shape=[*shape[: axis + 1], size, *shape[axis + 1 :]])
    shape[axis] *= size
    v = g.reshape(v, shape=shape)
    have = g.shape(x)
    if shape[axis] == have[axis]:
        return v
    return g.slice(v, starts=[0] * len(have), sizes=list(have), steps=[1] * len(have))


def _quantize_blocks(g: Graph, n: Node, x: Any, scale: Any, zero: Any) -> Any:
    kind = g.dtype(zero)
    low, high = _limits(kind)
    real = g.round(g.divide(x, _blocked(g, n, x, scale)))
    shifted = g.add(real, to_element(g, _blocked(g, n, x, zero), g.dtype(x)))
    return g.cast(clip_between(g, shifted, np.float64(low), np.float64(high)), to=kind)


def _limits(kind: DType) -> tuple[int, int]:
    info = np.iinfo(kind.numpy)
    return int(info.min), int(info.max)


@rule("DequantizeLinear")
def dequantize(g: Graph, n: Node) -> Any:
    """`(x - zero_point) * scale`."""
    x, scale, zero = n.inputs[0], n.inputs[1], n.input(2)
    if n.get("block_size", 0):
        kind = g.dtype(scale)
        real = g.cast(x, to=kind)
        if zero is not None:
            real = g.subtract(real, g.cast(_blocked(g, n, x, zero), to=kind))
        return g.multiply(real, _blocked(g, n, x, scale))
    scale, zero, axis = lined(g, n, x, scale, zero, n.get("axis", 1))
    y = g.dequantize(x, scale, zero, axis=axis)
    code = n.get("output_dtype", 0)
    return to_element(g, y, element_of(code)) if code else y
