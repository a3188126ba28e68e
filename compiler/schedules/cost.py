"""What work costs on a target, in nanoseconds of one thread: the unit in which families compare.

nanoseconds = max(arithmetic, memory) + overhead     arithmetic = cycles / GHz

Families say what a team of n threads takes, times n, as a mean over teams (`teams.py`): one that
leaves a thread idle, or works twice, takes more of it.
"""

from __future__ import annotations

from collections.abc import Callable

from tyc.compiler.schedules import teams
from tyc.compiler.targets import Target

_TEAM_MEMORY = {1: 1.4, 2: 1.8, 4: 3.6, 8: 5.4, 16: 5.4}
"""Bytes a cycle from memory to a team of threads that only read, for one that one thread copies."""


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


def with_weights(work: float, nbytes: float, threads: int, target: Target) -> float:
    """Cycles of a team whose threads each work so long and that reads so many bytes of weights from
    memory: one overlaps the other but for a part."""
    read = nbytes / (target.costs.memory_bytes * _TEAM_MEMORY[threads])
    return max(work, read) + 0.25 * min(work, read)


def nanoseconds_of_teams(work: Callable[[int], float], weights: float, target: Target) -> float:
    """Nanoseconds as the mean over teams of a kernel whose busiest thread works `work(threads)`
    cycles and that reads so many bytes of weights: what families compare. One that is too short to
    be split is one thread's."""

    def taken(threads: int) -> float:
        return nanoseconds(with_weights(work(threads), weights, threads, target), target)

    short = taken(1) < 2 * target.costs.split_nanoseconds
    return target.costs.call_nanoseconds + (taken(1) if short else teams.mean(taken))


def alone(operations: float, moved: float, target: Target) -> float:
    """Nanoseconds of a kernel on one thread: `operations` on f32 elements, a fused product counted
    as two of them, so that a kernel that does nothing else runs at half of the peak; `moved` bytes
    of arguments and results, once each.
    """
    lanes = target.vector_bytes // 4
    cycles = max(vector_cycles(operations / lanes, target), memory_cycles(moved, moved, target))
    return target.costs.call_nanoseconds + nanoseconds(cycles, target)


def pays_to_split(nanoseconds_alone: float, items: int, target: Target) -> bool:
    """True where two threads finish before one does: half of the work and the call of a thread.

    The uneven share of an odd number of items counts.
    """
    if items < 2:
        return False
    share = -(-items // 2) / items
    return nanoseconds_alone * share + target.costs.split_nanoseconds < nanoseconds_alone
