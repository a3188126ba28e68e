"""The plans of a contraction: those that are possible, and the cheapest of them.

make(contraction, target)             the plan that a kernel gets
space(contraction, target, limit)     the cheapest `limit` plans, for a tuner to measure
from_parameters(contraction, target, plan.parameters())    the same plan again
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from tyc.compiler.schedules.choice import InvalidParameters, Parameters
from tyc.compiler.schedules.contraction_cost import Machine, cost, is_scattered
from tyc.compiler.schedules.contraction_cut import (
    DIRECT,
    PACKED,
    PANELS,
    SLAB,
    Block,
    Plan,
    accumulates_in_place,
    panels_of,
    scratch_bytes,
    slab_size,
)
from tyc.compiler.schedules.contraction_form import Contraction, Side, argument_of, strides_of
from tyc.compiler.schedules.contraction_split import rows_are_windows
from tyc.compiler.targets import Target

SCRATCH_BYTES = 448 << 10
"""The most that a task may allocate on its stack."""

_FEW = 8
"""Rows up to which B is read so few times that packing it does not pay."""

_PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64)
_LENGTHS = (384, 192, 96)
"""Lengths of the parts of very long loops, such as a vocabulary: their copies fit the stack."""

_UNCUT = Block((), ())
_FEW_PARTS = (1, 5, 16, 64)


def make(contraction: Contraction, target: Target) -> Plan | None:
    """The plan with the least estimated time, or `None` where no plan fits the stack."""
    search = _Search(contraction, Machine.of(contraction, target))
    tried = (search.plans(search.usual(short), _FEW_PARTS) for short in (False, True))
    rough = next(filter(None, (heapq.nsmallest(3, plans, key=search.cost) for plans in tried)), [])
    # What is best with few cuts is cut in every way.
    likely = dict.fromkeys(
        replace(p, rows=_UNCUT, columns=_UNCUT, a_elements=0, b_elements=0) for p in rough
    )
    plans = [p for base in likely for p in search.cuts(base, _PARTS)]
    return min(plans or rough, key=search.cost, default=None)


def space(contraction: Contraction, target: Target, limit: int = 200) -> list[Plan]:
    """Up to `limit` different plans, the least estimated time first; that of `make` leads."""
    search = _Search(contraction, Machine.of(contraction, target))
    usual = make(contraction, target)
    if usual is None:
        return []
    best = heapq.nsmallest(limit, search.plans(search.all(), _PARTS), key=search.cost)
    return list(dict.fromkeys([usual, *best]))[:limit]


def from_parameters(contraction: Contraction, target: Target, parameters: Parameters) -> Plan:
    """The plan of `Plan.parameters()`. Raises `InvalidParameters` where it is none of this
    contraction's: another shape's, another machine's, or damaged."""
    search = _Search(contraction, Machine.of(contraction, target))
    plan = None
    try:
        plan = search.read(parameters)
        reason = search.objection(plan)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
    if plan is None or reason:
        raise InvalidParameters(f"must fit the kernel's loops, got {dict(parameters)}: {reason}")
    return plan


def tile_shape(
    rows: int, columns: int, lanes: int, registers: int, by_element: bool = False
) -> tuple[int, int]:
    """Rows and vectors of the usual register tile of a product with so many rows and columns.

    >>> tile_shape(100, 100, 8, 16), tile_shape(3, 100, 8, 16), tile_shape(100, 100, 16, 32)
    ((6, 2), (3, 3), (12, 2))
    >>> tile_shape(100, 100, 4, 32, by_element=True)
    (9, 2)
    """
    sums = most_sums(registers)
    vectors = {1: 7, 2: 5, 3: 3, 4: 3}.get(rows, 2)
    vectors = max(1, min(vectors, -(-columns // lanes)))
    height = min(rows, sums // vectors)
    while height > 1 and not fits_registers(height, vectors, registers, by_element):
        height -= 1
    return height, vectors


def fits_registers(height: int, vectors: int, registers: int, by_element: bool = False) -> bool:
    """True where the sums of a tile stand beside a row of B and an element of A, or, `by_element`,
    beside a vector of each row of A and some of B's next row.

    >>> [fits_registers(h, v, 16) for h, v in ((6, 2), (4, 3), (12, 1), (7, 2), (3, 4))]
    [True, True, True, False, False]
    >>> [fits_registers(h, v, 32, by_element=True) for h, v in ((9, 2), (6, 3), (10, 2), (8, 3))]
    [True, True, False, False]
    """
    held = height + max(registers // 8 - 1, 0) if by_element else 1
    return height * vectors + vectors + held <= registers


def most_sums(registers: int) -> int:
    """Sums of a tile: more are of no use, and leave LLVM too few registers."""
    return 12 if registers < 32 else 24


class Choices(NamedTuple):
    """What is tried beside the cuts of rows and columns, each in any combination."""

    tiles: list[tuple[int, int]]
    chunks: list[Block]
    a: list[str]
    b: list[str]
    rows_fastest: list[bool]
    across: list[bool]
    panels_inner: list[bool]


@dataclass(frozen=True)
class _Search:
    """The plans of one contraction on one machine."""

    contraction: Contraction
    machine: Machine

    def cost(self, plan: Plan) -> float:
        """Estimated cycles."""
        return cost(plan, self.contraction, self.machine)

    def usual(self, short: bool = False) -> Choices:
        """The choices that `make` compares beside the cuts of rows and columns; `short` where
        none of the others fits."""
        c = self.contraction
        a, b = _kinds_of_a(c)[0], _kinds_of_b(c)[0]
        across = [True, False] if len(c.rows) > 1 else [True]
        # Windows with strides reach far, and rows that are copied from columns are many: short
        # chunks of both operands fit sooner. Where an update follows only if nothing else fits:
        # sums that wait where the result will be leave it no room for the old value.
        windows = rows_are_windows(c)
        plain = all(root.value in c.views for root in c.roots)
        copied = short or windows or ((a, b) == (SLAB, PANELS) and plain)
        scales = (0.25, 0.5, 1.0, math.inf) if copied else (1.0, math.inf)
        return Choices(
            self._tiles(), self._chunks(b, scales), [a], [b],
            [True, False] if windows else [b != PACKED or a == DIRECT], across, [False, True],
        )  # fmt: skip

    def all(self) -> Choices:
        """Every choice that may be the best one."""
        c = self.contraction
        kinds = _kinds_of_b(c)
        return self.usual()._replace(
            chunks=self._chunks(kinds[0], (1.0, 0.5, 2.0, math.inf)), a=_kinds_of_a(c), b=kinds,
            rows_fastest=[True, False],
        )  # fmt: skip

    def _chunks(self, kind_b: str, scales: Sequence[float]) -> list[Block]:
        return list(dict.fromkeys(self._chunk(kind_b, 2, scale) for scale in scales))

    def _tiles(self) -> list[tuple[int, int]]:
        """Heights and vectors of register tiles that keep the multipliers busy."""
        c, m = self.contraction, self.machine
        sums, rows = most_sums(m.registers), c.extent(c.rows)
        widest = min(sums, -(-c.extent(c.columns[-1:]) // m.lanes))
        found = []
        for v in range(1, widest + 1):
            fitting = partial(fits_registers, registers=m.registers, by_element=m.by_element)
            heights = [h for h in range(1, sums // v + 1) if fitting(h, v)]
            height = min(rows, max(heights, default=0))
            if height and height * v * 2 >= min(sums, rows * widest):
                found.append((height, v))
        return found

    def plans(self, choices: Choices, parts: Sequence[int]) -> Iterator[Plan]:
        """All plans of the given choices whose scratch fits the stack."""
        for choice in itertools.product(*choices):
            yield from self.cuts(self._base(*choice), parts)

    def cuts(self, base: Plan, parts: Sequence[int]) -> Iterator[Plan]:
        """A plan with its rows and columns cut into about so many parts."""
        for plan in _cuts(base, self.contraction, parts):
            if scratch_bytes(plan, self.machine.itemsize) <= SCRATCH_BYTES:
                yield plan

    def _base(
        self, tile: tuple[int, int], chunk: Block, a: str, b: str, rows_fastest: bool, across: bool,
        panels_inner: bool,
    ) -> Plan:  # fmt: skip
        """The plan of these choices before its rows and columns are cut."""
        m, (height, vectors) = self.machine, tile
        far = math.prod(self.contraction.b.shape) * m.itemsize > m.l2_bytes
        streamed = far and b == PACKED and len(chunk.loops) == 1
        return Plan(
            lanes=m.lanes, vectors=vectors, height=height,
            rows=_UNCUT, columns=_UNCUT, chunk=chunk, sizes=self.contraction.sizes,
            a=a, b=b, a_chunked=False, b_chunked=False, rows_fastest=rows_fastest,
            scratch_output=False, across=across, panels_inner=panels_inner,
            panel=m.lanes * (2 if b == PACKED and vectors % 2 == 0 else vectors), fused=m.fused,
            streamed=streamed, by_element=m.by_element,
        )  # fmt: skip

    def _chunk(self, kind_b: str, vectors: int, scale: float) -> Block:
        """Cuts the depth where a panel of B would not stay in the first-level cache. The loops are
        in the order of falling stride in A, so that its elements are read as they are in memory."""
        c, m = self.contraction, self.machine
        strides = strides_of(c.a)
        loops = tuple(sorted(c.depth, key=lambda d: -strides.get(d, 0)))
        sizes = tuple(c.sizes[d] for d in loops)
        goal = max(scale * (m.l1_bytes // (m.lanes * vectors * m.itemsize)), 64)
        used_once = kind_b in (PACKED, DIRECT) and c.extent(c.rows) <= _FEW
        if math.prod(sizes) <= 2 * goal or used_once:
            return Block(loops, sizes, 0, sizes[0] if sizes else 1)
        return Block(loops, sizes, *_depth_cut(sizes, int(goal)))

    def read(self, parameters: Parameters) -> Plan:
        """The plan of these parameters, not checked yet."""
        c, p = self.contraction, parameters
        strides = strides_of(c.a)
        loops = tuple(sorted(c.depth, key=lambda d: -strides.get(d, 0)))
        base = self._base(
            (int(p["height"]), int(p["vectors"])), _block(loops, c, p["depth"]),
            str(p["a"]), str(p["b"]), bool(p["rows_fastest"]), bool(p["across"]),
            bool(p["panels_inner"]),
        )  # fmt: skip
        rows, columns = _block(c.rows, c, p["rows"]), _block(c.columns, c, p["columns"])
        return _completed(base, c, rows, columns, bool(p["a_chunked"]), bool(p["b_chunked"]))

    def objection(self, plan: Plan) -> str:
        """Why a plan cannot be emitted, or nothing."""
        c, m = self.contraction, self.machine
        rows = c.extent(c.rows)
        if not (1 <= plan.height <= rows and plan.vectors >= 1):
            return f"a tile of {plan.height} rows by {plan.vectors} vectors"
        if not fits_registers(plan.height, plan.vectors, m.registers, m.by_element):
            return f"{plan.height * plan.vectors} sums in {m.registers} registers"
        if plan.a not in _kinds_of_a(c) or plan.b not in _kinds_of_b(c):
            return f"A {plan.a} and B {plan.b}"
        split = plan.columns.position == len(plan.columns.loops) - 1
        if split and plan.columns.ragged and plan.columns.chunk % plan.width:
            return "a block of columns that ends within a panel"
        chunked = (plan.a_chunked, plan.b_chunked)
        kinds = ((c.a, plan.a), (c.b, plan.b))
        if any(x not in _chunkings(*k, plan.chunk) for x, k in zip(chunked, kinds)):
            return "a copy of all of the depth where only chunks can be copied"
        stack = scratch_bytes(plan, m.itemsize)
        return f"{stack} bytes of stack" if stack > SCRATCH_BYTES else ""


def _block(loops: tuple[int, ...], contraction: Contraction, cut: Sequence[int]) -> Block:
    position, chunk = cut
    found = Block(loops, tuple(contraction.sizes[d] for d in loops), int(position), int(chunk))
    if not found.is_valid():
        raise ValueError(f"a cut {list(cut)} that is no part of the loops")
    return found


def _depth_cut(sizes: tuple[int, ...], goal: int) -> tuple[int, int]:
    """Which depth loop is cut, and in chunks of what length, for about `goal` products."""
    position, inner = 0, math.prod(sizes[1:])
    while inner > 3 * goal and position < len(sizes) - 1:
        position += 1
        inner //= sizes[position]
    most = max(goal // inner, 1)
    fits = [c for c in range(max(most * 2 // 3, 1), most + 1) if sizes[position] % c == 0]
    pieces = -(-sizes[position] // most)
    return position, fits[-1] if fits else -(-sizes[position] // pieces)


def _kinds_of_a(contraction: Contraction) -> list[str]:
    """Where A may be read from, the better place first."""
    a = contraction.a
    if argument_of(a.value) is None or a.casts or a.shift is not None:
        return [SLAB]
    if contraction.is_joined(a):
        return [DIRECT]
    # Elements of a row that are a page or more apart defeat the prefetcher: they are copied where
    # many columns read them.
    many = contraction.extent(contraction.columns) >= 64
    return [SLAB, DIRECT] if many and is_scattered(a, contraction) else [DIRECT, SLAB]


def _kinds_of_b(contraction: Contraction) -> list[str]:
    """Where B may be read from, the better place first."""
    b, lane = contraction.b, contraction.lane
    plain = all(i.loop is not None or not i.terms for i in b.index)
    argument = argument_of(b.value)
    if plain and argument in contraction.constants:
        return [PACKED]
    few = contraction.extent(contraction.rows) <= _FEW
    ready = argument is not None and not b.casts and b.shift is None
    direct = [DIRECT] if ready and plain and strides_of(b)[lane] == 1 else []
    last = b.index[-1]
    if plain or last.coefficient(lane) != 1 or any(i.coefficient(lane) for i in b.index[:-1]):
        return [*direct, PANELS] if few else [PANELS, *direct]
    return [SLAB]


def _chunkings(side: Side, kind: str, chunk: Block) -> list[bool]:
    """Whether an operand's copy may be made for each chunk: it must be where the depth's loops are
    tensor indices of their own; parts of windows overlap, so that either may be better."""
    cut = [*chunk.outer, chunk.split]
    alone = all(i.loop in cut for i in side.index for d in cut if i.coefficient(d))
    return [True] if kind != SLAB or alone or math.prod(chunk.counts) == 1 else [False, True]


def _blocks(
    loops: tuple[int, ...], sizes: tuple[int, ...], step: int, many: Sequence[int]
) -> Iterator[Block]:
    """Every way to cut the loops that is tried; `step` is what a chunk of the last loop is a
    multiple of."""
    if not loops:
        yield Block((), ())
        return
    for position in range(len(loops)):
        last = position == len(loops) - 1
        seen = set()
        more = (sizes[position] // length for length in _LENGTHS)
        for parts in (*many, *(n for n in more if n > 2 * many[-1])):
            chunk = -(-sizes[position] // parts)
            chunk = min(-(-chunk // step) * step, sizes[position]) if last else chunk
            if chunk not in seen:
                seen.add(chunk)
                yield Block(loops, sizes, position, chunk)


def _cuts(base: Plan, contraction: Contraction, many: Sequence[int]) -> Iterator[Plan]:
    """A plan with its rows and columns cut in every way that is tried."""
    sizes = contraction.sizes
    row_sizes = tuple(sizes[d] for d in contraction.rows)
    column_sizes = tuple(sizes[d] for d in contraction.columns)
    for rows, columns, a, b in itertools.product(
        _blocks(contraction.rows, row_sizes, 1, many),
        _blocks(contraction.columns, column_sizes, base.width, many),
        _chunkings(contraction.a, base.a, base.chunk),
        _chunkings(contraction.b, base.b, base.chunk),
    ):
        yield _completed(base, contraction, rows, columns, a, b)


def _completed(
    base: Plan, contraction: Contraction, rows: Block, columns: Block, a: bool, b: bool
) -> Plan:
    """The plan with these cuts and the sizes of its scratch."""
    scratch = base.chunks > 1 and not accumulates_in_place(contraction)
    lengths = rows.lengths(False) | columns.lengths(False)
    slab = panel = 0
    if base.a == SLAB:
        slab = slab_size(contraction.a, lengths | base.depth_lengths(a)) + base.width
    if base.b == SLAB:
        panel = slab_size(contraction.b, lengths | base.depth_lengths(b)) + base.width
    elif base.b == PANELS:
        depth = math.prod(base.depth_lengths(b).values())
        panel = panels_of(columns, base.width) * depth * base.width
    return replace(
        base, rows=rows, columns=columns, a_chunked=a, b_chunked=b, scratch_output=scratch,
        a_elements=slab, b_elements=panel,
    )  # fmt: skip


def _uncut(plan: Plan) -> Plan:
    return replace(plan, rows=_UNCUT, columns=_UNCUT, a_elements=0, b_elements=0)
