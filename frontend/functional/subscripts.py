"""`x[index]`: NumPy's basic indexing as slices, integer arrays as gathers.

x[1], x[-2:], x[::2, None], x[..., 0]     slice, then reshape
x[rows], x[:, columns]                    gather
x[rows, columns]                          gather_nd
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.frames import error
from tyc.functional import movement
from tyc.tensors import Tensor


def get_item(x: TensorLike, index: Any) -> Tensor:
    """`x[index]` for integers, slices, None, `...` and integer arrays or tensors."""
    value = as_tensor(x)
    items, together = _expanded(index if isinstance(index, tuple) else (index,), value)
    starts, sizes, steps = [], [], []
    dims = iter(value.shape)
    for item in items:
        if item is not None:
            start, size, step = _range(item, next(dims), len(starts), value)
            starts.append(start)
            sizes.append(size)
            steps.append(step)
    part = value
    if tuple(sizes) != value.shape or any(starts) or set(steps) - {1}:
        part = movement.slice(value, starts, sizes, steps)
    kept = iter(sizes)
    shape = [1 if i is None else next(kept) if not _is_integer(i) else _drop(kept) for i in items]
    part = movement.reshape(part, [n for n in shape if n is not None])
    places = [i for i, item in enumerate(i for i in items if not _is_integer(i)) if _is_array(item)]
    indices = [i for i in items if _is_array(i)]
    return _gathered(part, places, indices, together) if places else part


def _drop(kept: Any) -> None:
    next(kept)


def _is_integer(item: Any) -> bool:
    return isinstance(item, (int, np.integer))


def _is_array(item: Any) -> bool:
    return isinstance(item, Tensor)


def _expanded(items: tuple[Any, ...], x: Tensor) -> tuple[list[Any], bool]:
    """One item for each dimension of `x`, and the Nones; arrays as tensors.

    And whether all arrays are neighbours; even a `...` that stands for nothing parts them.
    """
    prepared = [_prepared(i) for i in items]
    if any(_is_array(i) for i in prepared):
        # Beside an array NumPy counts an integer as one.
        prepared = [as_tensor(np.asarray(i)) if _is_integer(i) else i for i in prepared]
    used = sum(i is not None and i is not Ellipsis for i in prepared)
    if used > x.ndim:
        raise error(f"{x.type} takes at most {x.ndim} indices, got {used}")
    dots = [n for n, i in enumerate(prepared) if i is Ellipsis]
    if len(dots) > 1:
        raise error("an index has at most one '...', got more")
    at = dots[0] if dots else len(prepared)
    rest = [slice(None)] * (x.ndim - used)
    arrays = [n for n, i in enumerate(prepared) if _is_array(i)]
    together = not arrays or arrays[-1] - arrays[0] == len(arrays) - 1
    return [*prepared[:at], *rest, *prepared[at + 1 :]], together


def _prepared(item: Any) -> Any:
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if _is_integer(item) and not isinstance(item, bool):
        return item
    if isinstance(item, list):
        item = np.asarray(item)
    if not isinstance(item, (Tensor, np.ndarray)):
        raise error(f"an index is integers, slices, None or '...', got {type(item).__name__}")
    found = as_tensor(item)
    if found.dtype.kind == "bool":
        raise error(
            "a mask cannot be an index, for the size of the result would depend on values",
            "choose with tyc.functional.where",
        )
    if not found.dtype.is_integer:
        raise error(f"an index must be of integers, got {found.type}")
    return found


def _range(item: Any, size: int, dim: int, x: Tensor) -> tuple[int, int, int]:
    """Start, count and step of one dimension."""
    if isinstance(item, slice):
        try:
            start, stop, step = item.indices(size)
        except (TypeError, ValueError):
            rule = "slice must be of integers with a step that is not 0"
            raise error(f"{rule}, got {item}") from None
        count = len(range(start, stop, step))
        return (start if count else 0), count, step if count else 1
    if _is_array(item):
        return 0, size, 1
    position = operator.index(item)
    if not -size <= position < size:
        where = f"dimension {dim} of {x.type}"
        raise error(f"index must be in {-size}..{size - 1} for {where}, got {position}")
    return position % size, 1, 1


def _gathered(x: Tensor, places: list[int], indices: list[Tensor], together: bool) -> Tensor:
    """NumPy's rule for index arrays at dimensions `places`: they broadcast together.

    Their common dimensions stand in their place, or first unless they are neighbours.
    """
    from tyc.functional.indexing import indices_of, take

    if len(places) == 1:
        return take(x, indices[0], places[0])
    checked = [indices_of(i, x.shape[p]) for i, p in zip(indices, places)]
    try:
        common = np.broadcast_shapes(*(i.shape for i in checked))
    except ValueError:
        got = ", ".join(str(i.type) for i in checked)
        raise error(f"index arrays must broadcast, got {got}") from None
    rest = [d for d in range(x.ndim) if d not in places]
    moved = movement.transpose(x, [*places, *rest])
    columns = [movement.broadcast_to(i.astype("i64"), common) for i in checked]
    picked = apply(ty.GatherNdOp, moved, movement.stack(columns, -1), batch_dims=0)
    return _restored(picked, len(common), places[0]) if together else picked


def _restored(x: Tensor, count: int, place: int) -> Tensor:
    """The first `count` dimensions put at `place`, where neighbouring index arrays stood."""
    order = [*range(count, count + place), *range(count), *range(count + place, x.ndim)]
    return x if order == sorted(order) else movement.transpose(x, order)


def set_item(x: TensorLike, index: Sequence[int], value: TensorLike) -> Tensor:
    """`x` with the element or the subtensor at the integers `index` replaced by `value`."""
    target, new = as_tensors((x, value))
    position = np.asarray(index, np.int64).reshape(-1)
    return apply(
        ty.ScatterNdOp,
        target,
        position,
        movement.broadcast_to(new, target.shape[len(position) :]),
        reduction="none",
    )
