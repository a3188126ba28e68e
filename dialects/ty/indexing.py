"""Reads at computed indices: gather, one-hot, top-k. Writes are in `scattering.py`.

An index counts from the end where it is negative; one that is out of range all the same is moved to
the nearest element, so that no program reads what it must not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ods import Bool, Element, Float, Int, Ints, Op, Operand, Result, example
from tyc.dialects.types import DType, TensorType, accumulator, dtype, i32, i64


def check_indices(op: type[Op], indices: TensorType) -> None:
    """Raises `UserError` unless the indices are i32 or i64."""
    if indices.dtype not in (i32, i64):  # C1
        raise op.error(f"indices must be i32 or i64, got {indices}", "cast them")


def check_axis(op: type[Op], axis: int, rank: int) -> int:
    """The axis counted from the front. Raises `UserError` for one outside of `-rank..rank-1`."""
    if not -rank <= axis < rank:  # C2
        raise op.error(f"axis must be in {-rank}..{rank - 1}, got {axis}")
    return axis % rank


def wrapped(indices: np.ndarray, size: int) -> np.ndarray:
    """Indices counted from the front, moved into `0..size-1`."""
    return np.clip(np.where(indices < 0, indices + size, indices), 0, size - 1)


def zeros_like(x: ir.Value) -> ir.Value:
    """Zeros of the type of `x`."""
    t = type_of(x)
    return ty.full(shape=list(t.shape), value=0.0, element=t.dtype)


_I = np.array


class GatherOp(Op, name="gather"):
    """Slices of `x` at indices: `y[a..., i..., b...] = x[a..., indices[i...], b...]`.

    (C1) `indices` are i32 or i64; (C2) `axis` is a dimension of `x`; (C3) it is not empty where
    there are indices.
    """

    x: Operand
    indices: Operand
    axis: Int = 0
    y: Result
    examples = (
        example((5, 3), _I([[0, 4], [-1, 2]]), axis=0),
        example((2, 4, 3), _I([3, 0, 0]), axis=1, dtype="f64"),
        example((2, 4), _I(-2), axis=-1),
        example((4, 2), _I([1, 9, -7], "i4"), axis=0),
        example((3, 2), _I([2, 1]), axis=0, dtype="i8", high=9),
        example((3, 2), _I([2]), axis=0, dtype="bf16"),
        example((3,), _I([0, 2]), axis=0, dtype="i1"),
    )

    @classmethod
    def infer(cls, x: TensorType, indices: TensorType, axis: int) -> TensorType:
        """The shape of `x` with `axis` replaced by the shape of `indices`."""
        check_indices(cls, indices)  # C1
        axis = check_axis(cls, axis, x.rank)  # C2
        if indices.size and not x.shape[axis]:  # C3
            raise cls.error(f"dimension {axis} must not be empty, got {x}")
        return TensorType((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)

    @staticmethod
    def reference(x: np.ndarray, indices: np.ndarray, axis: int) -> np.ndarray:
        """`numpy.take`."""
        return np.asarray(np.take(x, wrapped(indices, x.shape[axis]), axis))

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, None]:
        """`dx[a..., indices[i...], b...] += g[a..., i..., b...]`."""
        shape = list(type_of(self.x).shape)
        return ty.gather_gradient(self.indices, grad, shape=shape, axis=self.axis), None


class GatherGradientOp(Op, name="gather_gradient"):
    """Gradient of `gather`: zeros, then `y[a..., indices[i...], b...] += grad[a..., i..., b...]`.

    (C1) `indices` are i32 or i64; (C2) `axis` is a dimension of `shape`; (C3) `grad` has the shape
    that `gather` has.
    """

    indices: Operand
    grad: Operand
    shape: Ints
    axis: Int = 0
    y: Result
    examples = (
        example(_I([[0, 4], [-1, 2]]), (2, 2, 3), shape=[5, 3], axis=0),
        example(_I([1, 1, 0]), (2, 3, 2), shape=[2, 2, 2], axis=-2, dtype="f64"),
        example(_I([1, 1, 1], "i4"), (3, 70), shape=[2, 70], axis=0),
        example(_I(1), (2,), shape=[2, 3], axis=1, dtype="f16"),
    )

    @classmethod
    def infer(
        cls, indices: TensorType, grad: TensorType, shape: Sequence[int], axis: int
    ) -> TensorType:
        """`shape` with the element type of `grad`."""
        check_indices(cls, indices)  # C1
        axis = check_axis(cls, axis, len(shape))  # C2
        expected = (*shape[:axis], *indices.shape, *shape[axis + 1 :])
        if grad.shape != expected:  # C3
            raise cls.error(f"grad must have shape {list(expected)}, got {grad}")
        return TensorType(tuple(shape), grad.dtype)

    @staticmethod
    def reference(
        indices: np.ndarray, grad: np.ndarray, shape: Sequence[int], axis: int
    ) -> np.ndarray:
        """`numpy.add.at`."""
        axis %= len(shape)
        y = np.zeros(tuple(shape), accumulator(dtype(grad.dtype)).numpy)
        lines = np.moveaxis(y, axis, 0)
        rows = wrapped(indices, shape[axis]).reshape(-1)
        flat = grad.reshape(*shape[:axis], len(rows), *shape[axis + 1 :])
        np.add.at(lines, rows, np.moveaxis(flat, axis, 0).astype(y.dtype))
        return y.astype(grad.dtype)

    def gradient(self, grad: ir.Value) -> tuple[None, ir.Value]:
        """`dgrad = gather(g)`."""
        return None, ty.gather(grad, self.indices, axis=self.axis)


class GatherElementsOp(Op, name="gather_elements"):
    """Elements of `x` along `axis`: `y[..., i, ...] = x[..., indices[..., i, ...], ...]`.

    (C1) `indices` are i32 or i64; (C2) `axis` is a dimension of `x`; (C3) `indices` has the rank of
    `x` and is no larger in the other dimensions.
    """

    x: Operand
    indices: Operand
    axis: Int = 0
    y: Result
    examples = (
        example((3, 3), _I([[1, 2, 0], [2, 0, -3]]), axis=0),
        example((2, 3), _I([[0, -1, 2, 1]]), axis=1, dtype="f64"),
        example((3,), _I([2, 2], "i4"), axis=-1, dtype="i16", high=99),
        example((2, 2), _I([[1], [0]]), axis=1, dtype="bf16"),
    )

    @classmethod
    def infer(cls, x: TensorType, indices: TensorType, axis: int) -> TensorType:
        """The shape of `indices` with the element type of `x`."""
        check_indices(cls, indices)  # C1
        axis = check_axis(cls, axis, x.rank)  # C2
        pairs = [(i, n) for d, (i, n) in enumerate(zip(indices.shape, x.shape)) if d != axis]
        if indices.rank != x.rank or any(i > n for i, n in pairs):  # C3
            raise cls.error(f"indices must fit into {x} but for axis {axis}, got {indices}")
        return TensorType(indices.shape, x.dtype)

    @staticmethod
    def reference(x: np.ndarray, indices: np.ndarray, axis: int) -> np.ndarray:
        """Plain indexing by a grid whose `axis` is replaced."""
        grid = [np.asarray(g) for g in np.indices(indices.shape)]
        grid[axis] = wrapped(indices, x.shape[axis])
        return x[tuple(grid)]

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, None]:
        """`dx[..., indices[..., i, ...], ...] += g[..., i, ...]`.

        Of one index a line, each element of `x` knows whether it was read.
        """
        x, axis = type_of(self.x), self.axis % type_of(self.x).rank
        others = [n for d, n in enumerate(x.shape) if d != axis]
        if type_of(self.indices).shape == (*others[:axis], 1, *others[axis:]):
            at = ty.reshape(self.indices, shape=others)
            hit = ty.one_hot(at, depth=x.shape[axis], axis=axis, to="i1")
            zero = ty.full(shape=[], value=0.0, element=x.dtype)
            return ty.where(hit, grad, zero), None
        zeros = zeros_like(self.x)
        dx = ty.scatter_elements(zeros, self.indices, grad, axis=self.axis, reduction="add")
        return dx, None


class GatherNdOp(Op, name="gather_nd"):
    """Slices of `x` at index vectors: `y[b..., i...] = x[b..., indices[b..., i..., :], ...]`.

    (C1) `indices` are i32 or i64; (C2) the first `batch_dims` dimensions of both agree; (C3) the
    last dimension of `indices` is no longer than what is left of the rank of `x`.
    """

    x: Operand
    indices: Operand
    batch_dims: Int = 0
    y: Result
    examples = (
        example((2, 3), _I([[0, 1], [-1, 2]])),
        example((3, 2, 2), _I([[[0]], [[2]]]), dtype="f64"),
        example((2, 3, 2), _I([[[1], [-1]], [[2], [0]]]), batch_dims=1),
        example((2, 2), _I([1, 0], "i4"), dtype="i32", high=9),
    )

    @classmethod
    def infer(cls, x: TensorType, indices: TensorType, batch_dims: int) -> TensorType:
        """The leading dimensions of `indices`, then what no index consumes of `x`."""
        check_indices(cls, indices)  # C1
        fits = 0 <= batch_dims < min(x.rank, indices.rank)
        if not fits or x.shape[:batch_dims] != indices.shape[:batch_dims]:  # C2
            raise cls.error(f"{batch_dims} batch dimensions must agree, got {x} and {indices}")
        depth = indices.shape[-1]
        if not 1 <= depth <= x.rank - batch_dims:  # C3
            limit = x.rank - batch_dims
            raise cls.error(f"index vectors must have 1..{limit} entries, got {indices} into {x}")
        return TensorType((*indices.shape[:-1], *x.shape[batch_dims + depth :]), x.dtype)

    @staticmethod
    def reference(x: np.ndarray, indices: np.ndarray, batch_dims: int) -> np.ndarray:
        """Plain indexing, one index array a leading dimension."""
        lead = indices.shape[:-1]
        batch = list(np.indices(lead, sparse=True))[:batch_dims]
        found = [
            wrapped(indices[..., d], x.shape[batch_dims + d]) for d in range(indices.shape[-1])
        ]
        return np.asarray(x[(*batch, *found)])

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, None]:
        """`dx[b..., indices[b..., i..., :], ...] += g[b..., i...]`."""
        indices, t = self.indices, type_of(self.indices)
        lead = [*t.shape[:-1], 1]
        batch = [ty.iota(shape=lead, axis=d, element=t.dtype) for d in range(self.batch_dims)]
        if batch:
            indices = ty.concat([*batch, indices], axis=-1)
        return ty.scatter_nd(zeros_like(self.x), indices, grad, reduction="add"), None


class OneHotOp(Op, name="one_hot"):
    """`on` where the new dimension `axis` of size `depth` counts to the index, else `off`.

    Indices from `-depth` count from the end, others select nothing.

    (C1) `indices` are integers; (C2) `axis` is a dimension of the result; (C3) `depth` is positive.
    """

    indices: Operand
    depth: Int
    axis: Int = -1
    on: Float = 1.0
    off: Float = 0.0
    to: Element
    y: Result
    examples = (
        example(_I([0, 2, -1, 5]), depth=3, to="f32"),
        example(_I([[1, 0]], "i4"), depth=2, axis=1, on=5, off=-1, to="i64"),
        example(_I([[1, 0]], "u1"), depth=2, axis=0, to="bf16"),
        example(_I(1), depth=3, axis=0, to="i1"),
    )

    @classmethod
    def infer(
        cls, indices: TensorType, depth: int, axis: int, on: float, off: float, to: DType
    ) -> TensorType:
        """The shape of `indices` with `depth` put in at `axis`."""
        if not indices.dtype.is_integer:  # C1
            raise cls.error(f"indices must be integers, got {indices}", "cast them")
        axis = check_axis(cls, axis, indices.rank + 1)  # C2
        if depth < 1:  # C3
            raise cls.error(f"depth must be positive, got {depth}")
        return TensorType((*indices.shape[:axis], depth, *indices.shape[axis:]), dtype(to))

    @staticmethod
    def reference(
        indices: np.ndarray, depth: int, axis: int, on: float, off: float, to: DType
    ) -> np.ndarray:
        """Compares with a range."""
        whole = indices.astype(i64.numpy)
        axis %= indices.ndim + 1
        places = np.arange(depth).reshape(-1, *[1] * (indices.ndim - axis))
        hot = np.expand_dims(np.where(whole < 0, whole + depth, whole), axis) == places
        return np.where(hot, on, off).astype(dtype(to).numpy)


class TopKOp(Op, name="top_k"):
    """The `k` largest or smallest elements along `axis` and their indices, best first.

    Equal elements keep their order. `sorted` false allows any order, and gets this one.

    (C1) `x` holds numbers; (C2) `axis` is a dimension of `x`; (C3) `k` is in 1..its size.
    """

    x: Operand
    k: Int
    axis: Int = -1
    largest: Bool = True
    sorted: Bool = True
    values: Result
    indices: Result
    examples = (
        example((3, 5), k=2),
        example((4, 3), k=3, axis=0, largest=False, dtype="f64"),
        example(_I([[3, 1, 3, 1, 2], [0, 0, 0, 0, 0]], "i4"), k=3),
        example(_I([3, 200, 200, 1], "u1"), k=4, largest=False),
        example((2, 1, 4), k=1, axis=2, dtype="f16"),
    )

    @classmethod
    def infer(
        cls, x: TensorType, k: int, axis: int, largest: bool, sorted: bool
    ) -> list[TensorType]:
        """The shape of `x` with `k` at `axis`, twice."""
        if x.dtype.kind == "bool":  # C1
            raise cls.error(f"x must hold numbers, got {x}")
        axis = check_axis(cls, axis, x.rank)  # C2
        if not 1 <= k <= x.shape[axis]:  # C3
            raise cls.error(f"k must be in 1..{x.shape[axis]}, got {k}")
        shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
        return [TensorType(shape, x.dtype), TensorType(shape, i64)]

    @staticmethod
    def reference(
        x: np.ndarray, k: int, axis: int, largest: bool, sorted: bool
    ) -> list[np.ndarray]:
        """A stable sort; for the largest of the reversed line, so that ties keep their order."""
        line = np.flip(x, axis) if largest else x
        order = np.argsort(line, axis, kind="stable")
        if largest:
            order = x.shape[axis] - 1 - np.flip(order, axis)
        best = np.take(order, range(k), axis)
        return [np.take_along_axis(x, best, axis), best.astype(i64.numpy)]

    def gradient(self, grad: ir.Value, _indices: ir.Value | None) -> ir.Value:
        """`dx[indices] = g`, else 0."""
        zeros = zeros_like(self.x)
        return ty.scatter_elements(zeros, self.indices, grad, axis=self.axis, reduction="none")
