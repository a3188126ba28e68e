"""What a kernel takes as loops: arithmetic or traffic, and what a product reads again."""

from __future__ import annotations

import math

from mlir import ir

from tyc.compiler.schedules import contraction_analysis, cost, frame, teams
from tyc.compiler.schedules.kernel import itemsize
from tyc.compiler.schedules.work import nominal_flops
from tyc.compiler.targets import Target

_READ_AGAIN = 0.6
"""The part of reading a factor again that no other row of a product shares, and nothing hides."""

_SUMS = 4
"""Vectors of sums at once."""

_START_CYCLES = 200.0
"""The start and the end of so many sums."""


def estimate_loops(module: ir.Module, target: Target) -> float:
    """Estimated nanoseconds, as the mean over teams that share the vectors of results.

    Rows of a product read the second factor one after the other, wherever it lies: a load a product
    and one for all sums, which wait for themselves.
    """
    with module.context:
        found = contraction_analysis.find(module)
        if found is None:
            return cost.alone(nominal_flops(module), frame.traffic(_tensors(module)), target)
        lanes = target.vector_bytes // itemsize(found.element)
        rows = found.extent((*found.batch, *found.rows))
        vectors = -(-found.extent(found.columns) // lanes)
        groups = rows * -(-vectors // _SUMS)
        each = max((min(vectors, _SUMS) + 1) / 2, target.costs.fma_latency)
        products = groups * found.extent(found.depth) * each
        starts = groups * _START_CYCLES
        factor = math.prod(found.b.shape) * itemsize(found.b.element)
        again = (rows - 1) * factor / cost.bytes_per_cycle(factor, target)
        work = products + starts + _READ_AGAIN * again
        items = rows * vectors
        return cost.nanoseconds_of_teams(
            lambda n: work * teams.busiest(items, n) / items, found.weight_bytes, target
        )


def _tensors(module: ir.Module) -> list[ir.Value]:
    """The arguments and results of the module's function."""
    block = module.body.operations[0].operation.regions[0].blocks[0]
    return [*block.arguments, *list(block.operations)[-1].operands]
