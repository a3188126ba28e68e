"""Random expressions: recorded and run by the interpreter, they compute what eager ops compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tyc
from tyc import functional as F
from tyc.dialects import interpreter

Step = Callable[[Any, Any], Any]

# Each step takes the newest value and an older one, both of shape [3, 4], and keeps the shape.
STEPS: list[Step] = [
    lambda x, y: x + y,
    lambda x, y: x - 2 * y,
    lambda x, y: x * y,
    lambda x, y: F.where(x > y, x, 1.5),
    lambda x, y: F.maximum(x, 0.25 * y),
    lambda x, y: F.tanh(x) / (1 + abs(y)),
    lambda x, y: F.sigmoid(x @ y.T) @ y,
    lambda x, y: x - y.mean(axis=0),
    lambda x, y: F.softmax(x, axis=-1) + y.max(axis=1, keepdims=True),
    lambda x, y: F.layer_norm(x, y[0]),
    lambda x, y: F.concat([x[:, 2:], y[:, :2]], axis=1),
    lambda x, y: x.reshape(4, 3).T,
    lambda x, y: x[::-1, [3, 0, 2, 1]],
    lambda x, y: F.pad(x[1:, :-1], [(1, 0), (0, 1)], "edge") + y,
    lambda x, y: F.take_along_axis(x, y.astype(tyc.int32) % 3, 0),
    lambda x, y: F.clip(x, -3, 3) ** 2 - F.relu(y),
    lambda x, y: F.cumsum(F.clip(x, -1, 1), 1),
    lambda x, y: F.stack(F.split(x, 2, 1), 1).reshape(3, 4),
    lambda x, y: (x < y).astype(tyc.float32) * F.topk(y, 4)[0],
]


def program(steps: list[tuple[int, int]]) -> Callable[[Any, Any], Any]:
    """The function that applies the steps; the second number of each says which older value."""

    def run(a: Any, b: Any) -> Any:
        values = [a, b]
        for step, older in steps:
            values.append(F.clip(STEPS[step](values[-1], values[older % len(values)]), -8, 8))
        return {"last": values[-1], "total": values[-1].sum(), "before": values[-2]}

    return run


STEP = st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 9))
ARRAYS = [np.random.default_rng(i).uniform(-2, 2, (3, 4)).astype(np.float32) for i in (0, 1)]


@settings(max_examples=100)
@given(st.lists(STEP, min_size=1, max_size=8))
def test_a_recorded_program_computes_what_eager_ops_do(steps: list[tuple[int, int]]) -> None:
    f = program(steps)
    eager = f(*map(tyc.tensor, ARRAYS))
    recorded = tyc.trace(f).program(*ARRAYS)
    results = interpreter.run(recorded, ARRAYS)
    assert [n for n, _ in recorded.outputs] == [f"output_{n}" for n in eager]
    for (name, kind), result, expected in zip(recorded.outputs, results, eager.values()):
        assert kind == expected.type, name
        np.testing.assert_array_equal(result, expected.numpy(), name)


def test_every_step_is_recorded() -> None:
    for index in range(len(STEPS)):
        f = program([(index, 0)])
        eager, traced = f(*map(tyc.tensor, ARRAYS)), tyc.trace(f)(*ARRAYS)
        for name, value in eager.items():
            np.testing.assert_array_equal(traced[name], value)
