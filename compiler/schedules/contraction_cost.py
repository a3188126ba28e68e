"""What a plan costs: estimated cycles, from the machine's caches and registers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tyc.compiler.schedules.contraction_cut import Plan, panels
from tyc.compiler.schedules.contraction_form import PAGE, Contraction, Side, strides_of
from tyc.compiler.schedules.kernel import itemsize
from tyc.compiler.targets import Target


@dataclass(frozen=True)
class Machine:
    """What costs depend on: bytes of a sum, lanes of a vector, registers, caches."""

    itemsize: int
    lanes: int
    registers: int
    l1_bytes: int
    l2_bytes: int
    l3_bytes: int
    fused: bool

    @staticmethod
    def of(contraction: Contraction, target: Target) -> Machine:
        """The target as it is for elements of the contraction's type."""
        size = itemsize(contraction.element)
        return Machine(
            size, target.vector_bytes // size, target.vector_registers,
            target.l1_bytes, target.l2_bytes, target.l3_bytes,
            "fma" in target.features or not target.triple.startswith("x86"),
        )  # fmt: skip


def is_scattered(side: Side, contraction: Contraction) -> bool:
    """True where neighbours in the depth are in different pages of memory."""
    strides = [strides_of(side)[d] for d in contraction.depth]
    return bool(strides) and min(strides) * itemsize(side.element) >= PAGE


def cost(plan: Plan, contraction: Contraction, machine: Machine) -> float:
    """Estimated cycles, summed over teams of 1 to 16 threads."""
    size = machine.itemsize
    depth = contraction.extent(plan.depth)
    rows, strips = plan.rows.extent(), panels(plan)
    tiles = -(-rows // plan.height)
    sums = rows / tiles * plan.vectors
    a_bytes = (plan.a_elements or rows * depth) * size
    compute = tiles * strips * (max(sums / 2, 4.0) * depth + (40 + 3 * sums) * plan.chunks)
    each = 2.0 if is_scattered(contraction.a, contraction) else 0.5
    packing = each * plan.a_elements * (plan.chunks if plan.a_chunked else 1)
    moved = strips * plan.width * depth * size / 12 + a_bytes / 12
    spilled = max(a_bytes / plan.chunks - (256 << 10), 0) * plan.chunks * strips / 24
    b_packing = 0.8 * plan.b_elements * (plan.chunks if plan.b_chunked else 1)
    row_tasks, column_tasks = math.prod(plan.rows.counts), math.prod(plan.columns.counts)
    reuse = plan.rows_fastest and not (plan.b_chunked and plan.chunks > 1)
    if not plan.rows_fastest and not (plan.a_chunked and plan.chunks > 1):
        packing /= column_tasks
    tasks = contraction.extent(contraction.batch) * row_tasks * column_tasks
    total = 0.0
    for threads, weight in ((1, 4.0), (2, 4.0), (4, 2.0), (8, 1.0), (16, 1.0)):
        share = -(-tasks // threads)
        once = max(share / row_tasks, min(1.0, share)) if reuse else share
        work = share * (compute + packing + moved + spilled + 300) + once * b_packing
        total += weight * threads * work
    return total
