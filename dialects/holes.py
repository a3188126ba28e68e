"""What ops of the dialect lack, and why: a test fails on any other hole, and on one that is filled.

`tyc ops` prints these beside what is there.
"""

from __future__ import annotations

from tyc.dialects.ods import REGISTRY, Elementwise, Op

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
    if op.gradient is None and op.expand is None and op.operand_fields():
        found.add("gradient")
    return found


def undeclared(lowered: set[str]) -> list[str]:
    """Holes without an entry, and entries without a hole, as `op: rule`."""
    actual = {(name, rule) for name, op in REGISTRY.items() for rule in missing(op, lowered)}
    return sorted(f"{name}: {rule}" for name, rule in actual ^ set(HOLES))
