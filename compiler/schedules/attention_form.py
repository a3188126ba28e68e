"""An attention op as strides: which element of which buffer a query, a key or a weight is.

Every operand is a batch of matrices; a dimension of size 1, and one that it lacks, has stride 0,
so that broadcasting is no case of its own, and neither is where the heads stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlir import ir

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_plan import most_sums
from tyc.compiler.schedules.memory import row_major
from tyc.compiler.targets import Target
from tyc.dialects.building import type_of
from tyc.dialects.ty.attention import heads_first

_KEYS_STEP = 8
# Panels of an item: enough that packing its values costs little, few enough to share out a head.
_PANELS = 4
_PANELS_TO_PACK = 2


@dataclass(frozen=True)
class Matrices:
    """Strides of an operand: of its batch dimensions, of rows and of columns."""

    batch: tuple[int, ...]
    row: int
    column: int

    def base(self, at: Sequence[Size]) -> Size:
        """The address of a matrix in the flat buffer."""
        total: Size = 0
        for index, stride in zip(at, self.batch):
            total = size.add(total, size.multiply(index, stride))
        return total


@dataclass(frozen=True)
class Attention:
    """The sizes of an op and where its operands' elements are."""

    batch: tuple[int, ...]
    queries: int
    keys: int
    depth: int
    width: int
    q: Matrices
    k: Matrices
    v: Matrices
    mask: Matrices | None
    y: Matrices
    scale: float
    causal: bool

    @property
    def flops(self) -> int:
        """Products and sums of what is not hidden."""
        pairs = self.queries * self.keys
        if self.causal:
            pairs = sum(min(s + 1, self.keys) for s in range(self.queries))
        return 2 * math.prod(self.batch) * pairs * (self.depth + self.width)


def read(op: Any) -> Attention:
    """The form of a `ty.attention`."""
    inside = op.sequence_first
    q, k, v, y = (heads_first(type_of(x).shape, inside) for x in (op.q, op.k, op.v, op.y))
    rank = len(y)

    def matrices(value: ir.Value, swapped: bool) -> Matrices:
        shape = type_of(value).shape
        strides = heads_first(row_major(shape), swapped)
        moved = [0 if n == 1 else s for n, s in zip(heads_first(shape, swapped), strides)]
        *batch, row, column = [0] * (rank - len(shape)) + moved
        return Matrices(tuple(batch), row, column)

    mask = None if op.mask is None else matrices(op.mask, False)
    return Attention(
        batch=y[:-2], queries=q[-2], keys=k[-2], depth=q[-1], width=v[-1],
        q=matrices(op.q, inside), k=matrices(op.k, inside), v=matrices(op.v, inside),
        mask=mask, y=matrices(op.y, inside), scale=op.scale, causal=op.causal,
    )  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How the work is cut: a panel of queries is `vectors * lanes` wide, an item has `panels` of
    one head. Scores of `chunk` keys are on the stack at a time; `sums` vectors stay in registers.
    Values are `packed`, the lines of a tile's columns side by side, where enough panels read them:
    heads side by side are so far apart that few of their lines fit the first-level cache."""

    lanes: int
    vectors: int
    sums: int
    panels: int
    chunk: int
    packed: bool
    fused: bool

    @property
    def width(self) -> int:
        """Queries of a panel."""
        return self.lanes * self.vectors

    @property
    def columns(self) -> int:
        """Columns of the result in a register tile."""
        return 2 * self.lanes

    def height(self, vectors: int) -> int:
        """Rows of a register tile of so many vectors."""
        return max(self.sums // vectors, 1)


def make_plan(form: Attention, target: Target, itemsize: int) -> Plan:
    """The plan of a machine: a chunk's scores and values take a quarter of the second-level cache
    at most."""
    lanes = target.vector_bytes // itemsize
    vectors = min(2, -(-form.queries // lanes))
    panels = -(-form.queries // (vectors * lanes))
    items = -(-panels // _PANELS)
    panels = -(-panels // items)
    packed = panels >= _PANELS_TO_PACK
    line = (vectors * lanes + packed * form.width) * itemsize
    most = max(target.l2_bytes // 4 // line, 64)
    chunk = form.keys
    if chunk > most:
        chunk = -(-form.keys // -(-form.keys // most))
        chunk = -(-chunk // _KEYS_STEP) * _KEYS_STEP
    fused = target.fused
    sums = most_sums(target.vector_registers)
    return Plan(lanes, vectors, sums, panels, chunk, packed, fused)
