"""Recurrent networks with gates, unrolled over time: LSTM and GRU."""

from __future__ import annotations

import numpy as np
from mlir import ir

from tyc.dialects import ty
from tyc.dialects.building import type_of
from tyc.dialects.ods import Bool, Composite, Operand, OptionalOperand, Result, Str, example
from tyc.dialects.ty.recurrent import (
    DIRECTIONS,
    State,
    at,
    both_biases,
    check_sequence,
    initial,
    part,
    project,
    run_reference,
    stack,
    unroll,
    wide,
    zero_state,
)
from tyc.dialects.types import TensorType


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


class LstmOp(Composite, name="lstm"):
    """`c = f * c + i * g, h = o * tanh(c)`, gates `i, o, f = sigmoid(...)`, `g = tanh(...)` of
    `x_t W^T + h R^T + Wb + Rb`, rows of the weights in the order i, o, f, g.

    A `peephole` [i, o, f] adds `p * c` to the gates (`o` sees the new `c`). Results are `y`
    [T, D, B, H], the last `h` and the last `c`.

    (C1) `direction` is forward, reverse or bidirectional; (C2) `x` is of floats and not empty;
    (C3) the other operands have its element type and ONNX's shapes.
    """

    x: Operand
    weight: Operand
    recurrence: Operand
    bias: OptionalOperand
    initial_h: OptionalOperand
    initial_c: OptionalOperand
    peephole: OptionalOperand
    direction: Str = "forward"
    y: Result
    y_h: Result
    y_c: Result
    examples = (
        example((3, 2, 4), (1, 12, 4), (1, 12, 3), None, None, None, None),
        example(
            (2, 1, 3), (2, 8, 3), (2, 8, 2), (2, 16), (2, 1, 2), (2, 1, 2), (2, 6),
            direction="bidirectional", dtype="f64",
        ),
        example((2, 2, 3), (1, 4, 3), (1, 4, 1), (1, 8), None, None, None, direction="reverse"),
        example(
            (2, 1, 3), (1, 8, 3), (1, 8, 2), None, None, None, (1, 6), dtype="f16", tolerance=2e-2
        ),
    )  # fmt: skip

    @classmethod
    def infer(
        cls,
        x: TensorType,
        weight: TensorType,
        recurrence: TensorType,
        bias: TensorType | None,
        initial_h: TensorType | None,
        initial_c: TensorType | None,
        peephole: TensorType | None,
        direction: str,
    ) -> list[TensorType]:
        """`[T, D, B, H]` and twice `[D, B, H]`."""
        others = {
            "bias": (bias, (-1, 8)),
            "initial_h": (initial_h, (-1, -2, 1)),
            "initial_c": (initial_c, (-1, -2, 1)),
            "peephole": (peephole, (-1, 3)),
        }
        t, d, b, h = check_sequence(  # C1 C2 C3
            cls, x, weight, recurrence, 4, direction, others
        )
        state = TensorType((d, b, h), x.dtype)
        return [TensorType((t, d, b, h), x.dtype), state, state]

    @staticmethod
    def expand(
        x: ir.Value,
        weight: ir.Value,
        recurrence: ir.Value,
        bias: ir.Value | None,
        initial_h: ir.Value | None,
        initial_c: ir.Value | None,
        peephole: ir.Value | None,
        direction: str,
    ) -> list[ir.Value]:
        """One product a time step."""
        hidden = type_of(recurrence).shape[-1]
        outputs, last_h, last_c = [], [], []
        for d, backward in enumerate(DIRECTIONS[direction]):
            added, _ = both_biases(bias, d, 4 * hidden)
            rows = at(recurrence, d)
            holes = None if peephole is None else at(peephole, d)

            def step(
                xt: ir.Value,
                state: State,
                rows: ir.Value = rows,
                holes: ir.Value | None = holes,
            ) -> State:
                h, c = state
                z = ty.add(xt, ty.matmul(h, rows, transpose_b=True))
                return _lstm_cell(z, c, holes)

            start = [initial(initial_h, d, x, hidden), initial(initial_c, d, x, hidden)]
            y, state = unroll(project(x, at(weight, d), added), start, backward, step)
            outputs.append(y)
            last_h.append(state[0])
            last_c.append(state[1])
        return [stack(outputs, 1), stack(last_h), stack(last_c)]

    @staticmethod
    def reference(
        x: np.ndarray,
        weight: np.ndarray,
        recurrence: np.ndarray,
        bias: np.ndarray | None,
        initial_h: np.ndarray | None,
        initial_c: np.ndarray | None,
        peephole: np.ndarray | None,
        direction: str,
    ) -> list[np.ndarray]:
        """Step by step."""
        xs, w, r = wide(x), wide(weight), wide(recurrence)
        hidden = r.shape[-1]
        b = np.zeros((len(w), 8 * hidden)) if bias is None else wide(bias)
        p = np.zeros((len(w), 3 * hidden)) if peephole is None else wide(peephole)

        def cell(d: int, xt: np.ndarray, h: np.ndarray, c: np.ndarray) -> list[np.ndarray]:
            z = xt @ w[d].T + h @ r[d].T + b[d].reshape(2, -1).sum(0)
            zi, zo, zf, zg = np.split(z, 4, 1)
            pi, po, pf = np.split(p[d], 3)
            c = _sigmoid(zf + pf * c) * c + _sigmoid(zi + pi * c) * np.tanh(zg)
            return [_sigmoid(zo + po * c) * np.tanh(c), c]

        states = [zero_state(initial_h, xs, r), zero_state(initial_c, xs, r)]
        return [a.astype(x.dtype) for a in run_reference(xs, direction, states, cell)]


def _lstm_cell(z: ir.Value, c: ir.Value, holes: ir.Value | None) -> State:
    """The next `h` and `c` from the gates' sums `z` (i, o, f, g)."""
    hidden = type_of(c).shape[-1]
    zi, zo, zf, zg = (part(z, k * hidden, hidden) for k in range(4))
    if holes is not None:
        pi, po, pf = (part(holes, k * hidden, hidden) for k in range(3))
        zi, zf = ty.add(zi, ty.multiply(pi, c)), ty.add(zf, ty.multiply(pf, c))
        new = _lstm_state(zi, zf, zg, c)
        zo = ty.add(zo, ty.multiply(po, new))
    else:
        new = _lstm_state(zi, zf, zg, c)
    return [ty.multiply(ty.sigmoid(zo), ty.tanh(new)), new]


def _lstm_state(zi: ir.Value, zf: ir.Value, zg: ir.Value, c: ir.Value) -> ir.Value:
    kept = ty.multiply(ty.sigmoid(zf), c)
    return ty.add(kept, ty.multiply(ty.sigmoid(zi), ty.tanh(zg)))


class GruOp(Composite, name="gru"):
    """`h = (1 - z) * n + z * h`, gates `z, r = sigmoid(x_t W^T + h R^T + Wb + Rb)`, and
    `n = tanh(x_t W^T + (r * h) R^T + Wb + Rb)`; rows of the weights in the order z, r, n.

    With `linear_before_reset` it is `n = tanh(x_t W^T + Wb + r * (h R^T + Rb))`. Results are `y`
    [T, D, B, H] and the last `h`.

    (C1) `direction` is forward, reverse or bidirectional; (C2) `x` is of floats and not empty;
    (C3) the other operands have its element type and ONNX's shapes.
    """

    x: Operand
    weight: Operand
    recurrence: Operand
    bias: OptionalOperand
    initial_h: OptionalOperand
    direction: Str = "forward"
    linear_before_reset: Bool = False
    y: Result
    y_h: Result
    examples = (
        example((3, 2, 4), (1, 9, 4), (1, 9, 3), None, None),
        example((3, 2, 4), (1, 9, 4), (1, 9, 3), (1, 18), (1, 2, 3), linear_before_reset=True),
        example(
            (2, 1, 3), (2, 6, 3), (2, 6, 2), (2, 12), (2, 1, 2), direction="bidirectional",
            dtype="f64",
        ),
        example(
            (2, 2, 3), (1, 3, 3), (1, 3, 1), None, None, direction="reverse",
            linear_before_reset=True,
        ),
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
        linear_before_reset: bool,
    ) -> list[TensorType]:
        """`[T, D, B, H]` and `[D, B, H]`."""
        others = {"bias": (bias, (-1, 6)), "initial_h": (initial_h, (-1, -2, 1))}
        t, d, b, h = check_sequence(  # C1 C2 C3
            cls, x, weight, recurrence, 3, direction, others
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
        linear_before_reset: bool,
    ) -> list[ir.Value]:
        """One product a time step, two where the reset comes before the last one."""
        hidden = type_of(recurrence).shape[-1]
        outputs, last = [], []
        for d, backward in enumerate(DIRECTIONS[direction]):
            added, kept = both_biases(bias, d, (2 if linear_before_reset else 3) * hidden)
            rows = at(recurrence, d)
            cell = _gru_linear if linear_before_reset else _gru_cell

            def step(
                xt: ir.Value,
                state: State,
                rows: ir.Value = rows,
                kept: ir.Value | None = kept,
                cell=cell,
            ) -> State:
                return [cell(xt, state[0], rows, kept)]

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
        linear_before_reset: bool,
    ) -> list[np.ndarray]:
        """Step by step."""
        xs, w, r = wide(x), wide(weight), wide(recurrence)
        hidden = r.shape[-1]
        b = np.zeros((len(w), 6 * hidden)) if bias is None else wide(bias)

        def cell(d: int, xt: np.ndarray, h: np.ndarray) -> list[np.ndarray]:
            wz, wr, wn = np.split(w[d], 3)
            rz, rr, rn = np.split(r[d], 3)
            bz, br, bn, cz, cr, cn = np.split(b[d], 6)
            z = _sigmoid(xt @ wz.T + h @ rz.T + bz + cz)
            reset = _sigmoid(xt @ wr.T + h @ rr.T + br + cr)
            inner = reset * (h @ rn.T + cn) if linear_before_reset else (reset * h) @ rn.T + cn
            return [(1 - z) * np.tanh(xt @ wn.T + bn + inner) + z * h]

        results = run_reference(xs, direction, [zero_state(initial_h, xs, r)], cell)
        return [a.astype(x.dtype) for a in results]


def _mixed(z: ir.Value, n: ir.Value, h: ir.Value) -> ir.Value:
    """`(1 - z) * n + z * h`, as `n + z * (h - n)`."""
    return ty.add(n, ty.multiply(z, ty.subtract(h, n)))


def _gru_linear(xt: ir.Value, h: ir.Value, rows: ir.Value, kept: ir.Value | None) -> ir.Value:
    """The next state where the reset gate scales the product of the state."""
    hidden = type_of(h).shape[-1]
    product = ty.matmul(h, rows, transpose_b=True)
    gates = ty.sigmoid(ty.add(part(xt, 0, 2 * hidden), part(product, 0, 2 * hidden)))
    inner = part(product, 2 * hidden, hidden)
    if kept is not None:
        inner = ty.add(inner, kept)
    reset = part(gates, hidden, hidden)
    n = ty.tanh(ty.add(part(xt, 2 * hidden, hidden), ty.multiply(reset, inner)))
    return _mixed(part(gates, 0, hidden), n, h)


def _gru_cell(xt: ir.Value, h: ir.Value, rows: ir.Value, kept: ir.Value | None) -> ir.Value:
    """The next state where the reset gate scales the state before its product."""
    inputs, hidden = type_of(rows).shape[-1], type_of(h).shape[-1]
    whole = [1, 1]
    upper = ty.slice(rows, starts=[0, 0], sizes=[2 * hidden, inputs], steps=whole)
    lower = ty.slice(rows, starts=[2 * hidden, 0], sizes=[hidden, inputs], steps=whole)
    product = ty.matmul(h, upper, transpose_b=True)
    gates = ty.sigmoid(ty.add(part(xt, 0, 2 * hidden), product))
    scaled = ty.multiply(part(gates, hidden, hidden), h)
    inner = ty.matmul(scaled, lower, transpose_b=True)
    n = ty.tanh(ty.add(part(xt, 2 * hidden, hidden), inner))
    return _mixed(part(gates, 0, hidden), n, h)
