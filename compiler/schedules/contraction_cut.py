"""The cut of a contraction into tasks, chunks, panels and tiles, and what follows from it.

A task is one box of the batch, row and column loops; within it the depth runs in chunks, columns in
panels of `vectors * lanes`, rows in tiles of at most `height`. Only integers here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from tyc.compiler.schedules.contraction_form import Contraction, Side

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

    @cached_property
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
        return dict(self._short if last else self._full)

    @cached_property
    def _full(self) -> dict[int, int]:
        return self._lengths(False)

    @cached_property
    def _short(self) -> dict[int, int]:
        return self._lengths(True)

    def _lengths(self, last: bool) -> dict[int, int]:
        found = dict.fromkeys(self.outer, 1)
        if self.loops:
            found[self.loops[self.position]] = self.length(last)
        found.update(zip(self.loops[self.position + 1 :], self.sizes[self.position + 1 :]))
        return found

    def is_valid(self) -> bool:
        """True where the cut is one of these loops."""
        if not self.loops:
            return True
        inside = 0 <= self.position < len(self.loops)
        return inside and 1 <= self.chunk <= self.sizes[self.position]

    def extent(self, last: bool = False) -> int:
        """The number of points of the box."""
        return math.prod((self._short if last else self._full).values())


@dataclass(frozen=True)
class Plan:
    """All choices of one kernel. The depth is ordered from the outermost loop to the innermost; its
    blocks, the chunks, run one after another in a task. A packed B has panels of `panel` columns:
    where a tile is wider it reads several at once, which memory serves faster than one stream.
    Tiles may run `across` the ends of the innermost row loop; with `panels_inner` a tile of rows
    meets all panels before the next tile does. A `streamed` B comes from beyond the second-level
    cache: tiles of one panel prefetch the next one. `fused` products are added with one rounding,
    where the machine has an instruction for that; `by_element` takes rows of A as vectors."""

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
    across: bool = True
    panels_inner: bool = False
    a_elements: int = 0
    b_elements: int = 0
    panel: int = 0
    fused: bool = True
    streamed: bool = False
    by_element: bool = False

    def parameters(self) -> dict[str, Any]:
        """The choices as plain data, for `contraction_plan.from_parameters`: a cut of loops is the
        position of the one that is split and the length of its chunks."""
        blocks = {"rows": self.rows, "columns": self.columns, "depth": self.chunk}
        found: dict[str, Any] = {k: [b.position, b.chunk] for k, b in blocks.items()}
        names = (
            "height", "vectors", "a", "b", "a_chunked", "b_chunked", "rows_fastest", "across",
            "panels_inner",
        )  # fmt: skip
        return found | {name: getattr(self, name) for name in names}

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

    def height_for(self, columns: int) -> int:
        """The most rows of a tile of that many columns: a narrow one needs more of them to have as
        many sums in flight."""
        vectors = -(-columns // self.lanes)
        if self.panels_inner or vectors >= self.vectors:
            return self.height
        most = 12 if self.vectors < 4 else self.height
        return min(max(self.height * self.vectors // vectors, self.height), most)

    def depth_lengths(self, chunked: bool, last: bool = False) -> dict[int, int]:
        """The trip counts of the depth loops: of one chunk, or of all."""
        return self.chunk.lengths(last) if chunked else {d: self.sizes[d] for d in self.depth}


@lru_cache(maxsize=4096)
def row_tiles(rows: int, height: int) -> tuple[tuple[int, int], ...]:
    """(count, height) of tiles that cover the rows evenly, with at most two heights.

    >>> row_tiles(49, 6), row_tiles(7, 6), row_tiles(12, 6)
    (((4, 6), (5, 5)), ((1, 4), (1, 3)), ((2, 6),))
    """
    tiles = -(-rows // height)
    tall = -(-rows // tiles)
    count = rows - tiles * (tall - 1)
    return ((count, tall), (tiles - count, tall - 1)) if tiles > count else ((count, tall),)


def panels(plan: Plan) -> int:
    """The number of panels in a full column block."""
    return panels_of(plan.columns, plan.width)


def panels_of(columns: Block, width: int) -> int:
    """The number of panels of that width in a full column block."""
    lengths = columns.lengths(False)
    lane = lengths.pop(columns.loops[-1])
    return math.prod(lengths.values()) * -(-lane // width)


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


def slab_size(side: Side, lengths: dict[int, int]) -> int:
    """Elements of the part of a tensor that a task reads."""
    return math.prod(slab_shape(side, lengths))


def accumulates_in_place(contraction: Contraction) -> bool:
    """True where partial sums can wait in the kernel's first output."""
    root = contraction.roots[0]
    return len(contraction.roots) == 1 and root.element == contraction.element


def scratch_bytes(plan: Plan, size: int) -> int:
    """Stack bytes of a plan, the alignment of three buffers included."""
    output = plan.rows.extent() * panels(plan) * plan.width if plan.scratch_output else 0
    return (plan.a_elements + plan.b_elements + output) * size + 192
