"""Constants and what is computed from nothing: no op is built, arrays are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from tyc.onnx.graph import FOLD_BYTES, Graph
from tyc.onnx.rules import Node, rule
from tyc.onnx.tensors import element_of


@rule("Constant")
def constant(g: Graph, n: Node) -> Any:
    """The array of whichever attribute is there."""
    if (value := n.get("value", n.get("sparse_value"))) is not None:
        return np.asarray(value)
    for name, kind in (("float", np.float32), ("int", np.int64)):
        if (value := n.get(f"value_{name}", n.get(f"value_{name}s"))) is not None:
            return np.array(value, kind)
    n.fail("strings are not supported", "drop the text processing from the model")


@rule("ConstantOfShape")
def constant_of_shape(g: Graph, n: Node) -> Any:
    """One value everywhere, without memory for it."""
    value = n.get("value")
    value = np.zeros((), np.float32) if value is None else value.reshape(())
    shape = tuple(n.ints(0) or ())
    if any(s < 0 for s in shape):
        n.fail(f"sizes must not be negative, got {list(shape)}")
    wide = np.broadcast_to(value, shape)
    return wide.copy() if wide.nbytes <= FOLD_BYTES else wide


@rule("Range")
def arange(g: Graph, n: Node) -> Any:
    """`start, start + delta, ...` below `limit`, all three known."""
    given = [np.asarray(n.known(i)) for i in range(3)]
    if any(a.size != 1 for a in given):
        n.fail(f"inputs must be scalars, got shapes {', '.join(str(list(a.shape)) for a in given)}")
    start, limit, delta = (a.reshape(()) for a in given)
    if delta == 0:
        n.fail("delta must not be 0")
    count = max(int(np.ceil((float(limit) - float(start)) / float(delta))), 0)
    kind = start.dtype
    return (np.arange(count).astype(kind) * delta + start).astype(kind)


@rule("EyeLike")
def eye_like(g: Graph, n: Node) -> Any:
    """Ones on a diagonal, of the input's shape."""
    x = n.inputs[0]
    code = n.get("dtype")
    kind = g.dtype(x) if code is None else element_of(code)
    rows, columns = g.shape(x)
    return np.eye(rows, columns, n.get("k", 0), dtype=kind.numpy)
