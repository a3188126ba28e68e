"""How a product of bytes is cut; integers only. See `contraction_dot.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlir import ir

from tyc.compiler.schedules import cost, teams
from tyc.compiler.schedules.contraction_form import Contraction, Side, argument_of, strides_of
from tyc.compiler.schedules.kernel import Packing
from tyc.compiler.targets import Target

STEP = 4
"""Products of one i32 lane in one instruction."""

_BLOCK_ROWS = 64
_COPY_BYTES = 128 << 10
_MAX_COPY_BYTES = 256 << 10
_ITEMS = 8


@dataclass(frozen=True)
class DotPlan:
    """The choices of one kernel. `rows` by `columns` results; a tile has `height` rows by `vectors`
    panels of `lanes` columns, a block `block_rows` by `block_panels`. `depth` are the depth loops,
    the last one contiguous in A and padded to whole steps: `deep` bytes a row in all, `pitch` from
    one row of the copy to the next."""

    lanes: int
    height: int
    vectors: int
    rows: int
    columns: int
    depth: tuple[int, ...]
    deep: int
    padded: bool
    signed_b: bool
    flips: bool
    block_rows: int
    block_panels: int
    packing: Packing

    @property
    def pitch(self) -> int:
        """Bytes from one row of the copy to the next: whole vectors."""
        return _round_up(self.deep, STEP * self.lanes)

    @property
    def tile(self) -> int:
        """Sums of a tile."""
        return self.height * self.vectors * self.lanes

    @property
    def panel_bytes(self) -> int:
        """Bytes of one panel of B."""
        return self.deep * self.lanes

    @property
    def whole_panels(self) -> int:
        """Panels of full tiles."""
        return self.columns // (self.lanes * self.vectors) * self.vectors

    @property
    def tail(self) -> int:
        """Columns beyond the full tiles."""
        return self.columns - self.whole_panels * self.lanes

    @property
    def column_blocks(self) -> int:
        """Items side by side."""
        return max(-(-self.whole_panels // self.block_panels), 1)

    @property
    def items(self) -> int:
        """All items."""
        return -(-self.rows // self.block_rows) * self.column_blocks


def make(c: Contraction, target: Target) -> DotPlan | None:
    """The plan, or `None` where the kernel is no product of bytes by a constant matrix."""
    if str(c.element) != "i32" or c.batch or len(c.columns) != 1 or not c.depth or c.joined:
        return None
    signs = [_signed(side) for side in (c.a, c.b)]
    plain = all(i.loop is not None or not i.terms for i in c.b.index)
    if None in signs or not plain or argument_of(c.b.value) not in c.constants:
        return None
    strides = strides_of(c.a)
    last = [d for d in c.depth if strides.get(d) == 1]
    if not last or c.flops == 0:
        return None
    depth = (*(d for d in c.depth if d != last[0]), last[0])
    deep = c.extent(depth[:-1]) * _round_up(c.sizes[depth[-1]], STEP)
    lanes = target.vector_bytes // 4
    height, vectors = (8, 3) if target.vector_registers >= 32 else (6, 2)
    pitch = _round_up(deep, STEP * lanes)
    if pitch * height > _MAX_COPY_BYTES:
        return None
    rows, columns = c.extent(c.rows), c.sizes[c.lane]
    fitting = max(_COPY_BYTES // pitch // height, 1) * height
    block_rows = min(fitting, _BLOCK_ROWS // height * height, rows)
    return DotPlan(
        lanes, height, vectors, rows, columns, depth, deep,
        pitch != c.extent(depth), bool(signs[1]), signs[0] == signs[1],
        block_rows, _block_panels(rows, block_rows, columns // lanes // vectors, vectors),
        _packing(c, depth, lanes),
    )  # fmt: skip


def estimate(plan: DotPlan, c: Contraction, target: Target) -> float:
    """Estimated nanoseconds, as the mean over teams: an item copies its rows, and multiplies."""
    groups = -(-plan.columns // plan.lanes) / plan.column_blocks
    products = plan.block_rows * groups * plan.deep / STEP / target.costs.fma_per_cycle
    copied = 2.0 * plan.block_rows * plan.pitch / target.vector_bytes
    tiles = 20.0 * (plan.block_rows / plan.height) * (groups / plan.vectors)
    item = products / 0.9 + copied + tiles + 200
    return cost.nanoseconds_of_teams(
        lambda n: teams.busiest(plan.items, n) * item, c.weight_bytes, target
    )  # fmt: skip


def _block_panels(rows: int, block_rows: int, groups: int, vectors: int) -> int:
    """Panels of a block: all of them where there are items enough by rows."""
    wanted = -(-_ITEMS // -(-rows // block_rows))
    return max(-(-groups // wanted), 1) * vectors


def _signed(side: Side) -> bool | None:
    """How a byte of the side is widened to i32; `None` for anything else."""
    if len(side.casts) != 1 or not isinstance(side.casts[0], ir.Operation):
        return None
    if str(side.element) != "i8":
        return None
    return {"arith.extsi": True, "arith.extui": False}.get(side.casts[0].name)


def _packing(c: Contraction, depth: tuple[int, ...], lanes: int) -> Packing:
    """B as `[panel, depth..., k / 4, lane, 4]`, padded with zeros."""
    position = {i.loop: t for t, i in enumerate(c.b.index) if i.loop is not None}
    cuts = {position[c.lane]: lanes, position[depth[-1]]: STEP}
    split: list[int] = []
    places: dict[int, int] = {}
    padding = []
    for t, n in enumerate(c.b.shape):
        places[t] = len(split)
        by = cuts.get(t)
        padding.append(0 if by is None else _round_up(n, by) - n)
        split += [n] if by is None else [-(-n // by), by]
    units = [places[t] for t, i in enumerate(c.b.index) if i.loop is None]
    lane, last = places[position[c.lane]], places[position[depth[-1]]]
    outer = [places[position[d]] for d in depth[:-1]]
    order = [*units, lane, *outer, last, lane + 1, last + 1]
    assert math.prod(split) % STEP == 0
    return Packing(tuple(split), tuple(order), tuple(c.b.shape), tuple(padding))


def _round_up(n: int, by: int) -> int:
    return -(-n // by) * by
