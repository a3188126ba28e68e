"""What work costs on a target, in nanoseconds of one thread: the unit in which families compare.

nanoseconds = max(arithmetic, memory) + overhead     arithmetic = cycles / GHz
"""

from __future__ import annotations

from tyc.compiler.targets import Target


def nanoseconds(cycles: float, target: Target) -> float:
    """`cycles / GHz`."""
    return cycles / target.costs.gigahertz


def vector_cycles(operations: float, target: Target) -> float:
    """Cycles of independent vector operations, as many at once as there are units."""
    return operations / target.costs.fma_per_cycle


def bytes_per_cycle(working_set: float, target: Target) -> float:
    """How fast data is read again and again that takes so many bytes."""
    costs = target.costs
    for size, speed in (
        (target.l1_bytes, costs.l1_bytes),
        (target.l2_bytes, costs.l2_bytes),
        (target.l3_bytes, costs.l3_bytes),
    ):
        if working_set <= size:
            return speed
    return costs.memory_bytes


def memory_cycles(moved: float, working_set: float, target: Target) -> float:
    """Cycles that moving so many bytes takes."""
    return moved / bytes_per_cycle(working_set, target)
