"""Which convolutions Winograd's filtering can do, how one is cut, and what that costs.

Only integers here. An item is a block of output tiles by a block of panels of output channels. Its
time in cycles is compared with that of the direct contraction, summed over teams of threads.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlir import ir

from tyc.compiler.schedules import cost as cycles
from tyc.compiler.schedules import teams
from tyc.compiler.schedules.choice import InvalidParameters, Parameters
from tyc.compiler.schedules.contraction_cut import row_tiles
from tyc.compiler.schedules.contraction_form import (
    Contraction,
    Linear,
    Side,
    argument_of,
    pads_zero,
)
from tyc.compiler.schedules.contraction_plan import tile_shape
from tyc.compiler.schedules.convolution_winograd_transform import PAIRS, TAPS
from tyc.compiler.schedules.kernel import packed_arguments, shape_of
from tyc.compiler.schedules.producers import constant_of
from tyc.compiler.schedules.structure import operation_of
from tyc.compiler.targets import Target

SCRATCH_BYTES = 768 << 10
"""The most that an item may allocate on its stack."""

LINE = 16
"""Elements of a cache line: rows are kept that far from a multiple of a page."""


_TEAMS = ((1, 4.0), (2, 4.0), (4, 1.0), (8, 0.5))
"""Numbers of threads and their weights: more threads find less work that they can share."""


@dataclass(frozen=True)
class Convolution:
    """A contraction that is a 3x3 convolution with stride 1 and channels last. `loops` are those of
    (image, row, column) of the result, `None` for one image; `low` and `extent` say which part of
    the padded image, in rows and columns, is not padding. Filters that are `packed` are transformed
    when the program runs."""

    contraction: Contraction
    loops: tuple[int | None, int, int]
    images: int
    height: int
    width: int
    inner: int
    outer: int
    low: tuple[int, int]
    extent: tuple[int, int]
    packed: bool = False


def read(c: Contraction) -> Convolution | None:
    """The contraction as a convolution that the transforms can do, or `None`."""
    plain = not any((c.a.casts, c.b.casts, c.a.shift, c.b.shift, c.batch, c.joined))
    if str(c.element) != "f32" or not plain or len(c.columns) != 1 or len(c.depth) != TAPS:
        return None
    if len(c.a.index) != 4 or len(c.b.index) != 4 or not _starts_from_zero(c.initial):
        return None
    image, row, column, channel = c.a.index
    down, across = _window(row, c), _window(column, c)
    if down is None or across is None or image.constant or channel.loop is None:
        return None
    (h, kh), (w, kw) = down, across
    rows = [d for d in (image.loop, h, w) if d is not None]
    weights = [i.loop for i in c.b.index]
    if sorted(rows) != sorted(c.rows) or weights != [c.lane, channel.loop, kh, kw]:
        return None
    filters = argument_of(c.b.value)
    packed = [c.function.regions[0].blocks[0].arguments[i] for i in packed_arguments(c.function)]
    if filters not in c.constants and filters not in packed:
        return None
    inside = _inside(c.a)
    if inside is None:
        return None
    images = 1 if image.loop is None else c.sizes[image.loop]
    return Convolution(
        c, (image.loop, h, w), images, c.sizes[h], c.sizes[w], c.sizes[channel.loop],
        c.sizes[c.lane], *inside, filters in packed,
    )  # fmt: skip


def _window(index: Linear, c: Contraction) -> tuple[int, int] | None:
    """(loop of the result, loop of the taps) of one index of the image."""
    if index.constant or len(index.terms) != 2 or any(f != 1 for _, f in index.terms):
        return None
    taps = [d for d, _ in index.terms if d in c.depth and c.sizes[d] == TAPS]
    others = [d for d, _ in index.terms if d in c.rows]
    return (others[0], taps[0]) if len(taps) == len(others) == 1 else None


def _starts_from_zero(initial: ir.Value) -> bool:
    op = operation_of(initial)
    if op is None or op.name != "linalg.fill":
        return False
    attribute = constant_of(op.operands[0])
    return isinstance(attribute, ir.FloatAttr) and attribute.value == 0.0


def _inside(side: Side) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """First index and size, of rows and columns, of what is not padding."""
    shape, op = side.shape, operation_of(side.value)
    if op is None or op.name != "tensor.pad":
        return (0, 0), (shape[1], shape[2])
    low = list(ir.DenseI64ArrayAttr(op.attributes["static_low"]))
    source = shape_of(op.operands[0])
    if not pads_zero(op) or (source[0], source[3]) != (shape[0], shape[3]):
        return None
    return (low[1], low[2]), (source[1], source[2])


@dataclass(frozen=True)
class Plan:
    """All choices of one kernel: `tile` is (height, width) of an output tile, `block` the tiles of
    an item, `panels` its panels of `vectors` vectors of output channels."""

    convolution: Convolution
    tile: tuple[int, int]
    block: int
    panels: int
    lanes: int
    vectors: int
    rows: int
    fused: bool
    by_element: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What names the plan among those of a convolution, as plain data."""
        return {"tile": list(self.tile), "block": self.block, "panels": self.panels}

    @property
    def patch(self) -> tuple[int, int]:
        """Rows and columns of the part of the image that a tile reads."""
        return self.tile[0] + TAPS - 1, self.tile[1] + TAPS - 1

    @property
    def positions(self) -> int:
        """Products of a tile, for each pair of channels."""
        return math.prod(self.patch)

    @property
    def panel(self) -> int:
        """Output channels of a panel."""
        return self.lanes * self.vectors

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Tiles along the height and the width of an image."""
        c = self.convolution
        return -(-c.height // self.tile[0]), -(-c.width // self.tile[1])

    @cached_property
    def tiles(self) -> int:
        """All tiles of the kernel."""
        return self.convolution.images * math.prod(self.grid)

    @property
    def all_panels(self) -> int:
        """Panels of all output channels."""
        return -(-self.convolution.outer // self.panel)

    @cached_property
    def counts(self) -> tuple[int, int]:
        """Items along the tiles and along the panels."""
        return -(-self.tiles // self.block), -(-self.all_panels // self.panels)

    @property
    def row_stride(self) -> int:
        """Elements from one tile's transformed inputs to the next one's."""
        return -(-self.convolution.inner // self.lanes) * self.lanes

    @property
    def position_stride(self) -> int:
        """Elements from one position of transformed inputs to the next one."""
        return self.block * self.row_stride + LINE

    @property
    def sum_stride(self) -> int:
        """Elements from one tile's sums to the next one's."""
        return self.positions * self.panel + LINE

    @property
    def filter_bytes(self) -> int:
        """Bytes of the transformed filters."""
        return 4 * self.positions * self.convolution.inner * self.all_panels * self.panel

    @cached_property
    def scratch(self) -> dict[str, int]:
        """Elements of each buffer on the stack."""
        return {
            "inputs": self.positions * self.position_stride,
            "sums": self.block * self.sum_stride,
            "patch": self.positions * self.lanes,
            "turned": max(self.positions * self.lanes, self.tile[0] * self.patch[1] * self.panel),
            "outputs": math.prod(self.tile) * self.panel,
        }

    @property
    def scratch_bytes(self) -> int:
        """Bytes on the stack, alignment included."""
        return sum(4 * n + 64 for n in self.scratch.values())

    @property
    def row_tiles(self) -> tuple[tuple[int, int], ...]:
        """(count, height) of the register tiles of a block."""
        return row_tiles(self.block, self.rows)

    @property
    def register_tiles(self) -> int:
        """Register tiles of a block in one panel at one position."""
        return sum(n for n, _ in self.row_tiles)


_PACKING = 8.0
"""Cycles for each filter that is transformed when the program runs."""

_EXACT = 4
"""The largest tile where filters are in training: gradients keep five digits."""


def candidates(convolution: Convolution, target: Target) -> Iterator[Plan]:
    """Every plan that is tried and fits the stack."""
    lanes = target.vector_bytes // 4
    kind = target.fused, target.by_element
    registers = target.vector_registers
    rows, vectors = tile_shape(100, convolution.outer, lanes, registers, target.by_element)
    if convolution.packed and convolution.outer % (lanes * vectors):
        return
    for tile in itertools.product(PAIRS, PAIRS):
        if convolution.packed and max(tile) > _EXACT:
            continue
        whole = Plan(convolution, tile, 1, 1, lanes, vectors, rows, *kind)
        blocks = {-(-whole.tiles // n) for n in range(1, whole.tiles + 1)}
        panels = {-(-whole.all_panels // n) for n in (1, 2, 3, 4, 8, 16)}
        for block, per in itertools.product(sorted(blocks), sorted(panels)):
            plan = Plan(convolution, tile, block, per, lanes, vectors, rows, *kind)
            if plan.scratch_bytes > SCRATCH_BYTES:
                break
            yield plan


_INPUT_OPS = {2: 4, 4: 12, 6: 24}
_OUTPUT_OPS = {2: 4, 4: 10, 6: 20}
"""Operations of one transform of a vector."""

_EXPOSED = 0.6
"""The part of the traffic that prefetching does not hide behind the products."""


def parts(plan: Plan, target: Target) -> dict[str, float]:
    """Estimated cycles of all items on one thread, by what they do."""
    c, costs, (tile_items, panel_items) = plan.convolution, target.costs, plan.counts
    (mh, mw), (nh, nw) = plan.tile, plan.patch
    vectors = -(-c.outer // plan.lanes)
    tiles = plan.all_panels * plan.register_tiles
    products = plan.block * vectors * c.inner / costs.fma_per_cycle + 16 * tiles
    into = nw * _INPUT_OPS[mh] + nh * _INPUT_OPS[mw] + 2.4 * plan.positions
    out = nw * _OUTPUT_OPS[mh] + mh * _OUTPUT_OPS[mw] + 2.4 * plan.positions + 9 * mh * mw
    inputs = 4 * plan.scratch["inputs"]
    # What is over the second cache drives out as much again of what is in it.
    excess = max(inputs + 4 * plan.scratch["sums"] - 0.9 * target.l2_bytes, 0)
    spilled = plan.all_panels * min(3 * excess, inputs)
    exposed = _EXPOSED / costs.l3_bytes
    return {
        "products": tile_items * plan.positions * products,
        "inputs": plan.tiles * -(-c.inner // plan.lanes) * into * 0.9 / costs.fma_per_cycle,
        "outputs": plan.tiles * vectors * out * 0.9 / costs.fma_per_cycle,
        "filters": (tile_items - 1) * plan.filter_bytes * exposed,
        "spilled": tile_items * spilled * exposed,
        "items": tile_items * panel_items * 300.0,
    }


def estimate(plan: Plan, target: Target, threads: int) -> float:
    """Estimated cycles of a team of threads. Inputs are transformed where a piece of a share
    begins, and where the next block of tiles does."""
    found = parts(plan, target)
    tile_items, panel_items = plan.counts
    items = tile_items * panel_items
    share = teams.busiest(items, threads)
    inputs = found.pop("inputs") / tile_items
    fresh = min(-(-share // panel_items) + teams.pieces(items, threads) - 1, share)
    work = sum(found.values()) * share / items + fresh * inputs
    stays = plan.filter_bytes <= 2 * target.l3_bytes
    weights = plan.filter_bytes * (1 if stays else tile_items)
    return cycles.with_weights(work, weights, threads, target)


def cost(plan: Plan, target: Target) -> float:
    """Estimated cycles, as the mean over teams."""
    return teams.mean(lambda n: estimate(plan, target, n), _TEAMS) + packing(plan, target)


def packing(plan: Plan, target: Target) -> float:
    """Estimated cycles of the kernels that transform filters when the program runs."""
    c = plan.convolution
    if not c.packed:
        return 0.0
    return plan.filter_bytes / target.costs.memory_bytes + _PACKING * c.inner * c.outer


def ranked(convolution: Convolution, target: Target) -> list[Plan]:
    """All plans by rising estimate."""
    return sorted(candidates(convolution, target), key=lambda p: cost(p, target))


def from_parameters(convolution: Convolution, target: Target, parameters: Parameters) -> Plan:
    """The first of the ranked plans with these parameters: any of `tile`, `block`, `panels`.

    Raises `InvalidParameters` where no plan has them.
    """
    unknown = set(parameters) - {"tile", "block", "panels"}
    for plan in [] if unknown else ranked(convolution, target):
        if all(plan.parameters[k] == v for k, v in parameters.items()):
            return plan
    raise InvalidParameters(f"no plan of a Winograd convolution has {dict(parameters)}")
