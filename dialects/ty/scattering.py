"""Writes at computed indices: a copy of `x` with some elements replaced or combined."""

from __future__ import annotations

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.ods import Int, Op, Operand, Result, Str, example
from tyc.dialects.ty.indexing import check_axis, check_indices, wrapped, zeros_like
from tyc.dialects.types import TensorType

REDUCTIONS = ("none", "add", "mul", "max", "min")
_APPLY = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
_I = np.array


def _combine(y: np.ndarray, place: tuple, updates: np.ndarray, reduction: str) -> None:
    """One update after another, in row-major order of the updates."""
    if reduction == "none":
        y[place] = updates
    else:
        _APPLY[reduction].at(y, place, updates)


class Scatter(Op):
    """What both scatters share.

    (C1) `indices` are i32 or i64; (C2) `updates` has the element type of `x`; (C3) `reduction` is
    none, add, mul, max or min, for i1 none.
    """

    @classmethod
    def check(cls, x: TensorType, indices: TensorType, updates: TensorType, reduction: str) -> None:
        """Raises `UserError` where element types or the reduction do not fit."""
        check_indices(cls, indices)  # C1
        if updates.dtype != x.dtype:  # C2
            raise cls.error(f"updates must have the element type of x, got {updates} into {x}")
        number = x.dtype.kind != "bool" or reduction == "none"
        if reduction not in REDUCTIONS or not number:  # C3
            raise cls.error(
                f"reduction must be one of {', '.join(REDUCTIONS)} (none for i1), got {reduction!r}"
            )

    @classmethod
    def replaces(cls, reduction: str) -> bool:
        """Whether updates replace. Raises `UserError` for a reduction without a gradient."""
        if reduction not in ("none", "add"):
            raise cls.error(f"only none and add have a gradient, got reduction={reduction!r}")
        return reduction == "none"


class ScatterElementsOp(Scatter, name="scatter_elements"):
    """`y = x`, then `y[..., indices[..., i, ...], ...] = updates[..., i, ...]` along `axis`.

    A reduction combines instead of replacing. Updates of one element are applied in order.

    (C1) `indices` are i32 or i64; (C2) `updates` has the element type of `x`; (C3) `reduction` is
    none, add, mul, max or min, for i1 none; (C4) `axis` is a dimension; (C5) `indices` has the
    shape of `updates`, the rank of `x`, and is no larger than `x` in the other dimensions.
    """

    x: Operand
    indices: Operand
    updates: Operand
    axis: Int = 0
    reduction: Str = "none"
    y: Result
    examples = (
        example((3, 3), _I([[1, 0, 2], [0, -1, 1]]), (2, 3), axis=0),
        example((2, 5), _I([[1, 3]]), (1, 2), axis=1, dtype="f64"),
        example((2, 4), _I([[1, 1, 3], [0, 0, 0]]), (2, 3), axis=-1, reduction="add"),
        example((4,), _I([1, 1, 2], "i4"), (3,), reduction="mul", dtype="i32", gradient=False),
        example((4,), _I([1, 1, 2]), (3,), reduction="max", gradient=False),
        example((4,), _I([1, 1, 2]), (3,), reduction="min", dtype="u8", high=9, gradient=False),
        example((4,), _I([1, 2]), (2,), dtype="i1"),
        example((2, 2), _I([[0, 0]]), (1, 2), dtype="bf16"),
    )

    @classmethod
    def infer(
        cls,
        x: TensorType,
        indices: TensorType,
        updates: TensorType,
        axis: int,
        reduction: str,
    ) -> TensorType:
        """The type of `x`."""
        cls.check(x, indices, updates, reduction)  # C1 C2 C3
        axis = check_axis(cls, axis, x.rank)  # C4
        pairs = [(i, n) for d, (i, n) in enumerate(zip(indices.shape, x.shape)) if d != axis]
        same = indices.shape == updates.shape and indices.rank == x.rank
        if not same or any(i > n for i, n in pairs):  # C5
            got = f"indices {indices}, updates {updates} into {x}"
            raise cls.error(f"indices must have the shape of updates and fit into x, got {got}")
        return x

    @staticmethod
    def reference(
        x: np.ndarray, indices: np.ndarray, updates: np.ndarray, axis: int, reduction: str
    ) -> np.ndarray:
        """Plain indexed assignment by a grid whose `axis` is replaced."""
        y = x.copy()
        grid = [np.asarray(g) for g in np.indices(indices.shape)]
        grid[axis] = wrapped(indices, x.shape[axis])
        _combine(y, tuple(grid), updates, reduction)
        return y

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, None, ir.Value]:
        """`dx = g` (0 where replaced), `dupdates = g[..., indices, ...]`."""
        dx = grad
        if self.replaces(self.reduction):
            zeros = zeros_like(self.updates)
            dx = ty.scatter_elements(grad, self.indices, zeros, axis=self.axis)
        return dx, None, ty.gather_elements(grad, self.indices, axis=self.axis)


class ScatterNdOp(Scatter, name="scatter_nd"):
    """`y = x`, then `y[indices[i..., :], ...] = updates[i..., ...]`.

    A reduction combines instead of replacing. Updates of one element are applied in order.

    (C1) `indices` are i32 or i64; (C2) `updates` has the element type of `x`; (C3) `reduction` is
    none, add, mul, max or min, for i1 none; (C4) the last dimension of `indices` is in 1..rank(x);
    (C5) `updates` has the leading dimensions of `indices`, then what no index consumes of `x`.
    """

    x: Operand
    indices: Operand
    updates: Operand
    reduction: Str = "none"
    y: Result
    examples = (
        example((4,), _I([[1], [3]]), (2,)),
        example((3, 2, 2), _I([[0], [-1]]), (2, 2, 2), dtype="f64"),
        example((2, 3), _I([[[0, 1]], [[1, 2]]], "i4"), (2, 1)),
        example((3, 2), _I([[1], [1]]), (2, 2), reduction="add"),
        example((3, 2), _I([[1], [1]]), (2, 2), reduction="max", dtype="i64", gradient=False),
        example((3,), _I([[2], [0]]), (2,), dtype="f16"),
    )

    @classmethod
    def infer(
        cls, x: TensorType, indices: TensorType, updates: TensorType, reduction: str
    ) -> TensorType:
        """The type of `x`."""
        cls.check(x, indices, updates, reduction)  # C1 C2 C3
        depth = indices.shape[-1] if indices.rank else 0
        if not 1 <= depth <= x.rank:  # C4
            raise cls.error(f"index vectors must have 1..{x.rank} entries, got {indices} into {x}")
        expected = (*indices.shape[:-1], *x.shape[depth:])
        if updates.shape != expected:  # C5
            raise cls.error(f"updates must have shape {list(expected)}, got {updates}")
        return x

    @staticmethod
    def reference(
        x: np.ndarray, indices: np.ndarray, updates: np.ndarray, reduction: str
    ) -> np.ndarray:
        """Plain indexed assignment, one index array a leading dimension."""
        y = x.copy()
        place = [wrapped(indices[..., d], x.shape[d]) for d in range(indices.shape[-1])]
        _combine(y, tuple(place), updates, reduction)
        return y

    def gradient(self, grad: ir.Value) -> tuple[ir.Value, None, ir.Value]:
        """`dx = g` (0 where replaced), `dupdates = g[indices, ...]`."""
        dx = grad
        if self.replaces(self.reduction):
            dx = ty.scatter_nd(grad, self.indices, zeros_like(self.updates))
        return dx, None, ty.gather_nd(grad, self.indices)
