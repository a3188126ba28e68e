"""Padding around and between elements, and the exchange of space with channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ods import Composite, Float, Int, Ints, Op, Operand, Result, Str, example
from tyc.dialects.types import TensorType

PAD_MODES = ("constant", "edge", "reflect", "wrap")


class PadOp(Op, name="pad"):
    """Adds `low` elements before and `high` after each dimension.

    They hold `value` (constant), the nearest element (edge), the mirror image without the border
    (reflect) or the other side (wrap).

    (C1) `low` and `high` have one entry >= 0 a dimension; (C2) `mode` is one of the four;
    (C3) `reflect` pads by less than the dimension's size, `wrap` by no more, `edge` pads no
    dimension of size 0.
    """

    x: Operand
    low: Ints
    high: Ints
    mode: Str = "constant"
    value: Float = 0.0
    y: Result
    examples = (
        example((2, 3), low=[1, 0], high=[0, 2]),
        example((2, 3), low=[1, 2], high=[2, 1], value=-1.5, dtype="f64"),
        example((3, 2), low=[1, 2], high=[3, 0], mode="edge"),
        example((4, 5), low=[3, 1], high=[0, 4], mode="reflect"),
        example((2, 3), low=[2, 1], high=[1, 3], mode="wrap"),
        example((3,), low=[1], high=[1], value=7, dtype="i32"),
        example((3,), low=[1], high=[1], value=1, dtype="i1"),
        example((2, 3), low=[0, 1], high=[1, 0], value=float("-inf"), dtype="bf16"),
        example((), low=[], high=[]),
    )

    @classmethod
    def infer(
        cls, x: TensorType, low: Sequence[int], high: Sequence[int], mode: str, value: float
    ) -> TensorType:
        """The shape of `x` plus `low` and `high`."""
        if not len(low) == len(high) == x.rank or min([0, *low, *high]) < 0:  # C1
            got = f"low {list(low)}, high {list(high)}"
            raise cls.error(f"low and high must be {x.rank} sizes, got {got}", "crop with slice")
        if mode not in PAD_MODES:  # C2
            raise cls.error(f"mode must be one of {', '.join(PAD_MODES)}, got {mode!r}")
        for d, (n, widest) in enumerate(zip(x.shape, map(max, low, high))):
            limit = {"reflect": n - 1, "wrap": n, "edge": widest if n else 0}.get(mode, widest)
            if widest > max(limit, 0):  # C3
                raise cls.error(f"{mode} must pad dimension {d} of {x} by <= {limit}, got {widest}")
        return TensorType(tuple(map(sum, zip(x.shape, low, high))), x.dtype)

    @staticmethod
    def reference(
        x: np.ndarray, low: Sequence[int], high: Sequence[int], mode: str, value: float
    ) -> np.ndarray:
        """`numpy.pad`."""
        widths = list(zip(low, high))
        if mode == "constant":
            sizes = [b + n + e for n, (b, e) in zip(x.shape, widths)]
            whole = np.full(sizes, value).astype(x.dtype)
            whole[tuple(slice(b, b + n) for n, b in zip(x.shape, low))] = x
            return whole
        return np.pad(x, widths, mode=mode)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx` is the middle of `g`, plus what stands on the copies of each element."""
        for d, n in enumerate(type_of(self.x).shape):
            low, high = self.low[d], self.high[d]
            inner = _part(grad, d, low, n)
            if self.mode != "constant":
                if low:
                    inner = ty.add(inner, self._fold(_part(grad, d, 0, low), d, n, True))
                if high:
                    inner = ty.add(inner, self._fold(_part(grad, d, low + n, high), d, n, False))
            grad = inner
        return grad

    def _fold(self, edge: ir.Value, axis: int, n: int, before: bool) -> ir.Value:
        """The gradient on one edge, moved to where its copies came from, 0 elsewhere."""
        width = type_of(edge).shape[axis]
        if self.mode == "edge":
            edge = ty.reduce_sum(edge, axes=[axis], keepdims=True)
            start = 0 if before else n - 1
        elif self.mode == "reflect":
            edge = ty.reverse(edge, axes=[axis])
            start = 1 if before else n - 1 - width
        else:
            start = n - width if before else 0
        rank, size = type_of(edge).rank, type_of(edge).shape[axis]
        low = [start if d == axis else 0 for d in range(rank)]
        high = [n - start - size if d == axis else 0 for d in range(rank)]
        return ty.pad(edge, low=low, high=high)


def _part(x: ir.Value, axis: int, start: int, size: int) -> ir.Value:
    """`size` elements of `x` from `start` along `axis`."""
    shape = list(type_of(x).shape)
    if start == 0 and size == shape[axis]:
        return x
    starts = [start if d == axis else 0 for d in range(len(shape))]
    shape[axis] = size
    return ty.slice(x, starts=starts, sizes=shape, steps=[1] * len(shape))


class DilateOp(Op, name="dilate"):
    """Spreads elements `factors` apart among zeros: `y[low + i * factors] = x[i]`, else 0.

    The size is `low + (n - 1) * factors + 1 + high` (`low + high` where `n` is 0).

    (C1) `factors`, `low` and `high` have one entry a dimension; (C2) factors are positive and the
    widths not negative.
    """

    x: Operand
    factors: Ints
    low: Ints
    high: Ints
    y: Result
    examples = (
        example((2, 3), factors=[2, 1], low=[0, 1], high=[1, 0]),
        example((2, 1, 3), factors=[3, 2, 2], low=[1, 0, 2], high=[0, 1, 1], dtype="f64"),
        example((3,), factors=[2], low=[0], high=[0], dtype="i32"),
        example((3,), factors=[2], low=[1], high=[0], dtype="bf16"),
        example((2, 2), factors=[1, 1], low=[1, 0], high=[0, 1]),
    )

    @classmethod
    def infer(
        cls, x: TensorType, factors: Sequence[int], low: Sequence[int], high: Sequence[int]
    ) -> TensorType:
        """The shape of `x`, spread and padded."""
        if not len(factors) == len(low) == len(high) == x.rank:  # C1
            got = f"{len(factors)}, {len(low)} and {len(high)}"
            raise cls.error(f"factors, low and high must have {x.rank} entries, got {got}")
        if min([1, *factors]) < 1 or min([0, *low, *high]) < 0:  # C2
            got = f"factors {list(factors)}, low {list(low)}, high {list(high)}"
            raise cls.error(f"factors must be >= 1, low and high >= 0, got {got}")
        spread = [(n - 1) * f + 1 if n else 0 for n, f in zip(x.shape, factors)]
        return TensorType(tuple(map(sum, zip(spread, low, high))), x.dtype)

    @staticmethod
    def reference(
        x: np.ndarray, factors: Sequence[int], low: Sequence[int], high: Sequence[int]
    ) -> np.ndarray:
        """Zeros, and `x` at a regular slice of them."""
        spread = [(n - 1) * f + 1 if n else 0 for n, f in zip(x.shape, factors)]
        y = np.zeros([b + n + e for b, n, e in zip(low, spread, high)], x.dtype)
        y[tuple(slice(b, b + n, f) for b, n, f in zip(low, spread, factors))] = x
        return y

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx = g[low + i * factors]`."""
        sizes = list(type_of(self.x).shape)
        return ty.slice(grad, starts=list(self.low), sizes=sizes, steps=list(self.factors))


class DepthToSpaceOp(Composite, name="depth_to_space"):
    """Moves channels into blocks of pixels: `[N, C * b * b, H, W]` to `[N, C, H * b, W * b]`.

    In `DCR` mode the channels are read as `[b, b, C]`, in `CRD` mode as `[C, b, b]`.

    (C1) `x` has rank 4; (C2) its channels are a multiple of `block * block`; (C3) `mode` is DCR or
    CRD.
    """

    x: Operand
    block: Int
    mode: Str = "DCR"
    y: Result
    examples = (
        example((1, 8, 2, 3), block=2),
        example((2, 8, 1, 2), block=2, mode="CRD", dtype="f64"),
        example((1, 9, 1, 1), block=3, dtype="i8"),
    )

    @staticmethod
    def split(shape: Sequence[int], block: int, mode: str) -> tuple[list[int], list[int]]:
        """The shape with channels split in three, and the permutation of blocks to pixels."""
        n, c, h, w = shape
        if mode == "DCR":
            return [n, block, block, c // block**2, h, w], [0, 3, 4, 1, 5, 2]
        return [n, c // block**2, block, block, h, w], [0, 1, 4, 2, 5, 3]

    @classmethod
    def infer(cls, x: TensorType, block: int, mode: str) -> TensorType:
        """Channels divided by the block's area, pixels multiplied."""
        if x.rank != 4:  # C1
            raise cls.error(f"x must have rank 4, got {x}")
        if block < 1 or x.shape[1] % block**2:  # C2
            raise cls.error(f"channels must be a multiple of block * block, got {x}, block={block}")
        if mode not in ("DCR", "CRD"):  # C3
            raise cls.error(f"mode must be DCR or CRD, got {mode!r}")
        n, c, h, w = x.shape
        return TensorType((n, c // block**2, h * block, w * block), x.dtype)

    @staticmethod
    def expand(x: ir.Value, block: int, mode: str) -> ir.Value:
        """Reshape, transpose, reshape."""
        shape = type_of(x).shape
        parts, perm = DepthToSpaceOp.split(shape, block, mode)
        moved = ty.transpose(ty.reshape(x, shape=parts), perm=perm)
        n, c, h, w = shape
        return ty.reshape(moved, shape=[n, c // block**2, h * block, w * block])

    @staticmethod
    def reference(x: np.ndarray, block: int, mode: str) -> np.ndarray:
        """Reshape, transpose, reshape."""
        parts, perm = DepthToSpaceOp.split(x.shape, block, mode)
        n, c, h, w = x.shape
        return x.reshape(parts).transpose(perm).reshape(n, c // block**2, h * block, w * block)


class SpaceToDepthOp(Composite, name="space_to_depth"):
    """Moves blocks of pixels into channels `[b, b, C]`: the inverse of `depth_to_space` (DCR).

    (C1) `x` has rank 4; (C2) its pixels are a multiple of `block` in both directions.
    """

    x: Operand
    block: Int
    y: Result
    examples = (
        example((1, 2, 4, 6), block=2),
        example((2, 1, 3, 3), block=3, dtype="f16"),
    )

    @classmethod
    def infer(cls, x: TensorType, block: int) -> TensorType:
        """Channels multiplied by the block's area, pixels divided."""
        if x.rank != 4:  # C1
            raise cls.error(f"x must have rank 4, got {x}")
        n, c, h, w = x.shape
        if block < 1 or h % block or w % block:  # C2
            raise cls.error(f"height and width must be multiples of block, got {x}, block={block}")
        return TensorType((n, c * block**2, h // block, w // block), x.dtype)

    @staticmethod
    def expand(x: ir.Value, block: int) -> ir.Value:
        """Reshape, transpose, reshape."""
        n, c, h, w = type_of(x).shape
        split = ty.reshape(x, shape=[n, c, h // block, block, w // block, block])
        moved = ty.transpose(split, perm=[0, 3, 5, 1, 2, 4])
        return ty.reshape(moved, shape=[n, c * block**2, h // block, w // block])

    @staticmethod
    def reference(x: np.ndarray, block: int) -> np.ndarray:
        """Reshape, transpose, reshape."""
        n, c, h, w = x.shape
        split = x.reshape(n, c, h // block, block, w // block, block)
        return split.transpose(0, 3, 5, 1, 2, 4).reshape(n, c * block**2, h // block, w // block)
