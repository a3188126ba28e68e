"""Random kernels of elementwise, reducing and moving ops compute what the interpreter does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loop_kernels import check
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of

SEEDS = range(24)
SIZES = [1, 2, 3, 5, 7, 8, 9, 16, 17, 33]


class Grower:
    """Grows a kernel op by op; every value stays within a few units of zero."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.values: list[ir.Value] = []

    def pick(self, of: list[Any]) -> Any:
        return of[int(self.rng.integers(len(of)))]

    def shape(self) -> tuple[int, ...]:
        return tuple(self.pick(SIZES) for _ in range(int(self.rng.integers(1, 4))))

    def grow(self, *inputs: ir.Value) -> list[ir.Value]:
        self.values = list(inputs)
        for _ in range(int(self.rng.integers(2, 9))):
            x = self.pick(self.values)
            rules = [self.unary, self.binary, self.reduce, self.rows, self.move]
            self.values.append(self.pick(rules)(x))
        made = self.values[len(inputs) :]
        count = min(int(self.rng.integers(1, 4)), len(made))
        return list(dict.fromkeys([made[-1], *(self.pick(made) for _ in range(count - 1))]))

    def unary(self, x: ir.Value) -> ir.Value:
        return self.pick([ty.tanh, ty.sigmoid, ty.relu, ty.negative, ty.absolute, ty.gelu])(x)

    def binary(self, x: ir.Value) -> ir.Value:
        shape = type_of(x).shape
        alike = [v for v in self.values if _broadcasts(type_of(v).shape, shape)]
        y = self.pick(alike)
        return ty.tanh(self.pick([ty.add, ty.subtract, ty.multiply, ty.maximum])(x, y))

    def reduce(self, x: ir.Value) -> ir.Value:
        rank = type_of(x).rank
        axes = [d for d in range(rank) if self.rng.random() < 0.5]
        keep = bool(self.rng.integers(2)) or len(axes) == rank
        return self.pick([ty.reduce_mean, ty.reduce_max])(x, axes=axes, keepdims=keep)

    def rows(self, x: ir.Value) -> ir.Value:
        axis = int(self.rng.integers(type_of(x).rank))
        return ty.softmax(x, axis=axis)

    def move(self, x: ir.Value) -> ir.Value:
        t = type_of(x)
        kind = int(self.rng.integers(5))
        if kind == 0:
            return ty.transpose(x, perm=[int(d) for d in self.rng.permutation(t.rank)])
        if kind == 1:
            low = [int(n) for n in self.rng.integers(0, 3, t.rank)]
            return ty.pad(x, low=low, high=low[::-1], value=0.5)
        if kind == 2:
            return ty.reverse(x, axes=[int(self.rng.integers(t.rank))])
        if kind == 3:
            return ty.concat([x, x], axis=int(self.rng.integers(t.rank)))
        starts = [int(self.rng.integers((n + 1) // 2)) for n in t.shape]
        sizes = [max((n - s) // 2, 1) for n, s in zip(t.shape, starts)]
        steps = [2 if (n - s) >= 2 * k else 1 for n, s, k in zip(t.shape, starts, sizes)]
        return ty.slice(x, starts=starts, sizes=sizes, steps=steps)


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_random_kernel(seed: int) -> None:
    grower = Grower(seed)
    shape = grower.shape()
    other = tuple(1 if grower.rng.random() < 0.4 else n for n in shape)
    check(grower.grow, shape, other[int(grower.rng.integers(len(shape))) :], tolerance=1e-4)
