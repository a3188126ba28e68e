"""Contractions and windows of random programs; `OPS` is the whole table."""

from __future__ import annotations

from typing import Any

import numpy as np
from mlir import ir
from random_ops import OPS, Rng, is_float, rule
from random_programs import MAX_SIZE, Draft

from tyc.dialects import ty
from tyc.dialects.building import type_of

__all__ = ["OPS"]


@rule(times=4)
def _product(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t, u = type_of(x), type_of(y)
    if not is_float(x) or t.rank < 2:
        return None
    turned = bool(rng.integers(2))
    inner = t.shape[-2] if turned else t.shape[-1]
    scale = ty.constant(value=np.array(inner**-0.5, t.dtype.numpy))
    rows = t.shape[-1] if turned else t.shape[-2]
    batch = t.shape[:-2]
    if u.dtype == t.dtype and u.rank >= 2 and inner in u.shape[-2:]:
        other = u.shape[-2] != inner
        if u.shape[:-2] in ((), batch):
            made = ty.matmul(x, y, transpose_a=turned, transpose_b=other)
            return ty.multiply(made, scale) if type_of(made).size <= MAX_SIZE else None
    columns = int(rng.integers(1, 40))
    if int(np.prod(batch)) * rows * columns > MAX_SIZE:
        return None
    other = bool(rng.integers(2))
    shape = (columns, inner) if other else (inner, columns)
    weight = draft.parameter((rng.uniform(-1, 1, shape) * inner**-0.5).astype(t.dtype.numpy))
    made = ty.matmul(x, weight, transpose_a=turned, transpose_b=other)
    if rng.integers(2):
        made = ty.add(made, draft.parameter(rng.uniform(-1, 1, columns).astype(t.dtype.numpy)))
    return made


@rule(times=3)
def _convolution(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.dtype.name not in ("f32", "f64") or t.rank not in (3, 4) or t.size > MAX_SIZE // 4:
        return None
    rank, channels = t.rank - 2, t.shape[1]
    groups = int(rng.choice([g for g in range(1, channels + 1) if channels % g == 0]))
    outputs = groups * int(rng.integers(1, 6))
    kernel = [int(rng.integers(1, 4)) for _ in range(rank)]
    strides = [int(rng.integers(1, 3)) for _ in range(rank)]
    dilations = [int(rng.integers(1, 3)) for _ in range(rank)]
    begin = [int(rng.integers(k * d)) for k, d in zip(kernel, dilations)]
    end = [int(rng.integers(k * d)) for k, d in zip(kernel, dilations)]
    for s, k, d, b, e in zip(t.shape[2:], kernel, dilations, begin, end):
        if s + b + e < (k - 1) * d + 1:
            return None
    shape = (outputs, channels // groups, *kernel)
    bound = float(np.prod(shape[1:])) ** -0.5
    weight = draft.parameter(rng.uniform(-bound, bound, shape).astype(t.dtype.numpy))
    bias = None
    if rng.integers(2):
        bias = draft.parameter(rng.uniform(-1, 1, outputs).astype(t.dtype.numpy))
    made = ty.conv(
        x, weight, bias, strides=strides, padding=[*begin, *end], dilations=dilations,
        groups=groups,
    )  # fmt: skip
    return made if type_of(made).size <= MAX_SIZE else None


@rule(times=2)
def _pooling(draft: Draft, rng: Rng, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    t = type_of(x)
    if t.dtype.name not in ("f32", "f64") or t.rank not in (3, 4):
        return None
    rank = t.rank - 2
    kernel = [min(int(rng.integers(1, 4)), s) for s in t.shape[2:]]
    strides = [int(rng.integers(1, 3)) for _ in range(rank)]
    padding = [*[int(rng.integers(k)) // 2 for k in kernel] * 2]
    if rng.integers(2):
        return ty.max_pool(x, kernel=kernel, strides=strides, padding=padding, dilations=[1] * rank)
    return ty.average_pool(
        x, kernel=kernel, strides=strides, padding=padding, dilations=[1] * rank,
        count_include_pad=bool(rng.integers(2)),
    )  # fmt: skip
