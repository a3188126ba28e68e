"""How a matrix-vector product is cut; integers only.

    TILE    B in panels (a constant, packed) or of few columns: sums of an item in registers, B read
            once from front to back
    ROWS    B as it lies, rows contiguous: sums of a block of columns in the first-level cache, a
            few rows of B added at a time
    DOTS    B as it lies, columns contiguous: lanes run along the depth, as many columns at once as
            a vector has lanes

Up to `FEW` rows of A share what is read of B. Memory is the limit: every element of B is used once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tyc.compiler.schedules import cost, teams
from tyc.compiler.schedules.contraction_form import Contraction, Side, argument_of, strides_of
from tyc.compiler.schedules.kernel import Packing, itemsize
from tyc.compiler.targets import Target

FEW = 4
"""Rows of A up to which B is read as fast as memory gives it."""

TILE, ROWS, DOTS = "tile", "rows", "dots"
_SUMS = ("f32", "f64")
_BLOCK_BYTES = 4096
_ITEM_BYTES = 1024
_ITEMS = 16


@dataclass(frozen=True)
class MatvecPlan:
    """The choices of one kernel. `depth` are the depth loops as one run, `k` its length, `step_a`
    and `step_b` how far the operands move in it. `vectors` of a row are summed at once, the depth
    in `parts`. A packed B has panels of `panel` columns. An item is `columns` of the result."""

    kind: str
    lanes: int
    rows: tuple[tuple[tuple[int, int], ...], ...]
    depth: tuple[int, ...]
    k: int
    step_a: int
    step_b: int
    width: int
    columns: int
    vectors: int = 1
    parts: int = 1
    group: int = 1
    panel: int = 0
    fused: bool = True
    packing: Packing | None = None

    @property
    def segments(self) -> int:
        """Items of one batch element."""
        return -(-self.width // self.columns)

    @property
    def block(self) -> int:
        """Columns whose sums wait in scratch, of `ROWS`."""
        return _BLOCK_BYTES // 4 // len(self.rows) // self.columns * self.columns or self.columns


def make(c: Contraction, target: Target, exact: bool) -> MatvecPlan | None:
    """The plan, or `None` where the kernel is no product of few rows whose operands lie so.

    With `exact`, each sum runs along the depth in order.
    """
    if str(c.element) not in _SUMS or len(c.columns) != 1 or not c.depth or c.flops == 0:
        return None
    if c.extent(c.rows) > FEW or not all(_is_readable(s) for s in (c.a, c.b)):
        return None
    if argument_of(c.initial) is not None:
        return None
    depth = _depth(c)
    step_a = _run(c, depth, strides_of(c.a))
    if step_a is None or not all(i.loop is not None or not i.terms for i in c.b.index):
        return None
    lanes = target.vector_bytes // itemsize(c.element)
    plan = MatvecPlan(
        TILE, lanes, tuple(_points(c)), depth, c.extent(depth), step_a, 0, c.sizes[c.lane], lanes,
        fused=target.fused,
    )  # fmt: skip
    if argument_of(c.b.value) in c.constants:
        return _packed(c, plan, exact)
    return _in_place(c, plan, exact, target.vector_registers)


_ITEM_CYCLES = 30.0
"""The start of an item and the end of its sums."""


def estimate(plan: MatvecPlan, c: Contraction, target: Target) -> float:
    """Estimated nanoseconds, as the mean over teams: B goes by once, a load for all rows."""
    rows, batch = len(plan.rows), c.extent(c.batch)
    vectors = -(-plan.width // plan.lanes) * plan.k
    products = rows * vectors / target.costs.fma_per_cycle
    loads = vectors * (1 + rows / max(plan.vectors, 1)) / 2
    if plan.kind == ROWS:
        # The sums of a block come and go once a group of rows of B.
        loads = vectors * (1 + 2 * rows / plan.group) / 2
    if plan.kind == DOTS:
        # B and A go by, and each sum is added up over its lanes.
        vectors = plan.width * -(-plan.k // plan.lanes)
        products = rows * (vectors / target.costs.fma_per_cycle + 2.0 * plan.width)
        loads = vectors * (1 + rows / plan.group) / 2
    size = plan.lanes * itemsize(c.element)
    if not c.weight_bytes:
        loads = max(loads, vectors * size / cost.bytes_per_cycle(batch * vectors * size, target))
    items = batch * plan.segments
    item = max(products, loads) / plan.segments + _ITEM_CYCLES
    return cost.nanoseconds_of_teams(
        lambda n: teams.busiest(items, n) * item, c.weight_bytes, target
    )  # fmt: skip


def _is_readable(side: Side) -> bool:
    return argument_of(side.value) is not None and side.shift is None


def _depth(c: Contraction) -> tuple[int, ...]:
    """The depth loops, outermost first, as A has them in memory."""
    strides = strides_of(c.a)
    return tuple(sorted(c.depth, key=lambda d: -strides[d]))


def _run(c: Contraction, depth: tuple[int, ...], strides: dict[int, int]) -> int | None:
    """The step of the depth loops as one loop, `None` where they are not one."""
    for outer, inner in itertools.pairwise(depth):
        if strides[outer] != strides[inner] * c.sizes[inner]:
            return None
    return strides[depth[-1]]


def _points(c: Contraction) -> Iterator[tuple[tuple[int, int], ...]]:
    """Every row as indices of the row loops."""
    for point in itertools.product(*(range(c.sizes[d]) for d in c.rows)):
        yield tuple(zip(c.rows, point))


def _packed(c: Contraction, plan: MatvecPlan, exact: bool) -> MatvecPlan:
    if plan.width < plan.lanes and plan.step_a == 1 and plan.k >= plan.lanes and not exact:
        packing = _packing(c, plan.depth, 0)
        return replace(
            plan, kind=DOTS, packing=packing, step_b=1, group=plan.lanes, columns=plan.lanes
        )
    plan = _tiled(plan, exact)
    panel = plan.lanes * (2 if plan.vectors % 2 == 0 else 1)
    return replace(plan, packing=_packing(c, plan.depth, panel), step_b=panel, panel=panel)


def _tiled(plan: MatvecPlan, exact: bool) -> MatvecPlan:
    """Register tiles: at least eight sums, so that additions do not wait for each other."""
    most = {1: 8, 2: 4, 3: 4}.get(len(plan.rows), 2)
    total = -(-plan.width // plan.lanes)
    while most > 2 and -(-total // most) < _ITEMS and plan.k * plan.width > _ITEM_BYTES * _ITEMS:
        most //= 2
    vectors = max(min(most, total), 1)
    parts = 1 if exact else max(min(8 // (vectors * len(plan.rows)), plan.k // 8), 1)
    return replace(plan, vectors=vectors, parts=parts, columns=vectors * plan.lanes)


def _packing(c: Contraction, depth: tuple[int, ...], panel: int) -> Packing:
    """B as `[batch, panel, depth, lane]`, the last panel padded; or, where `panel` is 0, as
    `[batch, column, depth]`."""
    place = {i.loop: t for t, i in enumerate(c.b.index) if i.loop is not None}
    shape = c.b.shape
    at = place[c.lane]
    units = [t for t, i in enumerate(c.b.index) if i.loop is None]
    batch = [place[d] for d in c.batch if d in place]
    along = [place[d] for d in depth]
    if not panel:
        return Packing(shape, (*units, *batch, at, *along))
    panels = -(-shape[at] // panel)
    padding = tuple(panels * panel - n if t == at else 0 for t, n in enumerate(shape))
    split = (*shape[:at], panels, panel, *shape[at + 1 :])
    after = [t + (t > at) for t in (*units, *batch)]
    order = (*after, at, *(t + (t > at) for t in along), at + 1)
    return Packing(split, order, tuple(shape), padding)


def packed_strides(c: Contraction, plan: MatvecPlan) -> dict[int, int]:
    """The strides of the batch loops in the packed B, and the lane's between panels or columns."""
    size = plan.k * (plan.panel or 1)
    found = {c.lane: size}
    size *= -(-plan.width // (plan.panel or 1))
    for d in reversed(c.batch):
        if any(i.loop == d for i in c.b.index):
            found[d] = size
            size *= c.sizes[d]
    return found


def _in_place(c: Contraction, plan: MatvecPlan, exact: bool, registers: int) -> MatvecPlan | None:
    strides = strides_of(c.b)
    step = _run(c, plan.depth, strides)
    if step is None:
        return None
    plan = replace(plan, step_b=step)
    if strides[c.lane] == 1:
        tile = _tiled(plan, exact)
        if tile.segments == 1 or plan.width <= 8 * plan.lanes // len(plan.rows):
            return tile
        wanted = max(plan.width // (2 * _ITEMS), _ITEM_BYTES // itemsize(c.element))
        columns = -(-min(wanted, plan.width) // (2 * plan.lanes)) * 2 * plan.lanes
        group = max(8 // len(plan.rows), 1)
        return replace(plan, kind=ROWS, columns=columns, group=group)
    if step != 1 or plan.step_a != 1 or exact or plan.k < plan.lanes:
        return None
    group = plan.lanes
    while group > 1 and group * len(plan.rows) > registers - registers // 4:
        group //= 2
    return replace(plan, kind=DOTS, group=group, columns=plan.lanes)
