"""How a contraction is cut: register tile, blocks of a task, where its operands are read from.

Only integers here. A task is one box of the batch, row and column loops; within it the depth runs
in chunks, columns in panels of `vectors * lanes`, rows in tiles of at most `height`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tyc.compiler.schedules.contraction_form import Contraction, Side, argument_of, strides_of
from tyc.compiler.schedules.kernel import itemsize
from tyc.compiler.targets import Target

SCRATCH_BYTES = 448 << 10
"""The most that a task may allocate on its stack."""

_FEW = 8
"""Rows up to which B is read so few times that packing it does not pay."""

DIRECT, SLAB, PANELS, PACKED = "direct", "slab", "panels", "packed"


@dataclass(frozen=True)
class Block:
    """A box of some loops: those before `split` are fixed in a task, `split` runs in chunks, the
    others are whole. Without loops it is one point."""

    loops: tuple[int, ...]
    sizes: tuple[int, ...]
    position: int = 0
    chunk: int = 1

    @property
    def split(self) -> int | None:
        """The loop that is cut."""
        return self.loops[self.position] if self.loops else None

    @property
    def outer(self) -> tuple[int, ...]:
        """The loops that are fixed in a task."""
        return self.loops[: self.position]

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of tasks along each outer loop and along the split one."""
        if not self.loops:
            return ()
        return (*self.sizes[: self.position], -(-self.sizes[self.position] // self.chunk))

    @property
    def ragged(self) -> bool:
        """True where the last chunk is shorter than the others."""
        return bool(self.loops) and self.sizes[self.position] % self.chunk != 0

    def length(self, last: bool) -> int:
        """The trip count of the split loop in a task."""
        if not self.loops:
            return 1
        short = self.sizes[self.position] % self.chunk
        return short if last and short else self.chunk

    def lengths(self, last: bool) -> dict[int, int]:
        """The trip count of every loop in a task."""
        found = dict.fromkeys(self.outer, 1)
        if self.loops:
            found[self.loops[self.position]] = self.length(last)
        found.update(zip(self.loops[self.position + 1 :], self.sizes[self.position + 1 :]))
        return found

    def extent(self, last: bool = False) -> int:
        """The number of points of the box."""
        return math.prod(self.lengths(last).values())


@dataclass(frozen=True)
class Plan:
    """All choices of one kernel. The depth is ordered from the outermost loop to the innermost; its
    blocks, the chunks, run one after another in a task. A packed B has panels of `panel` columns:
    where a tile is wider it reads several at once, which memory serves faster than one stream.
    `fused` products are added with one rounding, where the machine has an instruction for that."""

    lanes: int
    vectors: int
    height: int
    rows: Block
    columns: Block
    chunk: Block
    sizes: tuple[int, ...]
    a: str
    b: str
    a_chunked: bool
    b_chunked: bool
    rows_fastest: bool
    scratch_output: bool
    a_elements: int = 0
    b_elements: int = 0
    panel: int = 0
    fused: bool = True

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.lanes * self.vectors

    @property
    def depth(self) -> tuple[int, ...]:
        """The depth loops."""
        return self.chunk.loops

    @cached_property
    def chunks(self) -> int:
        """The number of chunks of the depth."""
        return math.prod(self.chunk.counts)

    def depth_lengths(self, chunked: bool, last: bool = False) -> dict[int, int]:
        """The trip counts of the depth loops: of one chunk, or of all."""
        return self.chunk.lengths(last) if chunked else {d: self.sizes[d] for d in self.depth}


def tile_shape(rows: int, columns: int, lanes: int, registers: int) -> tuple[int, int]:
    """Rows and vectors of the register tile: as many sums as the registers hold beside two vectors
    of B and a broadcast element of A, and so few rows as there are."""
    sums = 12 if registers < 32 else 24
    vectors = {1: 8, 2: 4, 3: 4, 4: 3}.get(rows, 2)
    vectors = max(1, min(vectors, -(-columns // lanes)))
    return min(rows, sums // vectors), vectors


def row_tiles(rows: int, height: int) -> list[tuple[int, int]]:
    """(count, height) of tiles that cover the rows evenly, with at most two heights.

    >>> row_tiles(49, 6), row_tiles(7, 6), row_tiles(12, 6)
    ([(4, 6), (5, 5)], [(1, 4), (1, 3)], [(2, 6)])
    """
    tiles = -(-rows // height)
    tall = -(-rows // tiles)
    count = rows - tiles * (tall - 1)
    return [(count, tall)] + ([(tiles - count, tall - 1)] if tiles > count else [])


def make(contraction: Contraction, target: Target) -> Plan | None:
    """The plan with the least estimated time, or `None` where no plan fits the stack."""
    size = itemsize(contraction.element)
    lanes = target.vector_bytes // size
    columns = contraction.extent(contraction.columns[-1:])
    rows = contraction.extent(contraction.rows)
    height, vectors = tile_shape(rows, columns, lanes, target.vector_registers)
    kind_a = _kind_of_a(contraction)
    kind_b = _kind_of_b(contraction)
    base = Plan(
        lanes=lanes, vectors=vectors, height=height,
        rows=Block((), ()), columns=Block((), ()),
        chunk=_chunk(contraction, kind_b, lanes * vectors * size, target), sizes=contraction.sizes,
        a=kind_a, b=kind_b, a_chunked=False, b_chunked=False,
        rows_fastest=kind_b != PACKED or kind_a == DIRECT, scratch_output=False,
        panel=lanes * (2 if kind_b == PACKED and vectors % 2 == 0 else vectors),
        fused="fma" in target.features or not target.triple.startswith("x86"),
    )  # fmt: skip
    plans = [p for p in _candidates(base, contraction) if _bytes(p, size) <= SCRATCH_BYTES]
    return min(plans, key=lambda p: _cost(p, contraction, size), default=None)


def _kind_of_a(contraction: Contraction) -> str:
    a = contraction.a
    if argument_of(a.value) is None or a.casts or a.shift is not None:
        return SLAB
    # Elements of a row that are a page or more apart defeat the prefetcher: they are copied where
    # many columns read them.
    many = contraction.extent(contraction.columns) >= 64
    return SLAB if many and _is_scattered(a, contraction) else DIRECT


def _is_scattered(side: Side, contraction: Contraction) -> bool:
    """True where neighbours in the depth are in different pages of memory."""
    strides = [strides_of(side)[d] for d in contraction.depth]
    return bool(strides) and min(strides) * itemsize(side.element) >= 4096


def _kind_of_b(contraction: Contraction) -> str:
    b, lane = contraction.b, contraction.lane
    plain = all(i.loop is not None or not i.terms for i in b.index)
    argument = argument_of(b.value)
    if plain and argument in contraction.constants:
        return PACKED
    few = contraction.extent(contraction.rows) <= _FEW
    ready = argument is not None and not b.casts and b.shift is None
    if few and ready and plain and strides_of(b)[lane] == 1:
        return DIRECT
    last = b.index[-1]
    if plain or last.coefficient(lane) != 1 or any(i.coefficient(lane) for i in b.index[:-1]):
        return PANELS
    return SLAB


def _chunk(contraction: Contraction, kind_b: str, column_bytes: int, target: Target) -> Block:
    """Cuts the depth where a panel of B would not stay in the first-level cache. The loops are in
    the order of falling stride in A, so that its elements are read as they are in memory."""
    strides = strides_of(contraction.a)
    loops = tuple(sorted(contraction.depth, key=lambda d: -strides.get(d, 0)))
    sizes = tuple(contraction.sizes[d] for d in loops)
    goal = max(target.l1_bytes // column_bytes, 64)
    used_once = kind_b in (PACKED, DIRECT) and contraction.extent(contraction.rows) <= _FEW
    if math.prod(sizes) <= 2 * goal or used_once:
        return Block(loops, sizes, 0, sizes[0] if sizes else 1)
    position, inner = 0, math.prod(sizes[1:])
    while inner > 3 * goal and position < len(loops) - 1:
        position += 1
        inner //= sizes[position]
    most = max(goal // inner, 1)
    fits = [c for c in range(max(most * 2 // 3, 1), most + 1) if sizes[position] % c == 0]
    pieces = -(-sizes[position] // most)
    return Block(loops, sizes, position, fits[-1] if fits else -(-sizes[position] // pieces))


def _chunkings(side: Side, kind: str, chunk: Block) -> list[bool]:
    """Whether an operand's copy may be made for each chunk: it must be where the depth's loops are
    tensor indices of their own; parts of windows overlap, so that either may be better."""
    cut = [*chunk.outer, chunk.split]
    alone = all(i.loop in cut for i in side.index for d in cut if i.coefficient(d))
    return [True] if kind != SLAB or alone or math.prod(chunk.counts) == 1 else [False, True]


_PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64)


def _blocks(loops: tuple[int, ...], sizes: tuple[int, ...], step: int) -> Iterator[Block]:
    """Every way to cut the loops that is tried; `step` is what a chunk of the last loop is a
    multiple of."""
    if not loops:
        yield Block((), ())
        return
    for position in range(len(loops)):
        last = position == len(loops) - 1
        seen = set()
        for parts in _PARTS:
            chunk = -(-sizes[position] // parts)
            chunk = min(-(-chunk // step) * step, sizes[position]) if last else chunk
            if chunk not in seen:
                seen.add(chunk)
                yield Block(loops, sizes, position, chunk)


def _candidates(base: Plan, contraction: Contraction) -> Iterator[Plan]:
    sizes = contraction.sizes
    row_sizes = tuple(sizes[d] for d in contraction.rows)
    column_sizes = tuple(sizes[d] for d in contraction.columns)
    scratch = base.chunks > 1 and not _accumulates_in_place(contraction)
    for rows, columns, a, b in itertools.product(
        _blocks(contraction.rows, row_sizes, 1),
        _blocks(contraction.columns, column_sizes, base.width),
        _chunkings(contraction.a, base.a, base.chunk),
        _chunkings(contraction.b, base.b, base.chunk),
    ):
        plan = replace(
            base, rows=rows, columns=columns, a_chunked=a, b_chunked=b, scratch_output=scratch
        )
        slab = slab_elements(plan, contraction.a, a) + plan.width if plan.a == SLAB else 0
        yield replace(plan, a_elements=slab, b_elements=_b_elements(plan, contraction))


def _b_elements(plan: Plan, contraction: Contraction) -> int:
    if plan.b == SLAB:
        return slab_elements(plan, contraction.b, plan.b_chunked) + plan.width
    if plan.b == PANELS:
        depth = math.prod(plan.depth_lengths(plan.b_chunked).values())
        return panels(plan) * depth * plan.width
    return 0


def panels(plan: Plan) -> int:
    """The number of panels in a full column block."""
    lengths = plan.columns.lengths(False)
    lane = plan.columns.loops[-1]
    others = math.prod(n for d, n in lengths.items() if d != lane)
    return others * -(-lengths[lane] // plan.width)


def box(plan: Plan, chunked: bool, last: Sequence[bool] = (False, False, False)) -> dict[int, int]:
    """The trip counts of all loops of a task, at its ragged edges or not (rows, columns, depth);
    those of the batch are 1."""
    rows, columns, chunk = last
    lengths = plan.rows.lengths(rows) | plan.columns.lengths(columns)
    return lengths | plan.depth_lengths(chunked, chunk)


def slab_shape(side: Side, lengths: dict[int, int]) -> tuple[int, ...]:
    """The sizes of the part of a tensor that a task reads."""
    return tuple(
        1 + sum(c * (lengths.get(d, 1) - 1) for d, c in index.terms) for index in side.index
    )


def slab_elements(plan: Plan, side: Side, chunked: bool) -> int:
    """Elements of the part of a tensor that a task reads."""
    return math.prod(slab_shape(side, box(plan, chunked)))


def _accumulates_in_place(contraction: Contraction) -> bool:
    """True where partial sums can wait in the kernel's first output."""
    root = contraction.roots[0]
    return len(contraction.roots) == 1 and root.element == contraction.element


def _bytes(plan: Plan, size: int) -> int:
    """Stack bytes of a plan, the alignment of three buffers included."""
    output = plan.rows.extent() * panels(plan) * plan.width if plan.scratch_output else 0
    return (plan.a_elements + plan.b_elements + output) * size + 192


def _cost(plan: Plan, contraction: Contraction, size: int) -> float:
    """Estimated cycles, summed over teams of 1 to 16 threads."""
    depth = contraction.extent(plan.depth)
    rows, strips = plan.rows.extent(), panels(plan)
    tiles = -(-rows // plan.height)
    sums = rows / tiles * plan.vectors
    a_bytes = (plan.a_elements or rows * depth) * size
    compute = tiles * strips * (max(sums / 2, 4.0) * depth + (40 + 3 * sums) * plan.chunks)
    each = 2.0 if _is_scattered(contraction.a, contraction) else 0.5
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
