"""Decomposed composites are recognised however they are written, and others are left alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from programs import check, only, program

from tyc.compiler.transforms.canonicalize import canonicalize
from tyc.compiler.transforms.dce import dce
from tyc.compiler.transforms.raise_activations import raise_activations
from tyc.compiler.transforms.raise_composites import raise_composites
from tyc.dialects import ty


def n(value: float) -> Any:
    return ty.constant(value=np.float32(value))


def mul(*factors: Any) -> Any:
    product = factors[0]
    for factor in factors[1:]:
        product = ty.multiply(product, factor)
    return product


def erf_gelu(x: Any) -> Any:
    return mul(x, n(0.5), ty.add(n(1), ty.erf(ty.divide(x, n(math.sqrt(2))))))


def erf_gelu_reordered(x: Any) -> Any:
    return mul(n(0.5), mul(x, ty.add(ty.erf(mul(n(0.70710677), x)), n(1))))


def tanh_gelu(x: Any) -> Any:
    inner = mul(n(math.sqrt(2 / math.pi)), ty.add(x, mul(n(0.044715), ty.power(x, n(3)))))
    return mul(mul(n(0.5), x), ty.add(n(1), ty.tanh(inner)))


def tanh_gelu_factored(x: Any) -> Any:
    inner = mul(mul(x, n(0.7978845608)), ty.add(n(1), mul(n(0.044715), x, x)))
    return mul(x, n(0.5), ty.add(ty.tanh(inner), n(1)))


def hard_swish_of_clip(x: Any) -> Any:
    return ty.divide(mul(x, ty.clip(ty.add(x, n(3)), low=0.0, high=6.0)), n(6))


def hard_swish_of_relu(x: Any) -> Any:
    return mul(x, ty.minimum(ty.relu(ty.add(x, n(3))), n(6)), n(1 / 6))


def hard_swish_of_part(x: Any) -> Any:
    return mul(x, ty.hard_sigmoid(x, alpha=1 / 6, beta=0.5))


def leaky(x: Any) -> Any:
    return ty.where(ty.greater(x, n(0)), x, mul(x, n(0.1)))


def hard_sigmoid(x: Any) -> Any:
    return ty.clip(ty.add(mul(x, n(0.2)), n(0.5)), low=0.0, high=1.0)


ACTIVATIONS = {
    "gelu": erf_gelu,
    "gelu reordered": erf_gelu_reordered,
    "gelu by tanh": tanh_gelu,
    "gelu by tanh factored": tanh_gelu_factored,
    "silu": lambda x: mul(x, ty.sigmoid(x)),
    "silu of exp": lambda x: ty.divide(x, ty.add(n(1), ty.exp(ty.negative(x)))),
    "sigmoid": lambda x: ty.divide(n(1), ty.add(n(1), ty.exp(ty.negative(x)))),
    "hard_swish": hard_swish_of_clip,
    "hard_swish of relu": hard_swish_of_relu,
    "hard_swish of part": hard_swish_of_part,
    "hard_sigmoid": hard_sigmoid,
    "mish": lambda x: mul(ty.tanh(ty.softplus(x)), x),
    "softplus": lambda x: ty.log(ty.add(ty.exp(x), n(1))),
    "leaky_relu": leaky,
    "leaky_relu of maximum": lambda x: ty.maximum(x, mul(x, n(0.01))),
}


@pytest.mark.parametrize("case", ACTIVATIONS)
@pytest.mark.parametrize("first", [False, True])
def test_activations(case: str, first: bool) -> None:
    passes = [canonicalize, raise_composites] if first else [raise_composites]
    with program(ACTIVATIONS[case], (2, 33)) as made:
        assert check(made, *passes, tolerance=1e-5)[-1:] == [case.split(" ")[0]]


def test_coefficients() -> None:
    with program(leaky, (4, 4)) as made:
        check(made, raise_activations, tolerance=1e-6)
        assert only(made, "leaky_relu").alpha == np.float32(0.1)
    with program(hard_sigmoid, (4, 4)) as made:
        check(made, raise_activations, tolerance=1e-6)
        found = only(made, "hard_sigmoid")
        assert (found.alpha, found.beta) == (np.float32(0.2), 0.5)
    with program(tanh_gelu, (4, 4)) as made:
        check(made, raise_activations, tolerance=1e-6)
        assert only(made, "gelu").approximate == "tanh"


NOT_ACTIVATIONS = {
    "almost gelu": lambda x: mul(x, n(0.5), ty.add(n(1), ty.erf(mul(x, n(0.7))))),
    "quick gelu": lambda x: mul(x, ty.sigmoid(mul(x, n(1.702)))),
    "scaled silu": lambda x: mul(x, ty.sigmoid(x), n(1.01)),
    "epsilon": lambda x: ty.add(ty.relu(x), n(1e-12)),
    "identity": lambda x: ty.subtract(ty.add(x, n(3)), n(3)),
    "two values": lambda x: mul(x, ty.sigmoid(ty.reverse(x, axes=[0]))),
    "read in between": lambda x: (y := ty.sigmoid(x), mul(x, y)),
    "grown": lambda x: mul(ty.reduce_sum(x, axes=[0], keepdims=False), ty.sigmoid(x)),
}


@pytest.mark.parametrize("case", NOT_ACTIVATIONS)
def test_other_functions_stay(case: str) -> None:
    with program(NOT_ACTIVATIONS[case], (3, 5)) as made:
        before = [o.name for o in made.operations()]
        check(made, raise_activations, tolerance=1e-6)
        found = {o.name for o in made.operations()} - set(before)
        assert found <= {"ty.silu"} and (not found or case == "scaled silu")


def layer_norm(x: Any, by: str, axes: list[int]) -> Any:
    d = ty.subtract(x, ty.reduce_mean(x, axes=axes, keepdims=True))
    square = {"power": ty.power(d, n(2)), "multiply": mul(d, d)}.get(by, ty.square(d))
    root = ty.add(ty.reduce_mean(square, axes=axes, keepdims=True), n(1e-5))
    if by == "rsqrt":
        return mul(d, ty.rsqrt(root))
    return ty.divide(d, ty.sqrt(root))


@pytest.mark.parametrize("by", ["power", "multiply", "rsqrt"])
@pytest.mark.parametrize("axes", [[-1], [1, 2]])
def test_layer_norm(by: str, axes: list[int]) -> None:
    def body(x: Any, scale: Any, bias: Any) -> Any:
        return ty.add(ty.multiply(scale, layer_norm(x, by, axes)), bias)

    shape = (4,) if axes == [-1] else (1, 3, 4)
    weights = {k: np.linspace(0.5, 2, math.prod(shape)).reshape(shape) for k in ("scale", "bias")}
    weights = {k: v.astype(np.float32) for k, v in weights.items()}
    with program(body, (2, 3, 4), **weights) as made:
        found = check(made, dce, raise_composites, tolerance=1e-5)
        assert found[-1] == "layer_norm" and set(found) <= {"reshape", "layer_norm"}


def test_layer_norm_over_other_axes_stays() -> None:
    with program(lambda x: layer_norm(x, "power", [1]), (2, 3, 4)) as made:
        assert "layer_norm" not in check(made, raise_composites, tolerance=1e-6)


def test_rms_norm() -> None:
    def body(x: Any, scale: Any) -> Any:
        mean = ty.reduce_mean(ty.power(x, n(2)), axes=[2], keepdims=True)
        return mul(scale, mul(x, ty.reciprocal(ty.sqrt(ty.add(mean, n(1e-6))))))

    with program(body, (2, 3, 4), scale=np.arange(4.0).astype(np.float32)) as made:
        assert check(made, canonicalize, raise_composites, tolerance=1e-5) == ["rms_norm"]


def softmax(x: Any, shifted: bool, logarithm: bool) -> Any:
    if shifted:
        x = ty.subtract(x, ty.reduce_max(x, axes=[1], keepdims=True))
    e = ty.exp(x)
    total = ty.reduce_sum(e, axes=[1], keepdims=True)
    return ty.subtract(x, ty.log(total)) if logarithm else ty.divide(e, total)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("logarithm", [False, True])
def test_softmax(shifted: bool, logarithm: bool) -> None:
    with program(lambda x: softmax(x, shifted, logarithm), (2, 3, 4)) as made:
        found = check(made, raise_composites, tolerance=1e-5)
        assert found == ["log_softmax" if logarithm else "softmax"]


def test_logarithm_of_softmax() -> None:
    with program(lambda x: ty.log(ty.softmax(x, axis=1)), (2, 3, 4)) as made:
        assert check(made, raise_composites, tolerance=1e-5) == ["log_softmax"]


def test_exact_mode_keeps_the_parts() -> None:
    with program(erf_gelu, (3, 4)) as made:
        assert "gelu" not in check(made, raise_composites, exact=True)
