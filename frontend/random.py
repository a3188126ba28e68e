"""Random tensors by counting: the same ones in each process until `seed` says otherwise.

The generator is one tensor, i64[2]: a counter and a key. Each draw takes both as its seed and
counts on; a number is a hash of them and of its position (see `tyc.dialects.ty.random`). So a
recorded program may draw: it reads and advances the same tensor, gives other numbers at each call,
and the same bits as the eager functions. Neither threads nor recomputation can change one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tyc.dialects import ty
from tyc.dialects.types import f32
from tyc.dispatch import apply, kernel
from tyc.frames import error
from tyc.state import STATE
from tyc.tensors import DTypeLike, Tensor, Variable, element_type

Sizes = int | tuple[int, ...] | list[int]

# An eager draw is put together from blocks of these sizes, so that two kernels serve all shapes.
_BLOCKS = (1024, 65536)

GENERATOR = Variable(np.array([0, 0], np.int64), name="random")
"""The state of the generator: the next counter, and the key that `seed` made."""


def seed(value: int) -> None:
    """Starts the sequence of random numbers that belongs to `value`; not inside of a trace."""
    if STATE.recorder is not None:
        raise error(
            "the generator cannot be seeded while a program is recorded",
            "call tyc.random.seed outside of the traced function",
        )
    # Neighbouring values get keys that differ in half of their bits.
    key = ty.UniformOp.hashes(np.array([value, 0], np.int64), ())
    GENERATOR.assign(np.array([0, key.astype(np.int64)]))


def next_seed() -> Tensor:
    """The seed of one draw, i64[2]; the generator counts on."""
    if STATE.recorder is not None:
        drawn = GENERATOR.snapshot()
        GENERATOR.assign(drawn + np.array([1, 0]))
        return drawn
    drawn = GENERATOR.array().copy()
    GENERATOR.assign(drawn + np.array([1, 0]))
    return Tensor(drawn)


def get_state() -> Tensor:
    """The generator's state, i64[2]: `set_state` of it repeats what was drawn since."""
    return Tensor(GENERATOR.array().copy())


def set_state(state: Any) -> None:
    """Continues from a state of `get_state`; raises `UserError` unless it is i64[2]."""
    GENERATOR.assign(state)


def uniform(
    shape: Sizes = (), low: float = 0.0, high: float = 1.0, dtype: DTypeLike = "f32"
) -> Tensor:
    """Evenly distributed in `low <= y < high`; 16-bit floats are rounded from f32."""
    return _drawn(ty.UniformOp, shape, {"low": float(low), "high": float(high)}, dtype)


def normal(
    shape: Sizes = (), mean: float = 0.0, std: float = 1.0, dtype: DTypeLike = "f32"
) -> Tensor:
    """Normally distributed around `mean` with standard deviation `std`."""
    return _drawn(ty.NormalOp, shape, {"mean": float(mean), "std": float(std)}, dtype)


def _drawn(op: Any, shape: Sizes, attributes: dict[str, float], dtype: DTypeLike) -> Tensor:
    sizes, kind = _sizes(shape), element_type(dtype)
    if not kind.is_float:
        raise error(f"dtype must be a float, got {kind}")
    wide = f32 if kind.bits == 16 else kind
    drawn = next_seed()
    if STATE.recorder is not None:
        y = apply(op, drawn, shape=sizes, element=wide, **attributes)
        return y if wide == kind else y.astype(kind)
    standard = _standard(op, drawn.array(), math.prod(sizes))
    y = op.scaled(standard, wide, **attributes).reshape(sizes)
    return Tensor(y.astype(kind.numpy, copy=False))


def _standard(op: Any, start: np.ndarray, count: int) -> np.ndarray:
    """The first `count` numbers of a seed in f32, before scale and offset."""
    size = _BLOCKS[0] if count <= _BLOCKS[0] else _BLOCKS[1]
    _, attributes = op.bind([None], {"shape": (size,)})
    parts = []
    for block in range(-(-count // size)):
        # The hash steps by STEP from position to position: so a seed moves on by a block.
        moved = (int(start[0]) + block * size * ty.UniformOp.STEP) % 2**64
        at = np.array([moved, int(start[1]) % 2**64], np.uint64).astype(np.int64)
        parts.append(kernel(op, [at], attributes)[0])
    return np.concatenate(parts)[:count] if parts else np.zeros(0, np.float32)


def _sizes(shape: Sizes) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(not isinstance(n, (int, np.integer)) or n < 0 for n in sizes):
        raise error(f"shape must be integers of 0 or more, got {shape!r}")
    return tuple(int(n) for n in sizes)


def integers(high: int, shape: Sizes = (), low: int = 0, dtype: DTypeLike = "i64") -> Tensor:
    """Evenly distributed integers in `low <= y < high`; drawn at once, not inside of a trace.

    A remainder of 64 random bits: no number is more likely than another by more than
    `(high - low) / 2**64`.
    """
    if high <= low:
        raise error(f"high must be more than low, got {low} and {high}")
    bits = ty.UniformOp.hashes(_eager_seed(), _sizes(shape))
    values = (bits % np.uint64(high - low)).astype(np.int64) + low
    return Tensor(np.asarray(values).astype(element_type(dtype).numpy))


def permutation(count: int) -> Tensor:
    """The i64 numbers `0..count-1` in random order; drawn at once, not inside of a trace."""
    keys = ty.UniformOp.hashes(_eager_seed(), (count,))
    return Tensor(np.argsort(keys, kind="stable").astype(np.int64))


def _eager_seed() -> np.ndarray:
    if STATE.recorder is not None:
        raise error(
            "integers and permutations cannot be drawn while a program is recorded",
            "draw them outside of the traced function and pass them as an argument",
        )
    return next_seed().array()
