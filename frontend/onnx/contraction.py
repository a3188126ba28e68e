"""Matrix products and Einsum's entrance."""

from __future__ import annotations

from typing import Any

import numpy as np

from tyc.onnx.convolution import along
from tyc.onnx.einsum import einsum
from tyc.onnx.graph import Graph
from tyc.onnx.rules import MICROSOFT, Node, rule


@rule("MatMul")
def matmul(g: Graph, n: Node) -> Any:
    """NumPy's matmul; a vector is a row at the left and a column at the right."""
    return matmul_any_rank(g, g.matmul, *n.inputs)


def matmul_any_rank(g: Graph, product: Any, a: Any, b: Any) -> Any:
    """`product` on matrices where an operand may be a vector."""
    left, right = g.shape(a), g.shape(b)
    if len(left) == 1:
        a = g.reshape(a, shape=[1, *left])
    if len(right) == 1:
        b = g.reshape(b, shape=[*right, 1])
    y = product(a, b)
    if len(left) > 1 and len(right) > 1:
        return y
    shape = list(g.shape(y))
    if len(left) == 1:
        shape.pop(-2)
    if len(right) == 1:
        shape.pop(-1)
    return g.reshape(y, shape=shape)


@rule("Gemm")
def gemm(g: Graph, n: Node) -> Any:
    """`alpha * A @ B + beta * C`."""
    a, b, c = n.inputs[0], n.inputs[1], n.input(2)
    y = g.matmul(a, b, transpose_a=bool(n.get("transA", 0)), transpose_b=bool(n.get("transB", 0)))
    y = _scaled(g, y, n.get("alpha", 1.0))
    beta = n.get("beta", 1.0)
    return y if c is None or beta == 0 else g.add(y, _scaled(g, c, beta))


def _scaled(g: Graph, x: Any, factor: float) -> Any:
    return x if factor == 1.0 else g.multiply(x, g.number(factor, x))


@rule("FusedMatMul", domain=MICROSOFT)
def fused_matmul(g: Graph, n: Node) -> Any:
    """`alpha * op(A) @ op(B)`."""
    if n.get("transBatchA", 0) or n.get("transBatchB", 0):
        n.fail("transBatchA and transBatchB must be 0, got 1")
    a, b = n.inputs[:2]
    y = g.matmul(a, b, transpose_a=bool(n.get("transA", 0)), transpose_b=bool(n.get("transB", 0)))
    return _scaled(g, y, n.get("alpha", 1.0))


@rule("MatMulInteger")
def matmul_integer(g: Graph, n: Node) -> Any:
    """Integer product less the zero points, in i32."""
    a, b = n.inputs[:2]
    return integer_product(g, a, b, n.input(2), n.input(3))


def integer_product(g: Graph, a: Any, b: Any, a_zero: Any, b_zero: Any) -> Any:
    """The zero point of `a` may hold one number a row, that of `b` one a column."""
    return matmul_any_rank(g, lambda x, y: g.matmul_integer(x, y, a_zero, b_zero), a, b)


def _by_line(g: Graph, v: Any, axis: int, rank: int) -> Any:
    if v is None or g.rank(v) > 1:
        return v
    return along(g, v, axis + rank, rank)


@rule("QLinearMatMul")
def qlinear_matmul(g: Graph, n: Node) -> Any:
    """Integer product, scaled and quantized again."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = n.inputs
    product = integer_product(g, a, b, a_zero, b_zero)
    rank = g.rank(product)
    left = _by_line(g, a_scale, -2, rank)
    scale = g.multiply(left, _by_line(g, b_scale, -1, rank))
    kind = g.dtype(scale)
    real = g.multiply(g.cast(product, to=kind), scale)
    return g.quantize(real, y_scale, y_zero)


@rule("Einsum")
def einsum_rule(g: Graph, n: Node) -> Any:
    """Any sum of products that Einstein's notation can say."""
    return einsum(g, n, n.get("equation"), n.inputs)


@rule("Det")
def determinant(g: Graph, n: Node) -> Any:
    """The determinant of a known matrix, or of matrices up to 3 x 3."""
    x = n.inputs[0]
    size = g.shape(x)[-1]
    if isinstance(x, np.ndarray):
        return np.asarray(np.linalg.det(x), x.dtype)
    if size > 3:
        n.fail(f"matrices must be at most 3 x 3, got {size} x {size}")
    return _minors(g, x, list(range(size)), list(range(size)))


def _minors(g: Graph, x: Any, rows: list[int], columns: list[int]) -> Any:
    """Laplace's expansion along the first row."""
    total = None
    for k, column in enumerate(columns):
        shape = list(g.shape(x)[:-2])
        starts = [0] * len(shape) + [rows[0], column]
        cell = g.slice(x, starts=starts, sizes=[*shape, 1, 1], steps=[1] * len(starts))
        cell = g.reshape(cell, shape=shape)
        if len(rows) > 1:
            rest = columns[:k] + columns[k + 1 :]
            cell = g.multiply(cell, _minors(g, x, rows[1:], rest))
        if total is None:
            total = cell
        else:
            total = g.subtract(total, cell) if k % 2 else g.add(total, cell)
    return total
