"""Dimensions by number, as `axis` and `axes` attributes name them: negative from the end."""

from __future__ import annotations

from collections.abc import Sequence

from tyc.dialects.ods import Op


def normalized(axis: int, rank: int) -> int:
    """The axis counted from the front."""
    return axis % rank if rank else 0


def checked_axis(op: type[Op], axis: int, rank: int) -> int:
    """The axis counted from the front; raises `UserError` where a tensor of `rank` has it not."""
    if not -rank <= axis < rank:
        raise op.error(f"axis must be in {-rank}..{rank - 1}, got {axis}")
    return axis % rank


def checked_axes(op: type[Op], axes: Sequence[int], rank: int) -> list[int]:
    """The axes counted from the front, sorted; raises `UserError` for a wrong or doubled one."""
    found = sorted(a % rank if rank else a for a in axes)
    if any(not -rank <= a < rank for a in axes) or len(set(found)) != len(found):
        raise op.error(f"axes must be different dimensions below {rank}, got {list(axes)}")
    return found


def kept_shape(shape: Sequence[int], axes: Sequence[int], keepdims: bool) -> tuple[int, ...]:
    """The shape without `axes`, or with size 1 there."""
    reduced = {normalized(a, len(shape)) for a in axes}
    if keepdims:
        return tuple(1 if d in reduced else n for d, n in enumerate(shape))
    return tuple(n for d, n in enumerate(shape) if d not in reduced)
