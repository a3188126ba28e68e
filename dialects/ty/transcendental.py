"""Functions of floats that are not algebra: exponentials, logarithms, trigonometry."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tyc.dialects import scalar as s
from tyc.dialects.expressions import apply, chain
from tyc.dialects.ods import Example, example
from tyc.dialects.references import array, typed, widely
from tyc.dialects.ty.elementwise import BINARY_EXAMPLES, FLOATS, Binary, Unary


class Function(Unary):
    """`y = f(x)` on floats."""

    kinds = FLOATS


def _examples(low: float = -2.0, high: float = 2.0) -> tuple[Example, ...]:
    """Each float type, rank 0 and size 0, with `x` in the range where `f` is smooth."""
    return (
        example((2, 3), low=low, high=high),
        example((33,), dtype="f64", low=low, high=high),
        example((), dtype="f16", low=low, high=high),
        example((5,), dtype="bf16", low=low, high=high),
        example((0, 2), low=low, high=high),
    )


def _math(name: str) -> Callable:
    """The scalar rule `math.<name>`."""
    return staticmethod(lambda x: s.function(name, x))


class ExpOp(Function, name="exp"):
    """`y = e**x`."""

    examples = (*_examples(), example(array([-200, 100, np.inf, -np.inf]), gradient=False))
    scalar = staticmethod(s.exp)
    reference = staticmethod(widely(np.exp))
    gradient = chain(lambda x, y: y)


class LogOp(Function, name="log"):
    """The natural logarithm: `e**y = x`."""

    examples = (*_examples(0.2), example(array([0, -1, np.inf, 1e-40]), gradient=False))
    scalar = staticmethod(s.log)
    reference = staticmethod(widely(np.log))
    gradient = chain(lambda x, y: 1 / x)


class Log1pOp(Function, name="log1p"):
    """`y = log(1 + x)`, exact near 0."""

    examples = (*_examples(-0.5), example(array([1e-6, -1e-6]), gradient=False))
    scalar = _math("log1p")
    reference = staticmethod(widely(np.log1p))
    gradient = chain(lambda x, y: 1 / (x + 1))


class Expm1Op(Function, name="expm1"):
    """`y = e**x - 1`, exact near 0."""

    examples = (*_examples(), example(array([1e-6, -1e-6]), gradient=False))
    scalar = _math("expm1")
    reference = staticmethod(widely(np.expm1))
    gradient = chain(lambda x, y: y + 1)


class Log2Op(Function, name="log2"):
    """The logarithm to base 2."""

    examples = _examples(0.2)
    scalar = _math("log2")
    reference = staticmethod(widely(np.log2))
    gradient = chain(lambda x, y: 1 / (x * math.log(2)))


class Exp2Op(Function, name="exp2"):
    """`y = 2**x`."""

    examples = _examples()
    scalar = _math("exp2")
    reference = staticmethod(widely(np.exp2))
    gradient = chain(lambda x, y: y * math.log(2))


class SinOp(Function, name="sin"):
    """The sine."""

    examples = (*_examples(), example((8,), low=-50, high=50))
    scalar = _math("sin")
    reference = staticmethod(widely(np.sin))
    gradient = chain(lambda x, y: apply("cos", x))


class CosOp(Function, name="cos"):
    """The cosine."""

    examples = (*_examples(), example((8,), low=-50, high=50))
    scalar = _math("cos")
    reference = staticmethod(widely(np.cos))
    gradient = chain(lambda x, y: -apply("sin", x))


class TanOp(Function, name="tan"):
    """The tangent: `sin(x) / cos(x)`."""

    examples = _examples(-1.2, 1.2)
    scalar = _math("tan")
    reference = staticmethod(widely(np.tan))
    gradient = chain(lambda x, y: 1 + y * y)


class AsinOp(Function, name="asin"):
    """The inverse sine, in [-pi/2, pi/2]."""

    examples = _examples(-0.9, 0.9)
    scalar = _math("asin")
    reference = staticmethod(widely(np.arcsin))
    gradient = chain(lambda x, y: apply("rsqrt", 1 - x * x))


class AcosOp(Function, name="acos"):
    """The inverse cosine, in [0, pi]."""

    examples = _examples(-0.9, 0.9)
    scalar = _math("acos")
    reference = staticmethod(widely(np.arccos))
    gradient = chain(lambda x, y: -apply("rsqrt", 1 - x * x))


class AtanOp(Function, name="atan"):
    """The inverse tangent, in [-pi/2, pi/2]."""

    examples = _examples(-5, 5)
    scalar = _math("atan")
    reference = staticmethod(widely(np.arctan))
    gradient = chain(lambda x, y: 1 / (1 + x * x))


class SinhOp(Function, name="sinh"):
    """The hyperbolic sine: `(e**x - e**-x) / 2`."""

    examples = _examples()
    scalar = _math("sinh")
    reference = staticmethod(widely(np.sinh))
    gradient = chain(lambda x, y: apply("cosh", x))


class CoshOp(Function, name="cosh"):
    """The hyperbolic cosine: `(e**x + e**-x) / 2`."""

    examples = _examples()
    scalar = _math("cosh")
    reference = staticmethod(widely(np.cosh))
    gradient = chain(lambda x, y: apply("sinh", x))


class TanhOp(Function, name="tanh"):
    """The hyperbolic tangent: `sinh(x) / cosh(x)`."""

    examples = (*_examples(), example(array([-50, 50, np.inf]), gradient=False))
    scalar = staticmethod(s.tanh)
    reference = staticmethod(widely(np.tanh))
    gradient = chain(lambda x, y: 1 - y * y)


class AsinhOp(Function, name="asinh"):
    """The inverse hyperbolic sine."""

    examples = _examples()
    scalar = _math("asinh")
    reference = staticmethod(widely(np.arcsinh))
    gradient = chain(lambda x, y: apply("rsqrt", x * x + 1))


class AcoshOp(Function, name="acosh"):
    """The inverse hyperbolic cosine, from `x = 1` on."""

    examples = _examples(1.2, 4)
    scalar = _math("acosh")
    reference = staticmethod(widely(np.arccosh))
    gradient = chain(lambda x, y: apply("rsqrt", x * x - 1))


class AtanhOp(Function, name="atanh"):
    """The inverse hyperbolic tangent, within (-1, 1)."""

    examples = _examples(-0.9, 0.9)
    scalar = _math("atanh")
    reference = staticmethod(widely(np.arctanh))
    gradient = chain(lambda x, y: 1 / (1 - x * x))


def erf(x: np.ndarray) -> np.ndarray:
    """The error function of an array, computed in f64."""
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


class ErfOp(Function, name="erf"):
    """The error function: `2 / sqrt(pi)` times the integral of `exp(-t**2)` from 0 to `x`."""

    examples = _examples(-3, 3)
    scalar = staticmethod(s.erf)
    reference = staticmethod(erf)
    gradient = chain(lambda x, y: apply("exp", -(x * x)) * (2 / math.sqrt(math.pi)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """`1 / (1 + e**-x)` of an array."""
    return typed(1, x) / (typed(1, x) + np.exp(-x))


class SigmoidOp(Function, name="sigmoid"):
    """`y = 1 / (1 + e**-x)`."""

    examples = (*_examples(), example(array([-200, 200, np.inf, -np.inf]), gradient=False))
    scalar = staticmethod(lambda x: 1 / (1 + s.exp(-x)))
    reference = staticmethod(widely(sigmoid))
    gradient = chain(lambda x, y: y * (1 - y))


class Atan2Op(Binary, name="atan2"):
    """The angle of the point `(b, a)`, in (-pi, pi]."""

    kinds = FLOATS
    examples = (
        *BINARY_EXAMPLES,
        example(array([0, 0, 1, -1]), array([1, -1, 0, 0]), gradient=False),
    )
    scalar = staticmethod(lambda a, b: s.function("atan2", a, b))
    reference = staticmethod(widely(np.arctan2))
    gradient = chain(lambda a, b, y: (b / (a * a + b * b), -a / (a * a + b * b)))
