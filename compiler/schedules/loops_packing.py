"""Constants in the order in which loops read them.

A depthwise weight [C, 1, 3, 3] read with lanes along C would be gathered: it lies as
[1, 3, 3, C].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlir import ir

from tyc.compiler.schedules import memory
from tyc.compiler.schedules.affine import Facts
from tyc.compiler.schedules.kernel import Packing, shape_of
from tyc.compiler.schedules.loops_stages import Kernel, Stage, domain, reads_of


@dataclass
class Layouts:
    """How tensors lie in memory: dense and row-major, but for packed constants, scratch, and
    results that are parts of a tensor whose shape `within` has."""

    packings: dict[ir.Value, Packing] = field(default_factory=dict)
    scratch: dict[ir.Value, tuple[int, ...]] = field(default_factory=dict)
    within: dict[ir.Value, tuple[int, ...]] = field(default_factory=dict)

    def strides(self, t: ir.Value) -> tuple[int, ...]:
        """The stride of each dimension."""
        if t in self.scratch:
            return self.scratch[t]
        packing = self.packings.get(t)
        if packing is None:
            return self.written(t)
        assert packing.order is not None
        packed = memory.row_major(packing.shape)
        return tuple(packed[packing.order.index(d)] for d in range(len(packed)))

    def written(self, t: ir.Value) -> tuple[int, ...]:
        """The strides by which a stage writes a value that is not in scratch."""
        return memory.row_major(self.within.get(t) or shape_of(t))

    def shape(self, t: ir.Value) -> Sequence[int]:
        """The shape in memory."""
        packing = self.packings.get(t)
        return shape_of(t) if packing is None else packing.shape


def pack(kernel: Kernel, constants: set[int]) -> Layouts:
    """Packs every constant that the last loop of its only reader walks with a stride."""
    layouts = Layouts(within=kernel.within)
    arguments = {kernel.arguments[i] for i in constants}
    orders: dict[ir.Value, set[int | None]] = {}
    for stage in kernel.stages if arguments else ():
        for t, dimension in _wanted(stage, kernel, arguments):
            orders.setdefault(t, set()).add(dimension)
    for t, wanted in orders.items():
        (last, *others) = wanted
        rank = len(shape_of(t))
        if others or last is None or last == rank - 1:
            continue
        order = (*(d for d in range(rank) if d != last), last)
        layouts.packings[t] = Packing(shape_of(t), order)
    return layouts


def _wanted(
    stage: Stage, kernel: Kernel, arguments: set[ir.Value]
) -> list[tuple[ir.Value, int | None]]:
    """For each constant read, its dimension that follows the stage's last one; `None`: stay."""
    facts = Facts()
    at = domain(stage, facts)
    moving = [x for x in at if not x.is_constant]
    found: list[tuple[ir.Value, int | None]] = []
    for read in reads_of(stage, kernel.stored, at, None, facts).reads:
        if read.tensor not in arguments:
            continue
        own = [d for d, x in enumerate(read.at) if moving and x == moving[-1]]
        found.append((read.tensor, own[0] if stage.reduction is not None and own else None))
    return found
