"""Sequences: Python lists while importing, nothing at run time."""

from __future__ import annotations

from typing import Any

import numpy as np

from tyc.onnx.control import stacked
from tyc.onnx.graph import Graph
from tyc.onnx.movement import normal_axes, pieces, reshaped
from tyc.onnx.rules import Node, rule


@rule("SequenceConstruct")
def construct(g: Graph, n: Node) -> Any:
    """The list of the inputs."""
    return [list(n.inputs)]


@rule("SequenceEmpty")
def empty(g: Graph, n: Node) -> Any:
    """The list of nothing."""
    return [[]]


@rule("SequenceLength")
def length(g: Graph, n: Node) -> Any:
    """The number of elements, which is known."""
    return np.array(len(n.inputs[0]), np.int64)


def _position(n: Node, index: int, default: int, size: int) -> int:
    position = (n.ints(index) or [default])[0]
    if not -size <= position <= size:
        n.fail(f"position must lie in {-size}..{size}, got {position}")
    return position


@rule("SequenceAt")
def at(g: Graph, n: Node) -> Any:
    """The element at a known position."""
    values = n.inputs[0]
    return [values[_position(n, 1, 0, len(values))]]


@rule("SequenceInsert")
def insert(g: Graph, n: Node) -> Any:
    """A list with one more element, at the end by default."""
    values = list(n.inputs[0])
    values.insert(_position(n, 2, len(values), len(values)), n.inputs[1])
    return [values]


@rule("SequenceErase")
def erase(g: Graph, n: Node) -> Any:
    """A list with one element less, the last by default."""
    values = list(n.inputs[0])
    values.pop(_position(n, 1, -1, len(values)))
    return [values]


@rule("SplitToSequence")
def split(g: Graph, n: Node) -> Any:
    """Slices along an axis: of size 1, of one size, or of given sizes."""
    x = n.inputs[0]
    axis = normal_axes(n, [n.get("axis", 0)], g.rank(x))[0]
    size, given = g.shape(x)[axis], n.known(1)
    if given is None:
        parts = pieces(g, x, axis, [1] * size)
        if n.get("keepdims", 1):
            return [parts]
        shape = [s for i, s in enumerate(g.shape(x)) if i != axis]
        return [[reshaped(g, p, shape) for p in parts]]
    if given.ndim == 0:
        part = int(given)
        return [pieces(g, x, axis, [min(part, size - i) for i in range(0, size, part)])]
    return [pieces(g, x, axis, [int(s) for s in given])]


@rule("ConcatFromSequence")
def concat(g: Graph, n: Node) -> Any:
    """The elements joined along an axis, a new one with `new_axis`."""
    values = list(n.inputs[0])
    if not values:
        n.fail("the sequence must not be empty")
    fresh = n.get("new_axis", 0)
    axis = n.axis(g.rank(values[0]) + (1 if fresh else 0))
    if fresh:
        return stacked(g, values, axis)
    return values[0] if len(values) == 1 else g.concat(values, axis=axis)


@rule("OptionalHasElement")
def optional_has_element(g: Graph, n: Node) -> Any:
    """True if the value is there."""
    return np.array(n.input(0) is not None)


@rule("OptionalGetElement")
def optional_get_element(g: Graph, n: Node) -> Any:
    """The value itself."""
    return [n.inputs[0]]
