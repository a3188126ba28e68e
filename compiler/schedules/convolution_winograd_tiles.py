"""Where a tile of a Winograd convolution is, as code."""

from __future__ import annotations

from dataclasses import dataclass

from mlir import ir
from mlir.dialects import memref

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.convolution_winograd_plan import Plan


@dataclass(frozen=True)
class Place:
    """Where a tile is: its image, and the row and column of its first output."""

    image: Size
    row: Size
    column: Size

    @staticmethod
    def of(plan: Plan, tile: Size) -> Place:
        """The place of a tile by its number: along columns, then rows, then images."""
        rows, columns = plan.grid
        across, rest = size.remainder(tile, columns), size.floor_divide(tile, columns)
        several = plan.convolution.images > 1
        down: Size = size.remainder(rest, rows) if several else rest
        image = size.floor_divide(rest, rows) if several else 0
        return Place(
            image, size.multiply(down, plan.tile[0]), size.multiply(across, plan.tile[1])
        )  # fmt: skip


def prefetch(buffer: ir.Value, address: Size) -> None:
    """Asks for the cache line of an element, which need not be in the buffer."""
    memref.prefetch(buffer, [size.materialise(address)], False, 3, True)
