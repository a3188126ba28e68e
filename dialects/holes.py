"""What ops of the dialect lack, and why: a test fails on any other hole, and on one that is filled.

`tyc ops` prints these beside what is there.
"""

from __future__ import annotations

import numpy as np

from tyc.dialects.ods import REGISTRY, Elementwise, Op
from tyc.dialects.types import TensorType, type_of_array

OUTSIDE = "a kernel never holds it: its array is an argument"
HOLES: dict[tuple[str, str], str] = {
    ("parameter", "reference"): OUTSIDE,
    ("parameter", "examples"): OUTSIDE,
    ("parameter", "lowering"): OUTSIDE,
}
"""(op, rule) -> reason. Rules: reference, examples, gradient, lowering."""


def missing(op: type[Op], lowered: set[str]) -> set[str]:
    """The rules that an op has not, given the names of the ops with a lowering of their own.

    A composite has gradient and lowering by its expansion; an op whose results are never floats
    needs no gradient.
    """
    found = set()
    if not hasattr(op, "reference"):
        found.add("reference")
    if not op.examples:
        found.add("examples")
    has_scalar = issubclass(op, Elementwise) and op.scalar is not None
    if not (op.NAME in lowered or has_scalar or op.expand is not None):
        found.add("lowering")
    if op.gradient is None and op.expand is None and _makes_floats_of_floats(op):
        found.add("gradient")
    return found


def _makes_floats_of_floats(op: type[Op]) -> bool:
    """Whether a float result comes from a float operand in one of the examples."""
    for example in op.examples:
        operands, attributes = op.bind(example.operands, example.attributes)
        types = [
            [type_of_array(a) for a in o] if isinstance(o, list) else _type(o) for o in operands
        ]
        results = op.infer(*types, **attributes)
        flat = [t for group in types for t in (group if isinstance(group, list) else [group])]
        results = results if isinstance(results, list) else [results]
        if any(t and t.dtype.is_float for t in flat) and any(t.dtype.is_float for t in results):
            return True
    return False


def _type(operand: np.ndarray | None) -> TensorType | None:
    return None if operand is None else type_of_array(operand)


def undeclared(lowered: set[str]) -> list[str]:
    """Holes without an entry, and entries without a hole, as `op: rule`."""
    actual = {(name, rule) for name, op in REGISTRY.items() for rule in missing(op, lowered)}
    return sorted(f"{name}: {rule}" for name, rule in actual ^ set(HOLES))
