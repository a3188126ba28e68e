"""Resampling of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ods import Bool, Float, Floats, Ints, Op, Operand, Result, Str, example
from tyc.dialects.ty.creation import LARGEST_CONSTANT
from tyc.dialects.types import TensorType, accumulator, dtype

MODES = ("nearest", "linear", "cubic")
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
)

_HALF = np.float32(0.5)

_ROUND: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - _HALF),
    "round_prefer_ceil": lambda x: np.floor(x + _HALF),
    "floor": np.floor,
    "ceil": np.ceil,
}


@dataclass(frozen=True)
class Axis:
    """How one dimension of `size` elements is resampled to `output` elements."""

    size: int
    output: int
    scale: float
    mode: str
    coordinates: str
    nearest: str
    cubic_coefficient: float
    exclude_outside: bool

    @property
    def untouched(self) -> bool:
        """True where every element maps to itself."""
        return self.size == self.output and self.scale == 1.0

    @property
    def affine(self) -> tuple[float, float, float, float]:
        """`(before, times, by, after)`: output `i` is at `(i + before) * times / by + after`."""
        if self.coordinates == "align_corners":
            return (0, self.size - 1, self.output - 1, 0) if self.output > 1 else (0, 0, 1, 0)
        if self.coordinates == "asymmetric":
            return 0, 1, self.scale, 0
        if self.coordinates == "tf_half_pixel_for_nn":
            return 0.5, 1, self.scale, 0
        if self.coordinates == "pytorch_half_pixel" and self.output == 1:
            return 0, 0, 1, 0
        if self.coordinates == "half_pixel_symmetric":
            adjustment = self.output / (self.scale * self.size)
            return 0.5, 1, self.scale, self.size / 2 * (1 - adjustment) - 0.5
        return 0.5, 1, self.scale, -0.5

    def places(self) -> np.ndarray:
        """Where each output element lies in the input, in f32 as kernels compute it."""
        before, times, by, after = (np.float32(v) for v in self.affine)
        return (np.arange(self.output, dtype=np.float32) + before) * times / by + after

    def taps(self) -> tuple[np.ndarray, np.ndarray]:
        """The elements that each output element mixes and their weights, `[output, taps]` both."""
        x, last = self.places(), self.size - 1
        if self.mode == "nearest":
            index = np.clip(_ROUND[self.nearest](x), 0, last).astype(int)
            return index[:, None], np.ones((self.output, 1), np.float32)
        if self.mode == "linear":
            x = np.clip(x, 0, np.float32(last))
            first = np.floor(x)
            t = x - first
            index = np.stack([first, np.minimum(first + 1, last)], 1).astype(int)
            return index, np.stack([1 - t, t], 1)
        first = np.floor(x)
        index = (first[:, None] + np.arange(-1, 3)).astype(int)
        weights = cubic_weights(x - first, self.cubic_coefficient)
        if self.exclude_outside:
            weights = np.where((index >= 0) & (index <= last), weights, np.float32(0))
            weights = weights / weights.sum(1, keepdims=True)
        return np.clip(index, 0, last), weights


def cubic_weights(t: np.ndarray, a: float) -> np.ndarray:
    """Keys' kernel: the weights of taps -1, 0, 1, 2 for a place `t` in [0, 1) after tap 0."""
    k = np.float32(a)

    def near(d: np.ndarray) -> np.ndarray:
        return ((k + 2) * d - (k + 3)) * d * d + 1

    def far(d: np.ndarray) -> np.ndarray:
        return ((k * d - 5 * k) * d + 8 * k) * d - 4 * k

    return np.stack([far(t + 1), near(t), near(1 - t), far(2 - t)], 1).astype(np.float32)


class ResizeOp(Op, name="resize"):
    """Resamples each dimension to `sizes` as ONNX Resize does: `y[i] = sum_t w_t * x[place_t(i)]`.

    `scales` are what the coordinate formula divides by (empty: the ratios of the sizes).

    (C1) `sizes` has one positive entry a dimension, and so has `scales` where it is not empty;
    (C2) `mode`, `coordinates` and `nearest` are known words; (C3) modes other than nearest take
    floats; (C4) no dimension of `x` is empty.
    """

    x: Operand
    sizes: Ints
    mode: Str = "nearest"
    coordinates: Str = "half_pixel"
    nearest: Str = "round_prefer_floor"
    scales: Floats = []  # pyright: ignore[reportAssignmentType]
    cubic_coefficient: Float = -0.75
    exclude_outside: Bool = False
    y: Result
    examples = (
        example((1, 2, 2, 3), sizes=[1, 2, 4, 6], coordinates="asymmetric", nearest="floor"),
        example((1, 1, 4, 5), sizes=[1, 1, 3, 7], dtype="u8", high=200),
        example((1, 2, 3, 3), sizes=[1, 2, 6, 5], nearest="round_prefer_ceil"),
        example((1, 1, 5), sizes=[1, 1, 3], nearest="ceil", coordinates="align_corners"),
        example((1, 2, 2, 3), sizes=[1, 2, 4, 6], mode="linear"),
        example(
            (1, 2, 4, 5), sizes=[1, 2, 7, 3], mode="linear", coordinates="align_corners",
            dtype="f64",
        ),
        example((1, 3, 3, 2), sizes=[1, 5, 1, 2], mode="linear", coordinates="pytorch_half_pixel"),
        example(
            (1, 1, 4, 4), sizes=[1, 1, 6, 7], mode="linear", coordinates="half_pixel_symmetric",
            scales=[1.0, 1.0, 1.6, 1.8],
        ),
        example((1, 1, 4, 4), sizes=[1, 1, 7, 6], mode="cubic"),
        example(
            (1, 1, 4, 5), sizes=[1, 1, 3, 9], mode="cubic", coordinates="asymmetric",
            exclude_outside=True, cubic_coefficient=-0.5,
        ),
        example((1, 1, 2, 2, 3), sizes=[1, 1, 3, 4, 5], mode="linear"),
        example((1, 2, 3), sizes=[1, 2, 5], mode="linear", dtype="bf16"),
        example((1, 40), sizes=[1, 70], mode="linear"),
        example((2, 1), sizes=[2, 1]),
    )  # fmt: skip

    @staticmethod
    def axes(shape: Sequence[int], sizes: Sequence[int], options: dict) -> list[Axis]:
        """The rule of each dimension, from the op's attributes."""
        rest = dict(options)
        scales = list(rest.pop("scales")) or [m / n for n, m in zip(shape, sizes)]
        return [Axis(n, m, s, **rest) for n, m, s in zip(shape, sizes, scales)]

    @classmethod
    def infer(cls, x: TensorType, sizes: Sequence[int], **options: object) -> TensorType:
        """`sizes` with the element type of `x`."""
        scales = list(options["scales"])  # pyright: ignore
        if len(sizes) != x.rank or min([1, *sizes]) < 1 or len(scales) not in (0, x.rank):  # C1
            got = f"sizes {list(sizes)}, scales {scales}"
            raise cls.error(f"sizes and scales must have {x.rank} positive entries, got {got}")
        if min([1.0, *scales]) <= 0:  # C1
            raise cls.error(f"scales must be positive, got {scales}")
        for name, known in (("mode", MODES), ("coordinates", COORDINATES), ("nearest", NEAREST)):
            if options[name] not in known:  # C2
                raise cls.error(f"{name} must be one of {', '.join(known)}, got {options[name]!r}")
        if options["mode"] != "nearest" and not x.dtype.is_float:  # C3
            raise cls.error(f"mode {options['mode']} takes floats, got {x}", "cast x")
        if 0 in x.shape:  # C4
            raise cls.error(f"x must not be empty, got {x}")
        return TensorType(tuple(sizes), x.dtype)

    @staticmethod
    def reference(x: np.ndarray, sizes: Sequence[int], **options: object) -> np.ndarray:
        """One dimension after another: a weighted sum of its taps."""
        nearest = options["mode"] == "nearest"
        y = x if nearest else x.astype(accumulator(dtype(x.dtype)).numpy)
        for d, axis in enumerate(ResizeOp.axes(x.shape, sizes, options)):
            if axis.untouched:
                continue
            index, weights = axis.taps()
            if nearest:
                y = np.take(y, index[:, 0], d)
                continue
            along = [-1] + [1] * (x.ndim - 1 - d)
            parts = (np.take(y, i, d) * w.reshape(along) for i, w in zip(index.T, weights.T))
            y = np.asarray(sum(parts)).astype(y.dtype)
        return y.astype(x.dtype)

    def gradient(self, grad: ir.Value) -> ir.Value:
        """`dx` = `g` times the transposed matrix of taps, one dimension after another."""
        x = type_of(self.x)
        names = [f.name for f in self.attribute_fields() if f.name != "sizes"]
        options = {name: getattr(self, name) for name in names}
        for d, axis in enumerate(ResizeOp.axes(x.shape, self.sizes, options)):
            if not axis.untouched:
                grad = _spread_back(grad, d, axis)
        return grad


def _table(values: np.ndarray) -> ir.Value:
    """A column of numbers, put together from constants as small as constants must be."""
    starts = range(0, len(values), LARGEST_CONSTANT)
    parts = [ty.constant(value=values[i : i + LARGEST_CONSTANT]) for i in starts]
    return parts[0] if len(parts) == 1 else ty.concat(parts, axis=0)


def _spread_back(grad: ir.Value, d: int, axis: Axis) -> ir.Value:
    """`dx[..., i, ...] = sum_o matrix[o, i] * g[..., o, ...]` for dimension `d`."""
    t = type_of(grad)
    index, weights = axis.taps()
    shape = [axis.output, axis.size]
    element = t.dtype.numpy
    columns = ty.iota(shape=[1, axis.size], axis=1, element="i64")
    zero = ty.constant(value=np.zeros((), element))
    matrix = None
    for i, w in zip(index.T, weights.T):
        hit = ty.equal(_table(i[:, None].astype(np.int64)), columns)
        part = ty.where(hit, _table(w[:, None].astype(element)), zero)
        matrix = part if matrix is None else ty.add(matrix, part)
    assert matrix is not None and list(type_of(matrix).shape) == shape
    last = t.rank - 1
    perm = [k for k in range(t.rank) if k != d] + [d]
    moved = grad if d == last else ty.transpose(grad, perm=perm)
    inner = type_of(moved).shape[:-1]
    product = ty.matmul(ty.reshape(moved, shape=[t.size // axis.output, axis.output]), matrix)
    product = ty.reshape(product, shape=[*inner, axis.size])
    if d == last:
        return product
    return ty.transpose(product, perm=[int(k) for k in np.argsort(perm)])
