"""Activation functions and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tyc.onnx.graph import Graph
from tyc.onnx.rules import MICROSOFT, Node, add_rule, rule

# operator: (ty op, {ty attribute: (ONNX attribute, default)})
ACTIVATIONS: dict[str, tuple[str, dict[str, tuple[str, Any]]]] = {
    "Relu": ("relu", {}),
    "Sigmoid": ("sigmoid", {}),
    "Softplus": ("softplus", {}),
    "Softsign": ("softsign", {}),
    "HardSwish": ("hard_swish", {}),
    "Mish": ("mish", {}),
    "PRelu": ("prelu", {}),
    "LeakyRelu": ("leaky_relu", {"alpha": ("alpha", 0.01)}),
    "Elu": ("elu", {"alpha": ("alpha", 1.0)}),
    "Celu": ("celu", {"alpha": ("alpha", 1.0)}),
    "Selu": ("selu", {"alpha": ("alpha", 1.67326319217681884765625),
                      "gamma": ("gamma", 1.05070102214813232421875)}),
    "HardSigmoid": ("hard_sigmoid", {"alpha": ("alpha", 0.2), "beta": ("beta", 0.5)}),
    "ThresholdedRelu": ("thresholded_relu", {"alpha": ("alpha", 1.0)}),
    "Shrink": ("shrink", {"bias": ("bias", 0.0), "threshold": ("lambd", 0.5)}),
    "Gelu": ("gelu", {"approximate": ("approximate", "none")}),
}  # fmt: skip


def activation(op: str, attributes: dict[str, tuple[str, Any]]) -> Callable[[Graph, Node], Any]:
    """The rule that applies one ty op with renamed attributes."""

    def apply(g: Graph, n: Node) -> Any:
        given = {ours: n.get(theirs, default) for ours, (theirs, default) in attributes.items()}
        return getattr(g, op)(*n.inputs, **given)

    return apply


for _name, (_op, _attributes) in ACTIVATIONS.items():
    add_rule(_name, activation(_op, _attributes))


@rule("Gelu", domain=MICROSOFT)
def gelu(g: Graph, n: Node) -> Any:
    """`x * Phi(x)`, exact."""
    return g.gelu(n.inputs[0])


@rule("FastGelu", domain=MICROSOFT)
def fast_gelu(g: Graph, n: Node) -> Any:
    """The tanh form of gelu of `x + bias`."""
    bias = n.input(1)
    x = n.inputs[0] if bias is None else g.add(n.inputs[0], bias)
    return g.gelu(x, approximate="tanh")


@rule("QuickGelu", domain=MICROSOFT)
def quick_gelu(g: Graph, n: Node) -> Any:
    """`x * sigmoid(alpha * x)`."""
    return _swish(g, n.inputs[0], n.get("alpha", 1.702))


@rule("BiasGelu", domain=MICROSOFT)
def bias_gelu(g: Graph, n: Node) -> Any:
    """Exact gelu of `x + bias`."""
    return g.gelu(g.add(*n.inputs))


@rule("Swish")
def swish(g: Graph, n: Node) -> Any:
    """`x * sigmoid(alpha * x)`."""
    return _swish(g, n.inputs[0], n.get("alpha", 1.0))


def _swish(g: Graph, x: Any, alpha: float) -> Any:
    if alpha == 1.0:
        return g.silu(x)
    return g.multiply(x, g.sigmoid(g.multiply(x, g.number(alpha, x))))


def _flattened(op: str) -> Callable[[Graph, Node], Any]:
    """The form before opset 13: over all dimensions from `axis` (default 1) on, as one."""

    def apply(g: Graph, n: Node) -> Any:
        x = n.inputs[0]
        shape = g.shape(x)
        axis = n.axis(len(shape), 1) if len(shape) > 1 else 0
        if axis == len(shape) - 1:
            return _along(op)(g, x, len(shape) - 1)
        rows = math.prod(shape[:axis])
        y = _along(op)(g, g.reshape(x, shape=[rows, math.prod(shape[axis:])]), 1)
        return g.reshape(y, shape=list(shape))

    return apply


def _along(op: str) -> Callable[[Graph, Any, int], Any]:
    if op == "hardmax":
        return _hardmax
    return lambda g, x, axis: getattr(g, op)(x, axis=axis)


def _hardmax(g: Graph, x: Any, axis: int) -> Any:
    """1 at the first largest element along `axis`, else 0."""
    indices = g.argmax(x, axis=axis)
    return g.one_hot(indices, depth=g.shape(x)[axis], axis=axis, to=g.dtype(x))


def _last(op: str) -> Callable[[Graph, Node], Any]:
    return lambda g, n: _along(op)(g, n.inputs[0], n.axis(g.rank(n.inputs[0]), -1))


for _name, _op in (("Softmax", "softmax"), ("LogSoftmax", "log_softmax"), ("Hardmax", "hardmax")):
    add_rule(_name, _flattened(_op))
    add_rule(_name, _last(_op), since=13)
