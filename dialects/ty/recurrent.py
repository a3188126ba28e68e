"""Recurrent networks, unrolled over time.

All three share a form: one product projects the inputs of every time step at once, then each step
adds the product of the last state. Weights are as ONNX has them: D directions, gates one after
another in the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ods import (
    VARIADIC_LIMIT,
    Composite,
    Op,
    Operand,
    OptionalOperand,
    Result,
    Str,
    example,
)
from tyc.dialects.types import TensorType, accumulator, dtype

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}

State = list[ir.Value]
Step = Callable[[ir.Value, State], State]


def check_sequence(
    op: type[Op],
    x: TensorType,
    weight: TensorType,
    recurrence: TensorType,
    gates: int,
    direction: str,
    others: dict[str, tuple[TensorType | None, tuple[int, ...]]],
) -> tuple[int, int, int, int]:
    """Time steps, directions, batch and hidden size of a recurrent op.

    `others` holds, by name, the type of each further operand and its shape over the letters
    `(D, B, H)` as `(-1, -2, multiple of H)`. Raises `UserError` where operands do not fit.
    """
    if direction not in DIRECTIONS:  # C1
        raise op.error(f"direction must be one of {', '.join(DIRECTIONS)}, got {direction!r}")
    if x.rank != 3 or not x.dtype.is_float or 0 in x.shape:  # C2
        raise op.error(f"x must be floats of shape [time, batch, inputs], got {x}")
    (time, batch, inputs), count = x.shape, len(DIRECTIONS[direction])
    hidden = recurrence.shape[-1] if recurrence.rank else 0
    expected: dict[str, tuple[TensorType, tuple[int, ...]]] = {
        "weight": (weight, (count, gates * hidden, inputs)),
        "recurrence": (recurrence, (count, gates * hidden, hidden)),
    }
    letters = {-1: count, -2: batch}
    for name, (given, shape) in others.items():
        if given is not None:
            sizes = [letters.get(n, n * hidden) for n in shape]
            expected[name] = (given, tuple(sizes))
    for name, (given, shape) in expected.items():
        if given.shape != shape or given.dtype != x.dtype:  # C3
            raise op.error(f"{name} must be {TensorType(tuple(shape), x.dtype)}, got {given}")
    return time, count, batch, hidden


def at(x: ir.Value, index: int, axis: int = 0) -> ir.Value:
    """`x` at one index of a dimension, which goes."""
    shape = list(type_of(x).shape)
    starts = [index if d == axis else 0 for d in range(len(shape))]
    sizes = [1 if d == axis else n for d, n in enumerate(shape)]
    part = ty.slice(x, starts=starts, sizes=sizes, steps=[1] * len(shape))
    return ty.reshape(part, shape=shape[:axis] + shape[axis + 1 :])


def part(x: ir.Value, start: int, size: int) -> ir.Value:
    """`size` elements of the last dimension from `start`."""
    shape = list(type_of(x).shape)
    starts = [0] * (len(shape) - 1) + [start]
    return ty.slice(x, starts=starts, sizes=[*shape[:-1], size], steps=[1] * len(shape))


def stack(values: Sequence[ir.Value], axis: int = 0) -> ir.Value:
    """Values of one shape side by side along a new dimension."""
    shape = list(type_of(values[0]).shape)
    shape.insert(axis, 1)
    parts = [ty.reshape(v, shape=shape) for v in values]
    while len(parts) > 1:
        groups = [parts[i : i + VARIADIC_LIMIT] for i in range(0, len(parts), VARIADIC_LIMIT)]
        parts = [ty.concat(g, axis=axis) if len(g) > 1 else g[0] for g in groups]
    return parts[0]


def project(x: ir.Value, weight: ir.Value, bias: ir.Value | None) -> ir.Value:
    """`x @ weight^T + bias` for all time steps at once: `[T, B, gates * H]`."""
    time, batch, inputs = type_of(x).shape
    flat = ty.matmul(ty.reshape(x, shape=[time * batch, inputs]), weight, transpose_b=True)
    if bias is not None:
        flat = ty.add(flat, bias)
    return ty.reshape(flat, shape=[time, batch, type_of(weight).shape[0]])


def unroll(projected: ir.Value, state: State, backward: bool, step: Step) -> tuple[ir.Value, State]:
    """The first state value after every time step, `[T, B, H]`, and the last state."""
    time = type_of(projected).shape[0]
    outputs: dict[int, ir.Value] = {}
    for t in reversed(range(time)) if backward else range(time):
        state = step(at(projected, t), state)
        outputs[t] = state[0]
    return stack([outputs[t] for t in range(time)]), state


def initial(given: ir.Value | None, d: int, x: ir.Value, hidden: int) -> ir.Value:
    """The given state of direction `d`, else zeros."""
    if given is not None:
        return at(given, d)
    t = type_of(x)
    return ty.full(shape=[t.shape[1], hidden], value=0.0, element=t.dtype)


def both_biases(bias: ir.Value | None, d: int, summed: int) -> tuple[ir.Value | None, ...]:
    """What direction `d` adds to the projected inputs, and what its state's product keeps apart.

    The bias is `[Wb, Rb]`; of `Rb` the first `summed` elements can be added to `Wb` beforehand.
    """
    if bias is None:
        return None, None
    whole = at(bias, d)
    half = type_of(whole).shape[0] // 2
    inputs, states = part(whole, 0, half), part(whole, half, half)
    if summed == half:
        return ty.add(inputs, states), None
    head = ty.add(part(inputs, 0, summed), part(states, 0, summed))
    rest = half - summed
    return ty.concat([head, part(inputs, summed, rest)], axis=0), part(states, summed, rest)


def wide(x: np.ndarray) -> np.ndarray:
    """The array in the accumulator's type."""
    return x.astype(accumulator(dtype(x.dtype)).numpy)


def run_reference(
    x: np.ndarray, direction: str, states: list[np.ndarray], cell: Callable[..., list[np.ndarray]]
) -> list[np.ndarray]:
    """`y` and the last states by calling `cell(d, x_t, *state)` step by step."""
    outputs, last = [], []
    for d, backward in enumerate(DIRECTIONS[direction]):
        state, seen = [s[d] for s in states], {}
        for t in reversed(range(len(x))) if backward else range(len(x)):
            state = cell(d, x[t], *state)
            seen[t] = state[0]
        outputs.append(np.stack([seen[t] for t in range(len(x))]))
        last.append(state)
    return [np.stack(outputs, 1), *(np.stack(s) for s in zip(*last))]


def zero_state(given: np.ndarray | None, x: np.ndarray, recurrence: np.ndarray) -> np.ndarray:
    """The given initial state, else zeros."""
    if given is not None:
        return wide(given)
    return np.zeros((len(recurrence), x.shape[1], recurrence.shape[-1]), x.dtype)


class RnnOp(Composite, name="rnn"):
    """`h = tanh(x_t W^T + h R^T + Wb + Rb)`; results are `y` [T, D, B, H] and the last `h`.

    (C1) `direction` is forward, reverse or bidirectional; (C2) `x` is of floats and not empty;
    (C3) the other operands have its element type and ONNX's shapes.
    """

    x: Operand
    weight: Operand
    recurrence: Operand
    bias: OptionalOperand
    initial_h: OptionalOperand
    direction: Str = "forward"
    y: Result
    y_h: Result
    examples = (
        example((3, 2, 4), (1, 3, 4), (1, 3, 3), None, None),
        example(
            (2, 1, 3), (2, 2, 3), (2, 2, 2), (2, 4), (2, 1, 2), direction="bidirectional",
            dtype="f64",
        ),
        example((2, 2, 3), (1, 2, 3), (1, 2, 2), (1, 4), None, direction="reverse"),
    )  # fmt: skip

    @classmethod
    def infer(
        cls,
        x: TensorType,
        weight: TensorType,
        recurrence: TensorType,
        bias: TensorType | None,
        initial_h: TensorType | None,
        direction: str,
    ) -> list[TensorType]:
        """`[T, D, B, H]` and `[D, B, H]`."""
        others = {"bias": (bias, (-1, 2)), "initial_h": (initial_h, (-1, -2, 1))}
        t, d, b, h = check_sequence(  # C1 C2 C3
            cls, x, weight, recurrence, 1, direction, others
        )
        return [TensorType((t, d, b, h), x.dtype), TensorType((d, b, h), x.dtype)]

    @staticmethod
    def expand(
        x: ir.Value,
        weight: ir.Value,
        recurrence: ir.Value,
        bias: ir.Value | None,
        initial_h: ir.Value | None,
        direction: str,
    ) -> list[ir.Value]:
        """One product a time step."""
        hidden = type_of(recurrence).shape[-1]
        outputs, last = [], []
        for d, backward in enumerate(DIRECTIONS[direction]):
            added, _ = both_biases(bias, d, hidden)
            rows = at(recurrence, d)

            def step(xt: ir.Value, state: State, rows: ir.Value = rows) -> State:
                return [ty.tanh(ty.add(xt, ty.matmul(state[0], rows, transpose_b=True)))]

            start = [initial(initial_h, d, x, hidden)]
            y, state = unroll(project(x, at(weight, d), added), start, backward, step)
            outputs.append(y)
            last.append(state[0])
        return [stack(outputs, 1), stack(last)]

    @staticmethod
    def reference(
        x: np.ndarray,
        weight: np.ndarray,
        recurrence: np.ndarray,
        bias: np.ndarray | None,
        initial_h: np.ndarray | None,
        direction: str,
    ) -> list[np.ndarray]:
        """Step by step."""
        xs, w, r = wide(x), wide(weight), wide(recurrence)
        b = np.zeros((len(w), 2 * r.shape[-1])) if bias is None else wide(bias)

        def cell(d: int, xt: np.ndarray, h: np.ndarray) -> list[np.ndarray]:
            z = xt @ w[d].T + h @ r[d].T
            return [np.tanh(z + b[d].reshape(2, -1).sum(0))]

        results = run_reference(xs, direction, [zero_state(initial_h, xs, r)], cell)
        return [a.astype(x.dtype) for a in results]
