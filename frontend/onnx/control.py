"""If, Loop, Scan: branches are chosen and loops unrolled while importing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tyc.onnx.graph import Graph
from tyc.onnx.movement import sliced
from tyc.onnx.rules import Node, rule

MOST_STEPS = 1024
"""Loops of more steps are not unrolled."""


@rule("If")
def branch(g: Graph, n: Node) -> Any:
    """The branch that a known condition chooses; else both, and a selection of each result."""
    assert n.inline is not None
    condition = n.inputs[0]
    if isinstance(condition, np.ndarray):
        chosen = "then_branch" if condition.reshape(-1)[0] else "else_branch"
        return n.inline(n.get(chosen), [])
    yes, no = (n.inline(n.get(b), []) for b in ("then_branch", "else_branch"))
    condition = g.reshape(condition, shape=[])
    for a, b in zip(yes, no):
        if isinstance(a, list) or isinstance(b, list) or g.type(a) != g.type(b):
            n.fail("both branches must yield one type where the condition is known only at run "
                   f"time, got {_types(g, yes)} and {_types(g, no)}")  # fmt: skip
    return [g.where(condition, a, b) for a, b in zip(yes, no)]


def _types(g: Graph, values: list[Any]) -> str:
    return ", ".join("sequence" if isinstance(v, list) else str(g.type(v)) for v in values)


@rule("Loop")
def loop(g: Graph, n: Node) -> Any:
    """Unrolled, where the trip count and the conditions are known."""
    assert n.inline is not None
    count, condition = n.known(0), n.known(1)
    steps = MOST_STEPS + 1 if count is None else int(count.reshape(-1)[0])
    body, state = n.get("body"), list(n.inputs[2:])
    scanned: list[list[Any]] = []
    step = 0
    alive = condition is None or bool(condition.reshape(-1)[0])
    while alive and step < steps:
        if step == MOST_STEPS:
            n.fail(f"loops must end within {MOST_STEPS} steps")
        again, *rest = n.inline(body, [np.array(step, np.int64), np.array(True), *state])
        state = rest[: len(state)]
        scanned.append(rest[len(state) :])
        if not isinstance(again, np.ndarray):
            n.fail("the condition to go on must be known at compile time, got a run-time value")
        alive, step = bool(again.reshape(-1)[0]), step + 1
    if not scanned and len(n.outputs) > len(state):
        n.fail("a loop of no steps must have no scan outputs")
    return [*state, *(stacked(g, list(values), 0) for values in zip(*scanned))]


def stacked(g: Graph, values: list[Any], axis: int) -> Any:
    """Values joined along a new axis."""
    rows = []
    for value in values:
        shape = list(g.shape(value))
        shape.insert(axis, 1)
        rows.append(g.reshape(value, shape=shape))
    return rows[0] if len(rows) == 1 else g.concat(rows, axis=axis)


@rule("Scan", since=9)
def scan(g: Graph, n: Node) -> Any:
    """Unrolled over the scanned axis."""
    assert n.inline is not None
    count = n.get("num_scan_inputs")
    if not 0 < count <= len(n.inputs):
        n.fail(f"num_scan_inputs must lie in 1..{len(n.inputs)}, got {count}")
    state, scanned = list(n.inputs[:-count]), n.inputs[-count:]
    body = n.get("body")
    axes = n.get("scan_input_axes") or [0] * count
    turned = n.get("scan_input_directions") or [0] * count
    steps = g.shape(scanned[0])[axes[0]]
    if steps > MOST_STEPS:
        n.fail(f"loops must end within {MOST_STEPS} steps, got {steps}")
    results: list[list[Any]] = []
    for step in range(steps):
        rows = [
            _row(g, x, axis, steps - 1 - step if back else step)
            for x, axis, back in zip(scanned, axes, turned)
        ]
        out = n.inline(body, [*state, *rows])
        state = out[: len(state)]
        results.append(out[len(state) :])
    return [*state, *_scan_outputs(g, n, results)]


def _scan_outputs(g: Graph, n: Node, results: list[list[Any]]) -> list[Any]:
    columns = [list(values) for values in zip(*results)]
    axes = n.get("scan_output_axes") or [0] * len(columns)
    turned = n.get("scan_output_directions") or [0] * len(columns)
    return [
        stacked(g, values[::-1] if back else values, axis % (g.rank(values[0]) + 1))
        for values, axis, back in zip(columns, axes, turned)
    ]


def _row(g: Graph, x: Any, axis: int, index: int) -> Any:
    """`x[..., index, ...]` along `axis`."""
    shape = list(g.shape(x))
    axis %= len(shape)
    starts = [index if i == axis else 0 for i in range(len(shape))]
    sizes = [1 if i == axis else s for i, s in enumerate(shape)]
    del shape[axis]
    return g.reshape(sliced(g, x, starts, sizes), shape=shape)
