"""Reductions, arg-reductions, running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.movement import sliced
from tyc.onnx.rules import Node, add_rule, rule

REDUCTIONS = {
    "ReduceSum": "reduce_sum", "ReduceMean": "reduce_mean", "ReduceMax": "reduce_max",
    "ReduceMin": "reduce_min", "ReduceProd": "reduce_product", "ReduceL1": "reduce_l1",
    "ReduceL2": "reduce_l2", "ReduceLogSum": "reduce_log_sum",
    "ReduceLogSumExp": "reduce_log_sum_exp", "ReduceSumSquare": "reduce_sum_square",
}  # fmt: skip

_ON_BOOL = {"reduce_max": "reduce_any", "reduce_min": "reduce_all"}

# What reducing over no axis at all still does to each element.
_POINTWISE: dict[str, Callable[[Graph, Any], Any]] = {
    "reduce_l1": lambda g, x: g.absolute(x),
    "reduce_l2": lambda g, x: g.absolute(x),
    "reduce_log_sum": lambda g, x: g.log(x),
    "reduce_log_sum_exp": lambda g, x: x,
    "reduce_sum_square": lambda g, x: g.square(x),
}


def reduction(op: str) -> Callable[[Graph, Node], Any]:
    """The rule of one reduction; `axes` is an attribute or, in later versions, an input."""

    def apply(g: Graph, n: Node) -> Any:
        x = n.inputs[0]
        axes = n.get("axes")
        if axes is None:
            axes = n.ints(1)
        rank = g.rank(x)
        if not axes:
            if n.get("noop_with_empty_axes", 0):
                return _POINTWISE.get(op, lambda g, x: x)(g, x)
            axes = list(range(rank))
        for axis in axes:
            if not -rank <= axis < rank:
                n.fail(f"axes must lie in {-rank}..{rank - 1}, got {list(axes)}")
        axes = sorted({a % rank for a in axes}) if rank else []
        if op == "reduce_log_sum_exp" and any(g.shape(x)[a] == 0 for a in axes):
            # Of nothing: log(0). The op itself subtracts a maximum, which nothing has not.
            return g.log(reduction("reduce_sum")(g, n))
        name = _ON_BOOL.get(op, op) if g.dtype(x).kind == "bool" else op
        return getattr(g, name)(x, axes=axes, keepdims=bool(n.get("keepdims", 1)))

    return apply


for _name, _op in REDUCTIONS.items():
    add_rule(_name, reduction(_op))


def _arg(op: str) -> Callable[[Graph, Node], Any]:
    def apply(g: Graph, n: Node) -> Any:
        x = n.inputs[0]
        return getattr(g, op)(
            x,
            axis=n.axis(max(g.rank(x), 1)),
            keepdims=bool(n.get("keepdims", 1)),
            last=bool(n.get("select_last_index", 0)),
        )

    return apply


add_rule("ArgMax", _arg("argmax"))
add_rule("ArgMin", _arg("argmin"))


@rule("CumSum")
def cumulative_sum(g: Graph, n: Node) -> Any:
    """Running sums along a known axis."""
    x = n.inputs[0]
    axis = n.counted((n.ints(1) or [0])[0], g.rank(x))
    return g.cumulative_sum(
        x,
        axis=axis,
        exclusive=bool(n.get("exclusive", 0)),
        reverse=bool(n.get("reverse", 0)),
    )


@rule("CumProd")
def cumulative_product(g: Graph, n: Node) -> Any:
    """Running products: each step multiplies by what stands twice as far before."""
    x = n.inputs[0]
    axis = n.counted((n.ints(1) or [0])[0], g.rank(x))
    size, back = g.shape(x)[axis], bool(n.get("reverse", 0))
    if n.get("exclusive", 0):
        x = _shifted_by(g, x, axis, 1, back)
    distance = 1
    while distance < size:
        x = g.multiply(x, _shifted_by(g, x, axis, distance, back))
        distance *= 2
    return x


def _shifted_by(g: Graph, x: Any, axis: int, distance: int, back: bool) -> Any:
    """`y[i] = x[i - distance]`, or `x[i + distance]` with `back`; 1 where that is outside."""
    shape, rank = list(g.shape(x)), g.rank(x)
    shape[axis] -= distance
    here = [distance if i == axis else 0 for i in range(rank)]
    zeros = [0] * rank
    kept = sliced(g, x, here if back else zeros, shape)
    low, high = (zeros, here) if back else (here, zeros)
    return g.pad(kept, low=low, high=high, value=1.0)


@rule("TopK")
def top_k_attribute(g: Graph, n: Node) -> Any:
    """The k largest along an axis, `k` as attribute."""
    return _top_k(g, n, n.get("k"))


@rule("TopK", since=10)
def top_k(g: Graph, n: Node) -> Any:
    """The k largest or smallest along an axis; `k` is known."""
    return _top_k(g, n, (n.ints(1) or [0])[0])


def _top_k(g: Graph, n: Node, k: int) -> Any:
    x = n.inputs[0]
    axis = n.axis(g.rank(x), -1)
    size = g.shape(x)[axis]
    if not 0 <= k <= size:
        n.fail(f"k must lie in 0..{size}, got {k}")
    ordered = bool(n.get("sorted", 1))
    return g.top_k(x, k=k, axis=axis, largest=bool(n.get("largest", 1)), sorted=ordered)


@rule("Size")
def size(g: Graph, n: Node) -> Any:
    """The number of elements, which is known."""
    return np.array(g.type(n.inputs[0]).size, np.int64)


@rule("Shape")
def shape(g: Graph, n: Node) -> Any:
    """The sizes, which are known."""
    sizes = g.shape(n.inputs[0])
    return np.array(sizes[slice(n.get("start", 0), n.get("end"))], np.int64)
