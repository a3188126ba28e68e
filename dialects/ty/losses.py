"""Losses that stay whole: their gradients are shorter than those of their parts."""

from __future__ import annotations

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.axes import checked_axis, kept_shape
from tyc.dialects.building import type_of
from tyc.dialects.expressions import Expression, apply, widened
from tyc.dialects.ods import Composite, Int, Operand, Result, example
from tyc.dialects.references import array, widely
from tyc.dialects.ty.indexing import check_indices, wrapped
from tyc.dialects.types import TensorType


class CrossEntropyOp(Composite, name="cross_entropy"):
    """`y[i] = log(sum over c of e**x[i, c]) - x[i, target[i]]`, where `c` runs along `axis`.

    (C1) `x` is a float; (C2) `target` is i32 or i64; (C3) `axis` is a dimension of `x`;
    (C4) `target` has the shape of `x` without it.
    """

    x: Operand
    target: Operand
    axis: Int = -1
    y: Result
    examples = (
        example((3, 5), array([0, 4, -1], "i64")),
        example((2, 4, 3), array([[0, 1, 3], [2, 2, 2]], "i64"), axis=1, dtype="f64"),
        example((2, 9), array([8, 1], "i32"), dtype="f16"),
        example((4,), array(2, "i64"), axis=0, dtype="bf16"),
        example(array([[200, -200, 199], [-1e30, -1e30, -1e30]]), array([2, 1], "i64"),
                gradient=False),
    )  # fmt: skip

    @classmethod
    def infer(cls, x: TensorType, target: TensorType, axis: int) -> TensorType:
        """The shape of `target` with the element type of `x`."""
        if not x.dtype.is_float:  # C1
            raise cls.error(f"element type must be a float, got {x}", "cast it")
        check_indices(cls, target)  # C2
        checked_axis(cls, axis, x.rank)  # C3
        if target.shape != kept_shape(x.shape, [axis], False):  # C4
            raise cls.error(f"target must have the shape of x without axis {axis}, got {target}")
        return TensorType(target.shape, x.dtype)

    @staticmethod
    @widely
    def reference(x: np.ndarray, target: np.ndarray, axis: int) -> np.ndarray:
        """The formula, with the largest `x` taken out."""
        x = x - x.max(axis, keepdims=True)
        at = np.expand_dims(wrapped(target, x.shape[axis]), axis)
        picked = np.take_along_axis(x, at, axis)
        return (np.log(np.exp(x).sum(axis, keepdims=True)) - picked).squeeze(axis)

    @staticmethod
    @widened
    def expand(x: ir.Value, target: ir.Value, axis: int) -> ir.Value:
        """The formula, with the largest `x` taken out."""
        shape = list(kept_shape(type_of(x).shape, [axis], True))
        top = Expression(ty.reduce_max(x, axes=[axis], keepdims=True))
        e = apply("exp", Expression(x) - top)
        total = Expression(ty.reduce_sum(e.value, axes=[axis], keepdims=True))
        at = ty.reshape(target, shape=shape)
        picked = Expression(ty.gather_elements(x, at, axis=axis))
        y = apply("log", total) - (picked - top)
        return ty.reshape(y.value, shape=list(type_of(target).shape))

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, None]:
        """`dx = (softmax(x) - one_hot(target)) * g`."""
        x = type_of(self.x)
        axis = self.axis % x.rank
        hit = ty.one_hot(self.target, depth=x.shape[axis], axis=axis, to=x.dtype)
        g = ty.reshape(grad, shape=list(kept_shape(x.shape, [axis], True)))
        surplus = Expression(ty.softmax(self.x, axis=axis)) - Expression(hit)
        return (surplus * Expression(g)).value, None
