"""Elementwise arithmetic."""

from __future__ import annotations

import numpy as np

from tyc.dialects import scalar as s
from tyc.dialects.ods import Elementwise, Operand, Result, example


class AddOp(Elementwise, name="add"):
    """Sums: `y = a + b`, broadcast."""

    a: Operand
    b: Operand
    y: Result
    examples = (example((2, 3), (3,)), example((4,), (4,), dtype="i32"))
    scalar = staticmethod(lambda a, b: a + b)
    reference = staticmethod(np.add)

    def gradient(self, grad):
        """`da = g, db = g`."""
        return grad, grad


class ReluOp(Elementwise, name="relu"):
    """Rectifies: `y = max(x, 0)`."""

    x: Operand
    y: Result
    examples = (example((2, 3)),)
    scalar = staticmethod(lambda x: s.maximum(x, 0))
    reference = staticmethod(lambda x: np.maximum(x, x.dtype.type(0)))
