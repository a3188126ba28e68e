"""Transcendental functions of floats, element by element."""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply
from tyc.tensors import Tensor


def exp(x: TensorLike) -> Tensor:
    """`y = e ** x`."""
    return apply(ty.ExpOp, x)


def log(x: TensorLike) -> Tensor:
    """`y = ln(x)`."""
    return apply(ty.LogOp, x)


def log1p(x: TensorLike) -> Tensor:
    """`y = ln(1 + x)`."""
    return apply(ty.Log1pOp, x)


def expm1(x: TensorLike) -> Tensor:
    """`y = e ** x - 1`."""
    return apply(ty.Expm1Op, x)


def log2(x: TensorLike) -> Tensor:
    """`y = log2(x)`."""
    return apply(ty.Log2Op, x)


def exp2(x: TensorLike) -> Tensor:
    """`y = 2 ** x`."""
    return apply(ty.Exp2Op, x)


def sin(x: TensorLike) -> Tensor:
    """`y = sin(x)`."""
    return apply(ty.SinOp, x)


def cos(x: TensorLike) -> Tensor:
    """`y = cos(x)`."""
    return apply(ty.CosOp, x)


def tan(x: TensorLike) -> Tensor:
    """`y = tan(x)`."""
    return apply(ty.TanOp, x)


def asin(x: TensorLike) -> Tensor:
    """`y = arcsin(x)`."""
    return apply(ty.AsinOp, x)


def acos(x: TensorLike) -> Tensor:
    """`y = arccos(x)`."""
    return apply(ty.AcosOp, x)


def atan(x: TensorLike) -> Tensor:
    """`y = arctan(x)`."""
    return apply(ty.AtanOp, x)


def sinh(x: TensorLike) -> Tensor:
    """`y = sinh(x)`."""
    return apply(ty.SinhOp, x)


def cosh(x: TensorLike) -> Tensor:
    """`y = cosh(x)`."""
    return apply(ty.CoshOp, x)


def tanh(x: TensorLike) -> Tensor:
    """`y = tanh(x)`."""
    return apply(ty.TanhOp, x)


def asinh(x: TensorLike) -> Tensor:
    """`y = arsinh(x)`."""
    return apply(ty.AsinhOp, x)


def acosh(x: TensorLike) -> Tensor:
    """`y = arcosh(x)`."""
    return apply(ty.AcoshOp, x)


def atanh(x: TensorLike) -> Tensor:
    """`y = artanh(x)`."""
    return apply(ty.AtanhOp, x)


def erf(x: TensorLike) -> Tensor:
    """`y = 2 / sqrt(pi) * integral of exp(-t**2) from 0 to x`."""
    return apply(ty.ErfOp, x)


def sigmoid(x: TensorLike) -> Tensor:
    """`y = 1 / (1 + e ** -x)`."""
    return apply(ty.SigmoidOp, x)


def atan2(a: TensorLike, b: TensorLike) -> Tensor:
    """`y` = the angle of the point `(b, a)`, in -pi..pi."""
    return apply(ty.Atan2Op, a, b)
