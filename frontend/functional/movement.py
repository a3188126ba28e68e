"""Shapes: reshape, transpose, join, cut, pad, repeat. Any element type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.frames import error
from tyc.functional.arguments import Axis, Sizes, integers, many_axes, one_axis, repeated
from tyc.tensors import Tensor


def reshape(x: TensorLike, shape: Sizes) -> Tensor:
    """The same elements in row-major order in another shape; one size may be -1."""
    value = as_tensor(x)
    sizes = list(integers(shape, "shape"))
    if sizes.count(-1) == 1:
        known = -math.prod(sizes)
        if known and value.size % known == 0:
            sizes[sizes.index(-1)] = value.size // known
    if min(sizes, default=0) < 0 or math.prod(sizes) != value.size:
        raise error(f"shape must hold {value.size} elements, got {sizes} for {value.type}")
    if tuple(sizes) == value.shape:
        return value
    return apply(ty.ReshapeOp, value, shape=tuple(sizes))


def flatten(x: TensorLike, start: int = 0, end: int = -1) -> Tensor:
    """Dimensions `start..end` as one."""
    value = as_tensor(x)
    if not value.ndim:
        return reshape(value, (1,))
    first, last = one_axis(start, value.ndim, "start"), one_axis(end, value.ndim, "end")
    middle = math.prod(value.shape[first : last + 1])
    return reshape(value, (*value.shape[:first], middle, *value.shape[last + 1 :]))


def transpose(x: TensorLike, perm: Sequence[int] | None = None) -> Tensor:
    """`y[i[perm[0]], i[perm[1]], ...] = x[i]`; without `perm` in reverse order."""
    value = as_tensor(x)
    order = tuple(reversed(range(value.ndim))) if perm is None else integers(perm, "perm")
    order = tuple(one_axis(p, value.ndim, "perm") for p in order)
    return apply(ty.TransposeOp, value, perm=order)


permute = transpose


def swapaxes(x: TensorLike, first: int, second: int) -> Tensor:
    """Two dimensions exchanged."""
    value = as_tensor(x)
    order = list(range(value.ndim))
    i, j = one_axis(first, value.ndim, "first"), one_axis(second, value.ndim, "second")
    order[i], order[j] = order[j], order[i]
    return transpose(value, order)


def moveaxis(x: TensorLike, source: int, destination: int) -> Tensor:
    """Dimension `source` put at `destination`, the others in order."""
    value = as_tensor(x)
    start, end = one_axis(source, value.ndim, "source"), one_axis(destination, value.ndim)
    order = [d for d in range(value.ndim) if d != start]
    order.insert(end, start)
    return transpose(value, order)


def squeeze(x: TensorLike, axis: Axis = None) -> Tensor:
    """Dimensions of size 1 taken out: all, or those of `axis`."""
    value = as_tensor(x)
    axes = many_axes(axis, value.ndim)
    for a in axes:
        if axis is not None and value.shape[a] != 1:
            raise error(f"squeeze takes out dimensions of size 1, got axis {a} of {value.type}")
    out = [n for d, n in enumerate(value.shape) if n != 1 or d not in axes]
    return reshape(value, out)


def expand_dims(x: TensorLike, axis: Sizes) -> Tensor:
    """New dimensions of size 1, which are `axis` in the result."""
    value = as_tensor(x)
    rank = value.ndim + len(integers(axis, "axis"))
    axes = many_axes(axis, rank)
    rest = iter(value.shape)
    return reshape(value, [1 if d in axes else next(rest) for d in range(rank)])


unsqueeze = expand_dims


def broadcast_to(x: TensorLike, shape: Sizes) -> Tensor:
    """`x` repeated to a larger shape by NumPy's rules."""
    value, sizes = as_tensor(x), integers(shape, "shape")
    return value if value.shape == sizes else apply(ty.BroadcastToOp, value, shape=sizes)


def concat(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """The tensors one after another along `axis`."""
    values = as_tensors(xs)
    if not values:
        raise error("concat takes one tensor or more, got none")
    return apply(ty.ConcatOp, values, axis=one_axis(axis, values[0].ndim))


concatenate = concat


def stack(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """The tensors side by side along a new dimension `axis`."""
    values = as_tensors(xs)
    if len({v.shape for v in values}) != 1:
        got = ", ".join(str(v.type) for v in values) or "none"
        raise error(f"stack takes tensors of one shape, got {got}")
    return concat([expand_dims(v, axis) for v in values], axis)


def slice(
    x: TensorLike, starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int] | None = None
) -> Tensor:
    """`y[i] = x[starts + i * steps]`, `sizes` elements; steps may be negative."""
    value = as_tensor(x)
    strides = (1,) * value.ndim if steps is None else integers(steps, "steps")
    return apply(
        ty.SliceOp,
        value,
        starts=integers(starts, "starts"),
        sizes=integers(sizes, "sizes"),
        steps=strides,
    )


def narrow(x: TensorLike, axis: int, start: int, size: int) -> Tensor:
    """The part `start..start+size-1` of one dimension."""
    value = as_tensor(x)
    at = one_axis(axis, value.ndim)
    starts = [start if d == at else 0 for d in range(value.ndim)]
    sizes = [size if d == at else n for d, n in enumerate(value.shape)]
    return slice(value, starts, sizes)


def split(x: TensorLike, sections: Sizes, axis: int = 0) -> list[Tensor]:
    """Parts along `axis`: `sections` equal ones, or parts of the sizes in `sections`."""
    value = as_tensor(x)
    at = one_axis(axis, value.ndim)
    total = value.shape[at]
    if isinstance(sections, int):
        if sections < 1 or total % sections:
            raise error(
                f"split makes equal parts, got {sections} parts of {total} elements",
                "give the list of sizes",
            )
        sections = [total // sections] * sections
    sizes = integers(sections, "sections")
    if sum(sizes) != total or min(sizes, default=0) < 0:
        raise error(f"sizes must add up to {total}, got {list(sizes)}")
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [narrow(value, at, start, size) for start, size in zip(starts, sizes)]


def chunk(x: TensorLike, chunks: int, axis: int = 0) -> list[Tensor]:
    """At most `chunks` parts along `axis`, all but the last of one size."""
    value = as_tensor(x)
    total = value.shape[one_axis(axis, value.ndim)]
    size = max(-(-total // chunks), 1)
    sizes = [min(size, total - start) for start in range(0, total, size)]
    return split(value, sizes or [0], axis)


def tile(x: TensorLike, repeats: Sizes) -> Tensor:
    """The whole tensor `repeats[d]` times along each dimension, aligned at the last."""
    value, counts = as_tensor(x), integers(repeats, "repeats")
    if len(counts) > value.ndim:
        value = reshape(value, (1,) * (len(counts) - value.ndim) + value.shape)
    return apply(ty.TileOp, value, repeats=(1,) * (value.ndim - len(counts)) + counts)


def repeat(x: TensorLike, repeats: int, axis: int) -> Tensor:
    """Each element `repeats` times in a row along `axis`."""
    value = as_tensor(x)
    at = one_axis(axis, value.ndim)
    wide = expand_dims(value, at + 1)
    wide = tile(wide, [repeats if d == at + 1 else 1 for d in range(wide.ndim)])
    return flatten(wide, at, at + 1)


def flip(x: TensorLike, axis: Axis = None) -> Tensor:
    """The other way round along `axis`, by default along all dimensions."""
    value = as_tensor(x)
    return apply(ty.ReverseOp, value, axes=many_axes(axis, value.ndim))


def roll(x: TensorLike, shift: int, axis: int) -> Tensor:
    """`y[i] = x[(i - shift) mod n]` along `axis`."""
    value = as_tensor(x)
    at = one_axis(axis, value.ndim)
    total = value.shape[at]
    by = shift % total if total else 0
    if not by:
        return value
    head, tail = split(value, [total - by, by], at)
    return concat([tail, head], at)


def pad(x: TensorLike, padding: Any, mode: str = "constant", value: float = 0.0) -> Tensor:
    """`x` with a border: `padding` is a number, or `(before, after)` for each dimension.

    `mode` is `constant` (filled with `value`), `edge`, `reflect` or `wrap`, as in NumPy. Fewer
    pairs than dimensions belong to the last ones.
    """
    tensor = as_tensor(x)
    if mode not in ("constant", "edge", "reflect", "wrap"):
        raise error(f"mode must be constant, edge, reflect or wrap, got {mode!r}")
    pairs = [(padding, padding)] * tensor.ndim if isinstance(padding, int) else list(padding)
    pairs = [repeated(p, 2, "each entry of padding") for p in pairs]
    if len(pairs) > tensor.ndim or any(n < 0 for p in pairs for n in p):
        raise error(
            f"padding must be up to {tensor.ndim} pairs that are not negative, got {padding!r}"
        )
    pairs = [(0, 0)] * (tensor.ndim - len(pairs)) + pairs
    low, high = (tuple(p[side] for p in pairs) for side in (0, 1))
    return apply(ty.PadOp, tensor, low=low, high=high, mode=mode, value=float(value))


def tril(x: TensorLike, k: int = 0) -> Tensor:
    """The lower triangle `j <= i + k` of the last two dimensions, 0 above."""
    return apply(ty.TriangularOp, x, upper=False, k=k)


def triu(x: TensorLike, k: int = 0) -> Tensor:
    """The upper triangle `j >= i + k` of the last two dimensions, 0 below."""
    return apply(ty.TriangularOp, x, upper=True, k=k)


def pixel_shuffle(x: TensorLike, factor: int) -> Tensor:
    """`[N, C*f*f, H, W] -> [N, C, H*f, W*f]`."""
    return apply(ty.DepthToSpaceOp, x, block=factor, mode="CRD")


def depth_to_space(x: TensorLike, block: int, mode: str = "DCR") -> Tensor:
    """`[N, C*b*b, H, W] -> [N, C, H*b, W*b]`: the block is the outer part of C (`DCR`) or `CRD`."""
    return apply(ty.DepthToSpaceOp, x, block=block, mode=mode)


def space_to_depth(x: TensorLike, block: int) -> Tensor:
    """`[N, C, H*b, W*b] -> [N, b*b*C, H, W]`, the inverse of `depth_to_space`."""
    return apply(ty.SpaceToDepthOp, x, block=block)


def pixel_unshuffle(x: TensorLike, factor: int) -> Tensor:
    """`[N, C, H*f, W*f] -> [N, C*f*f, H, W]`, the inverse of `pixel_shuffle`."""
    value = as_tensor(x)
    if value.ndim != 4 or value.shape[2] % factor or value.shape[3] % factor:
        raise error(f"x must be [N, C, H*{factor}, W*{factor}], got {value.type}")
    n, c, h, w = value.shape
    parts = reshape(value, (n, c, h // factor, factor, w // factor, factor))
    parts = transpose(parts, (0, 1, 3, 5, 2, 4))
    return reshape(parts, (n, c * factor * factor, h // factor, w // factor))
