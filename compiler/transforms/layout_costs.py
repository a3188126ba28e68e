"""What an op costs with channels second (NCX) and last (NXC), and what a relayout costs.

Nanoseconds of one thread, from a target's speeds; `channels_last` compares them, so that what both
forms have in common is left out. Vectors run along the pixels of NCX and along the channels of NXC:
what does not fill one is lost. Efficiencies are those of the schedules, measured on a Zen 3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from tyc.compiler.schedules.cost import memory_cycles, nanoseconds
from tyc.compiler.targets import Target
from tyc.dialects import building
from tyc.dialects.types import TensorType

# Shares of the peak, NCX and NXC.
_DENSE = (0.85, 0.9)
_GATHERED = (0.75, 0.9)
_DEPTHWISE = (0.45, 0.7)
_POOL = (0.45, 0.7)
# Pixels of NCX that a stride leaves apart are no vector.
_STRIDED = 0.25
# Of a tile one vector wide: each product takes a load.
_NARROW = 0.85
# A relayout parts ops that would be one kernel.
_UNFUSED = 1.25
# F(4x4, 3x3): products of a tile for each pair of channels, and operations of its transforms for
# each channel (Lavin and Gray 2015).
_TILE, _TILE_PRODUCTS, _TILE_TRANSFORM = 4, 36, 288

_type = building.type_of


def costs_of(op: Any, target: Target) -> tuple[float, float]:
    """What a convolution, a pooling or another op costs as NCX and as NXC; its layout is NCX."""
    rule = _COSTS.get(op.NAME)
    return (0.0, 0.0) if rule is None else rule(op, target)


def relayout(t: TensorType, source: Sequence[int], order: Sequence[int], target: Target) -> float:
    """What it costs to make a tensor kept in the order `source` in another order.

    Each byte is read, and written after its line was fetched; vectors are transposed by
    `log2(lanes)` shuffles of each, as often as blocks of dimensions change places, unless the
    innermost ones stay and fill a vector. Where only dimensions of size 1 move, nothing does.
    """
    before, after = ([d for d in o if t.shape[d] != 1] for o in (source, order))
    if before == after or t.size == 0:
        # A little, so that no view stands where none is needed.
        return 0.0 if tuple(source) == tuple(order) else target.costs.call_nanoseconds
    lanes, run = _lanes(t, target), 1
    while before[-1] == after[-1]:
        run *= t.shape[before.pop()]
        after.pop()
    pairs = set(itertools.pairwise(before))
    turns = len([pair for pair in itertools.pairwise(after) if pair not in pairs])
    turns -= before[0] == after[0]
    shuffles = 0.0 if run >= lanes else max(turns, 1) * t.size / lanes * math.log2(max(lanes, 2))
    cycles = shuffles + memory_cycles(3.0 * t.nbytes, t.nbytes, target)
    return target.costs.call_nanoseconds + _UNFUSED * nanoseconds(cycles, target)


def _filled(count: int, lanes: int) -> float:
    """The share of vectors' elements that are used where `count` lie side by side."""
    return count / (-(-count // lanes) * lanes) if count else 1.0


def _lanes(t: TensorType, target: Target) -> int:
    return max(target.vector_bytes // t.dtype.itemsize, 1)


def _both(
    products: float,
    pixels: int,
    channels: int,
    efficiencies: tuple[float, float],
    like: TensorType,
    moved: float,
    target: Target,
) -> tuple[float, float]:
    """The time of so many products with vectors along pixels and along channels."""
    lanes = _lanes(like, target)
    vectors = products / lanes / target.costs.fma_per_cycle
    least = memory_cycles(moved, moved, target)
    ncx, nxc = (
        nanoseconds(max(vectors / _filled(count, lanes) / share, least), target)
        for count, share in zip((pixels, channels), efficiencies)
    )
    return ncx, nxc


def _moved(op: Any) -> float:
    values = [*op.operation.operands, *op.operation.results]
    return float(sum(_type(v).nbytes for v in values))


def _conv(op: Any, target: Target) -> tuple[float, float]:
    w, y = _type(op.weight), _type(op.y)
    pixels = math.prod(y.shape[2:])
    products = y.shape[0] * pixels * w.size
    channels = w.shape[0] // op.groups
    narrow = _NARROW if channels <= _lanes(y, target) else 1.0
    efficiencies = (_DENSE[0], _DENSE[1] * narrow)
    if op.groups > 1 and w.shape[1] == 1:
        ncx = _DEPTHWISE[0] * (_STRIDED if max(op.strides) > 1 else 1.0)
        channels, efficiencies = w.shape[0], (ncx, _DEPTHWISE[1])
    ncx, nxc = _both(products, pixels, channels, efficiencies, y, _moved(op), target)
    return ncx, min(nxc, _winograd(op, target))


def _winograd(op: Any, target: Target) -> float:
    """The time of a 3x3 convolution of stride 1 by its transforms; infinite for others."""
    w, y = _type(op.weight), _type(op.y)
    plain = op.groups == 1 and set(op.strides) == set(op.dilations) == {1}
    if not plain or w.shape[2:] != (3, 3) or str(y.dtype) != "f32":
        return math.inf
    outer, inner = w.shape[:2]
    tiles = y.shape[0] * math.prod(-(-n // _TILE) for n in y.shape[2:])
    work = tiles * (_TILE_PRODUCTS * outer * inner + _TILE_TRANSFORM * (outer + inner))
    vectors = work / _lanes(y, target) / target.costs.fma_per_cycle
    filters = float(_TILE_PRODUCTS * outer * inner * y.dtype.itemsize)
    return nanoseconds(max(vectors, memory_cycles(filters, filters, target)), target)


def _conv_transpose(op: Any, target: Target) -> tuple[float, float]:
    """A product whose rows are pixels of x and whose columns are channels of y and taps."""
    x, w = _type(op.x), _type(op.weight)
    pixels = math.prod(x.shape[2:])
    products = x.shape[0] * pixels * w.size
    return _both(products, pixels, w.size // w.shape[0], _DENSE, x, _moved(op), target)


def _weight_gradient(op: Any, target: Target) -> tuple[float, float]:
    """Sums over pixels: vectors run along the channels of one operand."""
    w, grad = _type(op.operation.results[0]), _type(op.grad)
    pixels = math.prod(grad.shape[2:])
    products = grad.shape[0] * pixels * w.size
    channels = grad.shape[1] // op.groups
    return _both(products, pixels, channels, _GATHERED, grad, _moved(op), target)


def _pool(op: Any, target: Target) -> tuple[float, float]:
    y = _type(op.operation.results[0])
    taps = y.size * math.prod(op.kernel)
    ncx = _POOL[0] * (_STRIDED if max(op.strides) > 1 else 1.0)
    pixels, channels = math.prod(y.shape[2:]), y.shape[1]
    return _both(taps, pixels, channels, (ncx, _POOL[1]), y, _moved(op), target)


def _pool_gradient(op: Any, target: Target) -> tuple[float, float]:
    """One addition at a time."""
    cycles = float(_type(op.grad).size)
    return nanoseconds(cycles, target), nanoseconds(cycles, target)


def _resize(op: Any, target: Target) -> tuple[float, float]:
    """Pixels of NCX are gathered one by one, those of NXC with all their channels."""
    y = _type(op.operation.results[0])
    if op.mode == "nearest" or y.rank < 3:
        return 0.0, 0.0
    taps = y.size * 2 ** (y.rank - 2)
    vectors = taps / _filled(y.shape[1], _lanes(y, target)) / _lanes(y, target)
    return nanoseconds(taps, target), nanoseconds(vectors, target)


_COSTS: dict[str, Callable[[Any, Target], tuple[float, float]]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "conv_weight_gradient": _weight_gradient,
    **dict.fromkeys(
        ("max_pool", "average_pool", "lp_pool", "max_pool_indices", "max_pool_taps"), _pool
    ),
    **dict.fromkeys(("max_pool_gradient", "max_pool_taps_gradient"), _pool_gradient),
    "resize": _resize,
}
