"""LSTM, GRU and RNN over sequences of full length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node, rule

_DEFAULTS = {
    "LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",),
}  # fmt: skip


@rule("LSTM")
def lstm(g: Graph, n: Node) -> Any:
    """Long short-term memory, gates in ONNX's order."""
    _check(g, n)
    if n.get("input_forget", 0):
        n.fail("input_forget must be 0, got 1")
    x, h, c = _batch_second(g, n, [n.inputs[0], n.input(5), n.input(6)])
    results = g.lstm(
        x, n.inputs[1], n.inputs[2], n.input(3), h, c, n.input(7), direction=_direction(n)
    )
    return _batch_first(g, n, results)


@rule("GRU")
def gru(g: Graph, n: Node) -> Any:
    """Gated recurrent units."""
    _check(g, n)
    x, h = _batch_second(g, n, [n.inputs[0], n.input(5)])
    results = g.gru(
        x, n.inputs[1], n.inputs[2], n.input(3), h, direction=_direction(n),
        linear_before_reset=bool(n.get("linear_before_reset", 0)),
    )  # fmt: skip
    return _batch_first(g, n, results)


@rule("RNN")
def rnn(g: Graph, n: Node) -> Any:
    """The plain recurrent cell with tanh."""
    _check(g, n)
    x, h = _batch_second(g, n, [n.inputs[0], n.input(5)])
    results = g.rnn(x, n.inputs[1], n.inputs[2], n.input(3), h, direction=_direction(n))
    return _batch_first(g, n, results)


def _direction(n: Node) -> str:
    return n.get("direction", "forward")


def _check(g: Graph, n: Node) -> None:
    """What the ops do not have: other activations, clipping, sequences cut short."""
    wanted = _DEFAULTS[n.op_type] * (2 if _direction(n) == "bidirectional" else 1)
    given = tuple(n.get("activations") or wanted)
    if tuple(a.lower() for a in given) != tuple(w.lower() for w in wanted):
        n.fail(f"activations must be {', '.join(wanted)}, got {', '.join(given)}")
    if n.get("clip"):
        n.fail(f"clip must be absent, got {n.get('clip')}")
    lengths = n.ints(4)
    steps = g.shape(n.inputs[0])[1 if n.get("layout", 0) else 0]
    if lengths is not None and any(k != steps for k in lengths):
        n.fail(f"sequence_lens must all be {steps}, got {lengths}", "pad or cut the sequences")


def _batch_second(g: Graph, n: Node, values: Sequence[Any]) -> list[Any]:
    """`[B, T, I]` and `[B, D, H]` as `[T, B, I]` and `[D, B, H]`, where `layout` is 1."""
    if not n.get("layout", 0):
        return list(values)
    return [None if v is None else g.transpose(v, perm=[1, 0, 2]) for v in values]


def _batch_first(g: Graph, n: Node, results: Sequence[Any]) -> list[Any]:
    """`[T, D, B, H]` as `[B, T, D, H]` and states as `[B, D, H]`, where `layout` is 1."""
    if not n.get("layout", 0):
        return list(results)
    y, *states = results
    states = [g.transpose(s, perm=[1, 0, 2]) for s in states]
    return [g.transpose(y, perm=[2, 0, 1, 3]), *states]
