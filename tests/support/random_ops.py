"""The ops that random programs are made of: each rule builds one or says that it does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from mlir import ir
from random_programs import MAX_SIZE, Draft

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.types import TensorType

Rng = np.random.Generator


@dataclass(frozen=True)
class Rule:
    """`build(draft, rng, x, y, z)` gives values or `None`. `jumps`: a small change of the operand
    may change the result much. `certain`: every correct compilation gives the same bits."""

    build: Callable[..., Any]
    jumps: bool = False
    certain: bool = False


OPS: list[Rule] = []


def rule(jumps: bool = False, certain: bool = False, times: int = 1) -> Callable:
    """Adds a function to the table, so many times."""

    def add(build: Callable) -> Callable:
        OPS.extend([Rule(build, jumps, certain)] * times)
        return build

    return add


def is_float(*values: ir.Value) -> bool:
    """Whether all are of floating-point types."""
    return all(type_of(v).dtype.is_float for v in values)


def _integer(*values: ir.Value) -> bool:
    return all(not type_of(v).dtype.is_float and type_of(v).dtype.name != "i1" for v in values)


def _bounded(x: ir.Value) -> ir.Value:
    return ty.clip(x, low=-4.0, high=4.0)


def _fit(rng: Rng, x: ir.Value, y: ir.Value) -> ir.Value | None:
    """`y`, or a part of it, or a constant, that broadcasts with `x` and has its type."""
    a, b = type_of(x), type_of(y)
    if a.dtype == b.dtype:
        try:
            size = int(np.prod(np.broadcast_shapes(a.shape, b.shape)))
        except ValueError:
            size = MAX_SIZE + 1
        if size <= MAX_SIZE:
            return y
    if a.dtype.name == "i1":
        return None
    value = np.array(rng.integers(-3, 4)).astype(a.dtype.numpy)
    if rng.integers(2):
        return ty.constant(value=value)
    shape = [s if rng.integers(2) else 1 for s in a.shape]
    return ty.full(shape=shape, value=float(value), element=a.dtype)


@rule(certain=True)
def _same_bits(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, _: ir.Value) -> Any:
    if type_of(x).dtype.name == "i1":
        return ty.logical_not(x)
    unary = [ty.absolute, ty.negative, *([ty.relu] if is_float(x) else [])]
    return unary[rng.integers(len(unary))](x)


@rule(certain=True)
def _extremes(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, _: ir.Value) -> Any:
    other = None if type_of(x).dtype.name == "i1" else _fit(rng, x, y)
    if other is None:
        return None
    return [ty.maximum, ty.minimum][rng.integers(2)](x, other)


@rule(times=2)
def _arithmetic(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, _: ir.Value) -> Any:
    other = None if type_of(x).dtype.name == "i1" else _fit(rng, x, y)
    if other is None:
        return None
    choice = rng.integers(4)
    if choice < 2:
        return [ty.add, ty.subtract][choice](x, other)
    if is_float(x) and choice == 3:
        return ty.divide(x, ty.add(ty.absolute(other), ty.constant(value=_one(x))))
    product = ty.multiply(x, other)
    return _bounded(product) if is_float(x) else product


def _one(x: ir.Value) -> np.ndarray:
    return np.array(1, type_of(x).dtype.numpy)


@rule(times=2)
def _smooth(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, _: ir.Value) -> Any:
    if not is_float(x):
        return None
    functions = [ty.tanh, ty.sigmoid, ty.erf, ty.sin, ty.cos, ty.atan, ty.gelu, ty.silu,
                 ty.softplus, ty.elu, ty.hard_swish, ty.leaky_relu]  # fmt: skip
    return functions[rng.integers(len(functions))](x)


@rule()
def _domains(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, _: ir.Value) -> Any:
    if not is_float(x):
        return None
    positive = ty.add(ty.absolute(x), ty.constant(value=_one(x)))
    functions = [ty.sqrt, ty.rsqrt, ty.log, ty.reciprocal]
    if rng.integers(5) == 0:
        return ty.exp(_bounded(x))
    return functions[rng.integers(4)](positive)


@rule(jumps=True, certain=True)
def _comparison(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    if type_of(x).dtype.name == "i1":
        return None
    value = ty.constant(value=np.array(rng.integers(-1, 2)).astype(type_of(x).dtype.numpy))
    return [ty.less, ty.greater_equal, ty.equal, ty.not_equal][rng.integers(4)](x, value)


@rule(jumps=True, certain=True)
def _rounding(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    if not is_float(x):
        return None
    return [ty.floor, ty.ceil, ty.round, ty.truncate, ty.sign][rng.integers(5)](x)


@rule(certain=True)
def _choice(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    if type_of(x).dtype.name != "i1":
        return None
    other = _fit(rng, y, z)
    if other is None:
        return None
    try:
        shapes = [type_of(v).shape for v in (x, y, other)]
        if int(np.prod(np.broadcast_shapes(*shapes))) > MAX_SIZE:
            return None
    except ValueError:
        return None
    return ty.where(x, y, other)


@rule(jumps=True, certain=True)
def _conversion(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    wanted = ["f32", "i32", "f64", "i64", "u8"][rng.integers(5)]
    if wanted == "u8":
        x = ty.absolute(x) if type_of(x).dtype.name != "i1" else x
        if _integer(x):
            x = ty.bitwise_and(x, ty.constant(value=np.array(127, type_of(x).dtype.numpy)))
    return ty.cast(x, to=wanted)


@rule(certain=True)
def _bits(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    if not _integer(x):
        return None
    other = _fit(rng, x, y)
    return [ty.bitwise_and, ty.bitwise_or, ty.bitwise_xor][rng.integers(3)](x, other)


def _axes(rng: Rng, rank: int) -> list[int]:
    return [a for a in range(rank) if rng.integers(2)]


@rule(times=2)
def _reduction(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.dtype.name in ("i1", "u8") or t.rank == 0:
        return None
    keep = bool(rng.integers(2))
    axes = _axes(rng, t.rank) or [int(rng.integers(t.rank))]
    functions = [ty.reduce_max, ty.reduce_min, ty.reduce_sum]
    functions += [ty.reduce_mean, ty.reduce_l2, ty.reduce_log_sum_exp] if is_float(x) else []
    made = functions[rng.integers(len(functions))](x, axes=axes, keepdims=keep)
    return _bounded(made) if is_float(x) else made


@rule(jumps=True, certain=True)
def _position(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.dtype.name == "i1" or t.rank == 0:
        return None
    function = [ty.argmax, ty.argmin][rng.integers(2)]
    return function(x, axis=int(rng.integers(t.rank)), keepdims=bool(rng.integers(2)))


@rule(times=3)
def _rows(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if not is_float(x) or t.rank == 0:
        return None
    axis = int(rng.integers(t.rank))
    choice = rng.integers(4)
    if choice == 0:
        return ty.softmax(x, axis=axis)
    if choice == 1:
        return ty.log_softmax(x, axis=axis)
    if choice == 2:
        return ty.cumulative_sum(ty.tanh(x), axis=axis, reverse=bool(rng.integers(2)))
    scale = None
    if rng.integers(2):
        shape = t.shape[axis:]
        scale = draft.parameter(rng.uniform(0.5, 1, shape).astype(t.dtype.numpy))
    return ty.layer_norm(x, scale, axis=axis, epsilon=0.1)


@rule(certain=True)
def _order(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    perm = [int(a) for a in rng.permutation(t.rank)]
    if t.rank == 0 or rng.integers(4) == 0:
        return ty.reverse(x, axes=_axes(rng, t.rank))
    return ty.transpose(x, perm=perm)


@rule(certain=True)
def _view(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    shape = list(t.shape)
    if shape and rng.integers(2):
        at = int(rng.integers(len(shape)))
        shape[at : at + 2] = [int(np.prod(shape[at : at + 2]))]
    elif len(shape) < 5:
        shape.insert(int(rng.integers(len(shape) + 1)), 1)
    return ty.reshape(x, shape=shape)


@rule(certain=True)
def _part(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.rank == 0 or t.size == 0:
        return None
    starts, sizes, steps = [], [], []
    for size in t.shape:
        step = int(rng.choice([1, 1, 1, 2, -1]))
        length = int(rng.integers(1, (size - 1) // abs(step) + 2))
        reach = (length - 1) * abs(step)
        low = int(rng.integers(size - reach))
        starts.append(low + reach if step < 0 else low)
        sizes.append(length)
        steps.append(step)
    return ty.slice(x, starts=starts, sizes=sizes, steps=steps)


@rule(certain=True)
def _border(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.rank == 0 or t.dtype.name == "i1" or t.size > MAX_SIZE // 4:
        return None
    mode = ["constant", "edge", "reflect", "wrap"][rng.integers(4)]
    low = [min(int(rng.integers(3)), s - 1) for s in t.shape]
    high = [min(int(rng.integers(3)), s - 1) for s in t.shape]
    return ty.pad(x, low=low, high=high, mode=mode, value=float(rng.integers(3)))


@rule(certain=True)
def _together(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.rank == 0 or t.size > MAX_SIZE // 3:
        return None
    axis = int(rng.integers(t.rank))
    parts = [x]
    for v in (y, z):
        u = type_of(v)
        same = u.rank == t.rank and u.dtype == t.dtype
        if same and all(a == b or i == axis for i, (a, b) in enumerate(zip(u.shape, t.shape))):
            parts.append(v)
    if len(parts) == 1:
        parts.append(x)
    return ty.concat(parts, axis=axis)


@rule(certain=True)
def _repeated(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.size > MAX_SIZE // 8 or t.rank > 3:
        return None
    if rng.integers(2):
        return ty.tile(x, repeats=[int(rng.integers(1, 3)) for _ in t.shape])
    shape = [int(rng.integers(1, 5)), *[s if s > 1 else int(rng.integers(1, 4)) for s in t.shape]]
    return ty.broadcast_to(x, shape=shape) if np.prod(shape) <= MAX_SIZE else None


@rule(certain=True)
def _lookup(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.rank == 0 or t.size > MAX_SIZE // 8:
        return None
    axis = int(rng.integers(t.rank))
    indices = _indices(draft, rng, t.shape[axis], y)
    if rng.integers(3) == 0:
        shape = list(t.shape)
        shape[axis] = int(rng.integers(1, 5))
        chosen = rng.integers(0, t.shape[axis], shape)
        return ty.gather_elements(x, draft.parameter(chosen), axis=axis)
    if type_of(indices).rank + t.rank > 6 or type_of(indices).size * t.size > MAX_SIZE * 2:
        return None
    return ty.gather(x, indices, axis=axis)


def _indices(draft: Draft, rng: Rng, size: int, y: ir.Value) -> ir.Value:
    u = type_of(y)
    if u.dtype.name in ("i32", "i64") and u.size <= 50:
        return ty.remainder(y, ty.constant(value=np.array(size, u.dtype.numpy)))
    shape = [int(rng.integers(1, 6)) for _ in range(rng.integers(3))]
    return draft.parameter(np.asarray(rng.integers(0, size, shape), np.int64))


@rule(certain=True)
def _scattered(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.rank == 0 or t.dtype.name in ("i1", "u8"):
        return None
    axis = int(rng.integers(t.rank))
    shape = list(t.shape)
    shape[axis] = int(rng.integers(1, shape[axis] + 1))
    # Different positions in each line: the result does not depend on the order of writes.
    chosen = rng.permuted(np.broadcast_to(_line(t, axis), t.shape), axis=axis)
    chosen = np.ascontiguousarray(np.take(chosen, range(shape[axis]), axis=axis))
    updates = ty.full(shape=shape, value=2.0, element=t.dtype)
    if rng.integers(2):
        updates = draft.parameter(rng.integers(-2, 3, shape).astype(t.dtype.numpy))
    base = x if rng.integers(2) else ty.full(shape=list(t.shape), value=1.0, element=t.dtype)
    reduction = ["none", "max", "min"][rng.integers(3)]
    return ty.scatter_elements(
        base, draft.parameter(chosen), updates, axis=axis, reduction=reduction
    )


def _line(t: TensorType, axis: int) -> np.ndarray:
    return np.arange(t.shape[axis]).reshape([-1 if i == axis else 1 for i in range(t.rank)])


@rule(jumps=True, certain=True)
def _largest(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.rank == 0 or t.dtype.name in ("i1", "u8"):
        return None
    axis = int(rng.integers(t.rank))
    k = int(rng.integers(1, t.shape[axis] + 1))
    return list(ty.top_k(x, k=k, axis=axis, largest=bool(rng.integers(2))))
