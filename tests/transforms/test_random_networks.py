"""Random networks of convolutions and all that has no order of its own: same outputs, few moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import check, names, program, random_inputs

from tyc.compiler.pipeline import compile_program
from tyc.compiler.transforms.dce import dce
from tyc.compiler.transforms.simplify import simplify
from tyc.dialects import interpreter, ty
from tyc.dialects.building import type_of
from tyc.runtime import load


class Network:
    """Grows a network op by op, as numbers of one seed say."""

    def __init__(self, seed: int, x: Any) -> None:
        self.rng = np.random.default_rng(seed)
        self.values = [x]

    def grow(self, steps: int) -> list[Any]:
        """The last values of a network of so many ops."""
        choices = [getattr(self, n) for n in sorted(dir(self)) if n.startswith("add_")]
        for _ in range(steps):
            grown = choices[self.rng.integers(len(choices))](self.pick())
            if grown is not None:
                self.values.append(grown)
        return self.values[-3:]

    def pick(self) -> Any:
        """One of the latest values, often the last."""
        back = int(self.rng.integers(1, 4))
        return self.values[-min(back, len(self.values))]

    def shape(self, x: Any) -> list[int]:
        return list(type_of(x).shape)

    def weight(self, *shape: int) -> Any:
        values = self.rng.uniform(-0.7, 0.7, shape).astype(np.float32)
        if values.size <= 64:
            return ty.constant(value=values)
        # Columns that repeat: a constant in the IR is small.
        rows, columns = -(-values.size // 61), 61
        many = ty.concat([ty.constant(value=values.reshape(-1)[:columns])] * rows, axis=0)
        part = ty.slice(many, starts=[0], sizes=[values.size], steps=[1])
        return ty.reshape(part, shape=shape)

    def add_conv(self, x: Any) -> Any:
        _, c, h, w = self.shape(x)
        groups = c if self.rng.integers(3) == 0 else 1
        k = int(self.rng.integers(1, 4))
        if h + 2 < k or w + 1 < k:
            return None
        outputs = c if groups > 1 else int(self.rng.integers(1, 6))
        bias = self.weight(outputs) if self.rng.integers(2) else None
        stride = int(self.rng.integers(1, 3))
        return ty.conv(
            x, self.weight(outputs, c // groups, k, k), bias, strides=[stride, 1],
            padding=[1, 1, 1, 0], dilations=[1, 1], groups=groups,
        )  # fmt: skip

    def add_batch_norm(self, x: Any) -> Any:
        c = self.shape(x)[1]
        positive = ty.constant(value=self.rng.uniform(0.5, 2, c).astype(np.float32))
        return ty.batch_norm(x, *(self.weight(c) for _ in range(3)), positive)

    def add_activation(self, x: Any) -> Any:
        name = self.rng.choice(["relu", "sigmoid", "hard_swish", "tanh", "negative"])
        return getattr(ty, name)(x)

    def add_silu(self, x: Any) -> Any:
        return ty.multiply(ty.sigmoid(x), x)

    def add_channel_constant(self, x: Any) -> Any:
        c = self.shape(x)[1]
        op = getattr(ty, self.rng.choice(["add", "multiply", "subtract", "divide"]))
        factor = self.rng.uniform(0.5, 2, (c, 1, 1)).astype(np.float32)
        return op(x, ty.constant(value=factor))

    def add_excite(self, x: Any) -> Any:
        mean = ty.reduce_mean(x, axes=[2, 3], keepdims=True)
        return ty.multiply(x, ty.hard_sigmoid(mean))

    def add_pool(self, x: Any) -> Any:
        if min(self.shape(x)[2:]) < 2:
            return None
        name = self.rng.choice(["max_pool", "average_pool"])
        return getattr(ty, name)(
            x, kernel=[2, 2], strides=[1, 2], padding=[0, 1, 1, 0], dilations=[1, 1]
        )

    def add_sum(self, x: Any) -> Any:
        same = [v for v in self.values if type_of(v) == type_of(x)]
        return ty.add(x, same[self.rng.integers(len(same))])

    def add_concat(self, x: Any) -> Any:
        _, _, h, w = self.shape(x)
        fits = [v for v in self.values if self.shape(v)[2:] == [h, w]]
        other = fits[self.rng.integers(len(fits))]
        if self.shape(x)[1] > 20:
            return None
        return ty.concat([x, other], axis=int(self.rng.choice([1, -3])))

    def add_slice(self, x: Any) -> Any:
        sizes = self.shape(x)
        d = int(self.rng.integers(1, 4))
        starts = [0] * 4
        starts[d] = int(self.rng.integers(sizes[d]))
        sizes[d] = int(self.rng.integers(1, sizes[d] - starts[d] + 1))
        return ty.slice(x, starts=starts, sizes=sizes, steps=[1] * 4)

    def add_pad(self, x: Any) -> Any:
        value = float(self.rng.choice([0.0, 0.5]))
        return ty.pad(x, low=[0, 0, 1, 0], high=[0, int(self.rng.integers(2)), 0, 1], value=value)

    def add_transpose(self, x: Any) -> Any:
        return ty.transpose(x, perm=[0, *(1 + self.rng.permutation(3))])

    def add_tokens(self, x: Any) -> Any:
        n, c, h, w = self.shape(x)
        tokens = ty.transpose(ty.reshape(x, shape=[n, c, h * w]), perm=[0, 2, 1])
        tokens = ty.softmax(tokens, axis=int(self.rng.choice([1, -1])))
        mixed = ty.matmul(tokens, self.weight(c, c))
        return ty.reshape(ty.transpose(mixed, perm=[0, 2, 1]), shape=[n, c, h, w])

    def add_split_channels(self, x: Any) -> Any:
        n, c, h, w = self.shape(x)
        if c % 2:
            return None
        split = ty.transpose(ty.reshape(x, shape=[n, 2, c // 2, h, w]), perm=[0, 2, 1, 3, 4])
        return ty.reshape(split, shape=[n, c, h, w])

    def add_reshape(self, x: Any) -> Any:
        n, c, h, w = self.shape(x)
        return ty.reshape(
            x, shape=[[n, c, w, h], [n, h, c, w], [n, c, 1, h * w]][self.rng.integers(3)]
        )

    def add_upsample(self, x: Any) -> Any:
        n, c, h, w = self.shape(x)
        if h * w > 80:
            return None
        return ty.resize(x, sizes=[n, c, 2 * h, w], scales=[1.0, 1.0, 2.0, 1.0])

    def add_norm(self, x: Any) -> Any:
        if self.rng.integers(2):
            return ty.instance_norm(x, None, None, epsilon=0.1)
        return ty.group_norm(x, self.weight(self.shape(x)[1]), None, groups=1, epsilon=0.1)


@pytest.mark.parametrize("seed", range(40))
def test_outputs_stay(seed: int) -> None:
    with program(lambda x: Network(seed, x).grow(18), (1, 4, 5, 6)) as made:
        check(made, dce)
        found = check(made, simplify, tolerance=1e-3)
        text = str(made.module)
        check(made, simplify, tolerance=1e-3)
        assert str(made.module) == text, names(made)
        assert "batch_norm" not in found


@pytest.mark.parametrize("size", [(1, 4, 5, 6), (1, 8, 14, 16)])
@pytest.mark.parametrize("seed", range(60, 64))
def test_compiled_network_agrees(seed: int, size: tuple[int, ...], tmp_path: Path) -> None:
    """Whatever fusion puts together; the larger images are many enough to be cut in tasks."""
    with program(lambda x: Network(seed, x).grow(18), size) as made:
        arrays = random_inputs(made)
        wanted = interpreter.run(made, arrays)
        compile_program(made, tmp_path / "network.so")
    result = load(tmp_path / "network.so", threads=2)(*arrays)
    for got, want in zip(result if isinstance(result, tuple) else [result], wanted, strict=True):
        bound = 1e-4 * max(float(np.abs(want).max(initial=0)), 1)
        np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@pytest.mark.parametrize("seed", range(40, 60))
def test_outputs_stay_in_exact_mode(seed: int) -> None:
    with program(lambda x: Network(seed, x).grow(18), (1, 4, 5, 6)) as made:
        # NumPy's own products may differ by an order of summation when an operand is transposed.
        check(made, simplify, exact=True, tolerance=1e-6)
