"""Data movement: every element of the result is one element of an operand, or a constant."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ods import Bool, Int, Ints, Op, Operand, Operands, Result, example
from tyc.dialects.types import TensorType


def sum_to(x: ir.Value, shape: Sequence[int]) -> ir.Value:
    """The gradient of a broadcast: `x` summed over what broadcasting `shape` added or stretched."""
    have = type_of(x).shape
    shift = len(have) - len(shape)
    axes = [d for d, n in enumerate(have) if d < shift or (shape[d - shift] == 1 and n != 1)]
    if axes:
        x = ty.reduce_sum(x, axes=axes, keepdims=True)
    return x if type_of(x).shape == tuple(shape) else ty.reshape(x, shape=list(shape))


class ReshapeOp(Op, name="reshape"):
    """The same elements in row-major order in another shape: `y.flat[i] = x.flat[i]`.

    (C1) `shape` holds as many elements as `x`.
    """

    x: Operand
    shape: Ints
    y: Result
    examples = (
        example((2, 3, 4), shape=[6, 4]),
        example((6, 4), shape=[2, 3, 2, 2]),
        example((2, 6), shape=[3, 4]),
        example((1, 1), shape=[]),
        example((), shape=[1, 1], dtype="f64"),
        example((4, 1, 3), shape=[1, 12], dtype="i32"),
        example((2, 3), shape=[3, 2], dtype="i1"),
        example((2, 4), shape=[8], dtype="bf16"),
        example((0, 3), shape=[3, 0, 2]),
    )

    @classmethod
    def infer(cls, x: TensorType, shape: Sequence[int]) -> TensorType:
        """`shape` with the element type of `x`."""
        if math.prod(shape) != x.size or any(s < 0 for s in shape):  # C1
            raise cls.error(f"shape must hold {x.size} elements, got {list(shape)} for {x}")
        return TensorType(tuple(shape), x.dtype)

    @staticmethod
    def reference(x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """`numpy.reshape`."""
        return x.reshape(tuple(shape))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = reshape(g)`."""
        return ty.reshape(grad, shape=list(type_of(self.x).shape))


class TransposeOp(Op, name="transpose"):
    """Permutes dimensions: `y[i[perm[0]], i[perm[1]], ...] = x[i]`.

    (C1) `perm` is a permutation of `0..rank(x)-1`.
    """

    x: Operand
    perm: Ints
    y: Result
    examples = (
        example((2, 3, 4), perm=[2, 0, 1]),
        example((2, 1, 3, 2), perm=[0, 2, 3, 1], dtype="f64"),
        example((3, 5), perm=[1, 0], dtype="u8", high=100),
        example((3, 5), perm=[1, 0], dtype="f16"),
        example((), perm=[]),
    )

    @classmethod
    def infer(cls, x: TensorType, perm: Sequence[int]) -> TensorType:
        """The shape of `x`, permuted."""
        if sorted(perm) != list(range(x.rank)):  # C1
            raise cls.error(f"perm must be a permutation of 0..{x.rank - 1}, got {list(perm)}")
        return TensorType(tuple(x.shape[d] for d in perm), x.dtype)

    @staticmethod
    def reference(x: np.ndarray, perm: Sequence[int]) -> np.ndarray:
        """`numpy.transpose`."""
        return np.transpose(x, tuple(perm))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = transpose(g)` by the inverse permutation."""
        return ty.transpose(grad, perm=[int(d) for d in np.argsort(self.perm)])


class BroadcastToOp(Op, name="broadcast_to"):
    """Repeats along dimensions of size 1 and along new leading ones, as NumPy broadcasts.

    (C1) the shape of `x` broadcasts to `shape`.
    """

    x: Operand
    shape: Ints
    y: Result
    examples = (
        example((3,), shape=[2, 3]),
        example((2, 1, 3), shape=[4, 2, 5, 3]),
        example((), shape=[2, 2], dtype="i64"),
        example((1, 1), shape=[1, 4], dtype="bf16"),
    )

    @classmethod
    def infer(cls, x: TensorType, shape: Sequence[int]) -> TensorType:
        """`shape` with the element type of `x`."""
        tail = tuple(shape)[len(shape) - x.rank :] if len(shape) >= x.rank else None
        if tail is None or any(a != b and a != 1 for a, b in zip(x.shape, tail)):  # C1
            raise cls.error(f"{x} must broadcast to shape {list(shape)}", "align dimensions right")
        return TensorType(tuple(shape), x.dtype)

    @staticmethod
    def reference(x: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """`numpy.broadcast_to`."""
        return np.broadcast_to(x, tuple(shape))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx` = the sum of `g` over the repeated dimensions."""
        return sum_to(grad, type_of(self.x).shape)


class SliceOp(Op, name="slice"):
    """A regular part: `y[i] = x[starts + i * steps]`, `sizes` elements; steps may be negative.

    (C1) `starts`, `sizes` and `steps` have one entry a dimension; (C2) no step is 0;
    (C3) the first and the last index read lie in `x`.
    """

    x: Operand
    starts: Ints
    sizes: Ints
    steps: Ints
    y: Result
    examples = (
        example((5, 6), starts=[1, 0], sizes=[3, 6], steps=[1, 1]),
        example((7, 6), starts=[0, 1], sizes=[3, 2], steps=[3, 2]),
        example((4, 5), starts=[3, 4], sizes=[4, 2], steps=[-1, -2]),
        example((3, 4), starts=[1, 1], sizes=[0, 2], steps=[1, 1], gradient=False),
        example((6,), starts=[2], sizes=[1], steps=[1], dtype="i1"),
        example((6,), starts=[5], sizes=[3], steps=[-2], dtype="bf16"),
    )

    @classmethod
    def infer(
        cls, x: TensorType, starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int]
    ) -> TensorType:
        """`sizes` with the element type of `x`."""
        if not len(starts) == len(sizes) == len(steps) == x.rank:  # C1
            got = f"{len(starts)}, {len(sizes)} and {len(steps)}"
            raise cls.error(f"starts, sizes and steps must have {x.rank} entries, got {got}")
        if 0 in steps:  # C2
            raise cls.error(f"steps must not be 0, got {list(steps)}")
        for d, (n, start, size, step) in enumerate(zip(x.shape, starts, sizes, steps)):
            ends = (start, start + (size - 1) * step)
            if size < 0 or (size > 0 and not all(0 <= e < n for e in ends)):  # C3
                raise cls.error(
                    f"dimension {d} of {x} must hold indices {ends[0]}..{ends[1]}, got size {n}"
                )
        return TensorType(tuple(sizes), x.dtype)

    @staticmethod
    def reference(
        x: np.ndarray, starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int]
    ) -> np.ndarray:
        """`numpy.ix_` of the indices."""
        indices = [b + np.arange(n) * s for b, n, s in zip(starts, sizes, steps)]
        return x[np.ix_(*indices)]

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx` is `g` at the places read and 0 elsewhere."""
        shape = type_of(self.x).shape
        backward = [d for d, step in enumerate(self.steps) if step < 0 and self.sizes[d]]
        if backward:
            grad = ty.reverse(grad, axes=backward)
        spans = [(n - 1) * s if n else 0 for n, s in zip(self.sizes, self.steps)]
        low = [b + min(span, 0) for b, span in zip(self.starts, spans)]
        ends = [b + abs(s) + (1 if n else 0) for b, s, n in zip(low, spans, self.sizes)]
        high = [n - end for n, end in zip(shape, ends)]
        return ty.dilate(grad, factors=[abs(s) for s in self.steps], low=low, high=high)


class ConcatOp(Op, name="concat"):
    """The operands one after another along `axis`.

    (C1) there is at least one operand; (C2) all have one element type; (C3) `axis` is a dimension;
    (C4) the shapes agree everywhere but along `axis`.
    """

    xs: Operands
    axis: Int
    y: Result
    examples = (
        example([(2, 3), (2, 1), (2, 2)], axis=1),
        example([(2, 3), (1, 3)], axis=-2, dtype="i64"),
        example([(2,)], axis=0, dtype="f16"),
        example([(1, 2, 2), (1, 2, 2)], axis=-1, dtype="i1"),
    )

    @classmethod
    def infer(cls, xs: Sequence[TensorType], axis: int) -> TensorType:
        """The shape of the operands with the sum of their sizes at `axis`."""
        got = ", ".join(map(str, xs))
        if not xs:  # C1
            raise cls.error("takes at least one operand, got none")
        first = xs[0]
        if any(x.dtype != first.dtype for x in xs):  # C2
            raise cls.error(f"operands must have one element type, got {got}", "cast them")
        if not -first.rank <= axis < first.rank:  # C3
            raise cls.error(f"axis must be in {-first.rank}..{first.rank - 1}, got {axis}")
        axis %= first.rank
        rest = {x.shape[:axis] + x.shape[axis + 1 :] for x in xs}
        if len(rest) > 1 or any(x.rank != first.rank for x in xs):  # C4
            raise cls.error(f"shapes must agree but for axis {axis}, got {got}")
        total = sum(x.shape[axis] for x in xs)
        return TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)

    @staticmethod
    def reference(xs: Sequence[np.ndarray], axis: int) -> np.ndarray:
        """`numpy.concatenate`."""
        return np.concatenate(xs, axis)

    def gradient(self, grad: ir.Value) -> list[ir.Value]:
        """`dx_k` is the slice of `g` where `x_k` went: one value an operand."""
        grads, start = [], 0
        for x in self.xs:
            shape = list(type_of(x).shape)
            axis = self.axis % len(shape)
            starts = [start if d == axis else 0 for d in range(len(shape))]
            grads.append(ty.slice(grad, starts=starts, sizes=shape, steps=[1] * len(shape)))
            start += shape[axis]
        return grads


class TileOp(Op, name="tile"):
    """The whole repeated `repeats[d]` times along each dimension: `y[i] = x[i % shape(x)]`.

    (C1) `repeats` has one entry >= 0 a dimension.
    """

    x: Operand
    repeats: Ints
    y: Result
    examples = (
        example((2, 3), repeats=[2, 1]),
        example((2, 1, 2), repeats=[1, 3, 2]),
        example((3,), repeats=[2], dtype="i32"),
        example((3,), repeats=[2], dtype="f16"),
    )

    @classmethod
    def infer(cls, x: TensorType, repeats: Sequence[int]) -> TensorType:
        """The shape of `x` times `repeats`."""
        if len(repeats) != x.rank or any(r < 0 for r in repeats):  # C1
            raise cls.error(f"repeats must be {x.rank} counts, got {list(repeats)}")
        return TensorType(tuple(n * r for n, r in zip(x.shape, repeats)), x.dtype)

    @staticmethod
    def reference(x: np.ndarray, repeats: Sequence[int]) -> np.ndarray:
        """`numpy.tile`."""
        return np.tile(x, tuple(repeats))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx` = the sum of `g` over the repetitions."""
        shape = type_of(self.x).shape
        parts = [n for pair in zip(self.repeats, shape) for n in pair]
        split = ty.reshape(grad, shape=parts)
        return ty.reduce_sum(split, axes=list(range(0, len(parts), 2)), keepdims=False)


class ReverseOp(Op, name="reverse"):
    """The other way round along `axes`: `y[..., i, ...] = x[..., n - 1 - i, ...]`.

    (C1) `axes` are different dimensions of `x`.
    """

    x: Operand
    axes: Ints
    y: Result
    examples = (
        example((2, 3), axes=[1]),
        example((2, 3, 2), axes=[0, -1], dtype="i16"),
        example((4,), axes=[0], dtype="bf16"),
    )

    @classmethod
    def infer(cls, x: TensorType, axes: Sequence[int]) -> TensorType:
        """The type of `x`."""
        inside = all(-x.rank <= a < x.rank for a in axes)
        if not inside or len({a % x.rank for a in axes}) != len(axes):  # C1
            raise cls.error(f"axes must be different dimensions of {x}, got {list(axes)}")
        return x

    @staticmethod
    def reference(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        """`numpy.flip`."""
        return np.flip(x, tuple(axes))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = reverse(g)`."""
        return ty.reverse(grad, axes=list(self.axes))


class TriangularOp(Op, name="triangular"):
    """The upper (`j >= i + k`) or lower (`j <= i + k`) triangle of the last two dimensions, else 0.

    (C1) `x` has rank 2 or more.
    """

    x: Operand
    upper: Bool
    k: Int = 0
    y: Result
    examples = (
        example((3, 4), upper=True),
        example((2, 4, 3), upper=False, k=-1),
        example((3, 3), upper=True, k=1, dtype="i64"),
        example((3, 3), upper=False, k=0, dtype="i1"),
        example((3, 3), upper=False, k=1, dtype="f16"),
    )

    @classmethod
    def infer(cls, x: TensorType, upper: bool, k: int) -> TensorType:
        """The type of `x`."""
        if x.rank < 2:  # C1
            raise cls.error(f"x must have rank 2 or more, got {x}")
        return x

    @staticmethod
    def reference(x: np.ndarray, upper: bool, k: int) -> np.ndarray:
        """Zeros where the index is outside of the triangle."""
        i, j = np.indices(x.shape[-2:])
        keep = j >= i + k if upper else j <= i + k
        return np.where(keep, x, np.zeros((), x.dtype))

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = triangular(g)`."""
        return ty.triangular(grad, upper=self.upper, k=self.k)
