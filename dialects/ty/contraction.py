"""Contractions: sums of products over shared dimensions."""

from __future__ import annotations

import math

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ods import Bool, Op, Operand, OptionalOperand, Result, example
from tyc.dialects.ty.movement import sum_to
from tyc.dialects.types import TensorType, accumulator, broadcast_shapes, dtype, i32, i64


def product_shape(
    op: type[Op], a: TensorType, b: TensorType, transpose_a: bool = False, transpose_b: bool = False
) -> tuple[int, ...]:
    """The shape of a batched matrix product: broadcast batch, rows of `a`, columns of `b`.

    Raises `UserError` where an operand is no matrix, the inner sizes differ or the batch dimensions
    do not broadcast.
    """
    got = f"{a}{'^T' if transpose_a else ''} and {b}{'^T' if transpose_b else ''}"
    if a.rank < 2 or b.rank < 2:  # C1
        raise op.error(f"operands must have rank 2 or more, got {got}", "reshape vectors")
    m, k = a.shape[:-3:-1] if transpose_a else a.shape[-2:]
    inner, n = b.shape[:-3:-1] if transpose_b else b.shape[-2:]
    if k != inner:  # C2
        raise op.error(f"inner sizes must agree, got {got}", "transpose one of them")
    try:
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:  # C3
        raise op.error(f"batch dimensions must broadcast, got {got}") from None
    return (*batch, m, n)


class MatmulOp(Op, name="matmul"):
    """Matrix product: `y[..., m, n] = sum_k a[..., m, k] * b[..., k, n]`, batch broadcast.

    `transpose_a` and `transpose_b` read the last two dimensions of an operand the other way round.
    Sums of 16-bit floats are kept in f32, integers wrap.

    (C1) both operands have rank 2 or more; (C2) the inner sizes agree; (C3) the batch dimensions
    broadcast; (C4) both operands have one element type, a number.
    """

    a: Operand
    b: Operand
    transpose_a: Bool = False
    transpose_b: Bool = False
    y: Result
    examples = (
        example((3, 4), (4, 5)),
        example((3, 4), (5, 4), transpose_b=True),
        example((2, 1, 4, 3), (3, 4, 5), transpose_a=True, dtype="f64"),
        example((2, 4, 3), (5, 4), transpose_a=True, transpose_b=True),
        example((1, 7), (7, 1)),
        example((1, 2, 3), (2, 3, 2), dtype="f16", tolerance=1e-2),
        example((2, 9), (9, 3), dtype="bf16", tolerance=5e-2),
        example((2, 3), (3, 2), dtype="i32", low=-9, high=9),
        example((2, 3), (2, 3), transpose_b=True, dtype="i64"),
        example((9, 17), (17, 33)),
    )

    @classmethod
    def infer(
        cls, a: TensorType, b: TensorType, transpose_a: bool, transpose_b: bool
    ) -> TensorType:
        """The broadcast batch, the rows of `a` and the columns of `b`."""
        if a.dtype != b.dtype or a.dtype.kind == "bool":  # C4
            raise cls.error(f"operands must be numbers of one element type, got {a} and {b}")
        return TensorType(product_shape(cls, a, b, transpose_a, transpose_b), a.dtype)

    @staticmethod
    def reference(a: np.ndarray, b: np.ndarray, transpose_a: bool, transpose_b: bool) -> np.ndarray:
        """`numpy.matmul` in the accumulator's type."""
        wide = accumulator(dtype(a.dtype)).numpy
        left = np.swapaxes(a, -1, -2) if transpose_a else a
        right = np.swapaxes(b, -1, -2) if transpose_b else b
        return np.matmul(left.astype(wide), right.astype(wide)).astype(a.dtype)

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, ir.Value]:
        """`da = g b^T, db = a^T g`, summed over broadcast batch dimensions."""
        da, db = _factor_gradients(self.a, self.b, grad, self.transpose_a, self.transpose_b)
        return sum_to(da, type_of(self.a).shape), sum_to(db, type_of(self.b).shape)


def _factor_gradients(
    a: ir.Value, b: ir.Value, grad: ir.Value, transpose_a: bool, transpose_b: bool
) -> tuple[ir.Value, ir.Value]:
    """`g b^T` and `a^T g`, of all batches."""
    if transpose_a:
        da = ty.matmul(b, grad, transpose_a=transpose_b, transpose_b=True)
    else:
        da = ty.matmul(grad, b, transpose_b=not transpose_b)
    if not transpose_a and math.prod(type_of(b).shape[:-2]) == 1:
        # Rows that share a matrix: one product, and no sum of one for each batch.
        a, grad = (_rows(v) for v in (a, grad))
    if transpose_b:
        return da, ty.matmul(grad, a, transpose_a=True, transpose_b=transpose_a)
    return da, ty.matmul(a, grad, transpose_a=not transpose_a)


class MatmulAddOp(Op, name="matmul_add"):
    """A matrix product onto a matrix: `y[m, n] = c[m, n] + a[m, 0] * b[0, n] + a[m, 1] * b[1, n]`
    and so on, added in this order.

    With the depth in pieces, `c` the result of the piece before, the sum is that of one product.
    `transpose_a` and `transpose_b` read an operand the other way round. Sums of 16-bit floats are
    kept in f32.

    (C1) all operands are matrices; (C2) the inner sizes agree; (C3) `c` has the rows of `a` and the
    columns of `b`; (C4) all operands have one element type, a number.
    """

    a: Operand
    b: Operand
    c: Operand
    transpose_a: Bool = False
    transpose_b: Bool = False
    y: Result
    examples = (
        example((3, 4), (4, 5), (3, 5)),
        example((4, 3), (4, 5), (3, 5), transpose_a=True),
        example((9, 17), (33, 17), (9, 33), transpose_b=True),
        example((31, 40), (31, 70), (40, 70), transpose_a=True),
        example((4, 3), (5, 4), (3, 5), transpose_a=True, transpose_b=True, dtype="f64"),
        example((2, 3), (3, 2), (2, 2), dtype="f16", tolerance=1e-2),
        example((2, 3), (3, 2), (2, 2), dtype="i32", low=-9, high=9),
    )

    @classmethod
    def infer(
        cls, a: TensorType, b: TensorType, c: TensorType, transpose_a: bool, transpose_b: bool
    ) -> TensorType:
        """The type of `c`."""
        if {t.rank for t in (a, b, c)} != {2}:  # C1
            raise cls.error(f"operands must be matrices, got {a}, {b} and {c}")
        if not (a.dtype == b.dtype == c.dtype) or a.dtype.kind == "bool":  # C4
            raise cls.error(f"operands must be numbers of one element type, got {a}, {b} and {c}")
        shape = product_shape(cls, a, b, transpose_a, transpose_b)  # C2
        if c.shape != shape:  # C3
            raise cls.error(f"c must have shape {list(shape)}, got {c}")
        return c

    @staticmethod
    def reference(
        a: np.ndarray, b: np.ndarray, c: np.ndarray, transpose_a: bool, transpose_b: bool
    ) -> np.ndarray:
        """`numpy.matmul` and a sum in the accumulator's type."""
        wide = accumulator(dtype(a.dtype)).numpy
        left, right = (a.T if transpose_a else a), (b.T if transpose_b else b)
        return (c.astype(wide) + left.astype(wide) @ right.astype(wide)).astype(a.dtype)

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        """Those of the product, and `dc = g`."""
        flags = self.transpose_a, self.transpose_b
        return (*_factor_gradients(self.a, self.b, grad, *flags), grad)


def _rows(x: ir.Value) -> ir.Value:
    """A batch of matrices as one."""
    shape = type_of(x).shape
    return x if len(shape) == 2 else ty.reshape(x, shape=[math.prod(shape[:-1]), shape[-1]])


class MatmulIntegerOp(Op, name="matmul_integer"):
    """Product of 8-bit matrices in i32: `y = (a - a_zero_point) @ (b - b_zero_point)`.

    A zero point is one number, or one a row of `a` (`[M]` or `[..., M, 1]`) and one a column of `b`
    (`[N]` or `[..., 1, N]`).

    (C1) both operands have rank 2 or more; (C2) the inner sizes agree; (C3) the batch dimensions
    broadcast; (C4) operands are i8 or u8; (C5) a zero point has its operand's element type and one
    of the shapes above.
    """

    a: Operand
    b: Operand
    a_zero_point: OptionalOperand
    b_zero_point: OptionalOperand
    y: Result
    examples = (
        example((3, 4), (4, 5), None, None, dtype="u8", high=255),
        example((2, 4), (4, 3), (), (3,), dtype="i8", low=-128, high=127),
        example((2, 2, 3), (3, 2), (2,), None, dtype="u8", high=255),
        example((2, 2, 3), (2, 3, 2), (2, 2, 1), (2, 1, 2), dtype="i8", low=-9, high=9),
        example((1, 4), (4, 1), None, (), dtype="u8", high=255),
    )

    @classmethod
    def infer(
        cls,
        a: TensorType,
        b: TensorType,
        a_zero_point: TensorType | None,
        b_zero_point: TensorType | None,
    ) -> TensorType:
        """The shape of the product, in i32."""
        if not all(t.dtype.is_integer and t.dtype.bits == 8 for t in (a, b)):  # C4
            raise cls.error(f"operands must be i8 or u8, got {a} and {b}")
        shape = product_shape(cls, a, b)
        rows, columns = (*a.shape[:-1], 1), (*b.shape[:-2], 1, b.shape[-1])
        for zero, of, line in ((a_zero_point, a, rows), (b_zero_point, b, columns)):
            if zero is None:
                continue
            allowed = ((), (1,), line[-2:-1] if of is a else line[-1:], line)
            if zero.dtype != of.dtype or zero.shape not in allowed:  # C5
                raise cls.error(f"the zero point of {of} must be one number or {line}, got {zero}")
        return TensorType(shape, i32)

    @staticmethod
    def reference(
        a: np.ndarray,
        b: np.ndarray,
        a_zero_point: np.ndarray | None,
        b_zero_point: np.ndarray | None,
    ) -> np.ndarray:
        """`numpy.matmul` of differences in i64, wrapped to i32."""
        left, right = a.astype(i64.numpy), b.astype(i64.numpy)
        if a_zero_point is not None:
            zero = a_zero_point.astype(i64.numpy)
            left = left - (zero[:, None] if zero.ndim == 1 else zero)
        if b_zero_point is not None:
            right = right - b_zero_point.astype(i64.numpy)
        return np.matmul(left, right).astype(i32.numpy)
