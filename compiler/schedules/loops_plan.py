"""Nests of stages and the items they are cut into.

A nest is a set of results that share an item loop, with every stage that they need. An item is a
piece of the last result: one element of some of its loops, a chunk of the innermost, all of the
others. A stage is computed once an item, for what the item reads of it, into scratch on the stack.

    softmax [197, 768] along the last    197 items: a row of every stage
    relu [1, 64, 56, 56]                 49 items of 4096 elements
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tyc.compiler.schedules import memory
from tyc.compiler.schedules.affine import Affine, Facts
from tyc.compiler.schedules.kernel import element_of, itemsize, memory_element
from tyc.compiler.schedules.loops_access import DEAR, cost_of
from tyc.compiler.schedules.loops_groups import Box, Shape, shape_stage, whole
from tyc.compiler.schedules.loops_modes import Knobs, Mode, choose
from tyc.compiler.schedules.loops_packing import Layouts
from tyc.compiler.schedules.loops_stages import Kernel, Stage, domain, reads_of
from tyc.compiler.targets import Target
from tyc.runtime.errors import InternalError

# An item's arithmetic, in vector additions of one element: small enough to balance threads, large
# enough to hide the loop around it.
_GRAIN = 1 << 17
_LEAST = 1 << 10
_ENOUGH_ITEMS = 16
SCRATCH_BYTES = 256 << 10
_MOST_BOXES = 256


@dataclass
class StagePlan:
    """A stage in a nest. `anchors[k]` is the anchor's dimension by which its dimension `k` is cut
    into items, or `None`; `strides` is the layout of its values' scratch, `scratch` its bytes. Of
    the sums of a long epilogue, `waiting` are stored before it runs."""

    stage: Stage
    anchors: list[int | None]
    box: Box
    apart: set[int]
    shape: Shape
    mode: Mode
    strides: tuple[int, ...] = ()
    scratch_elements: int = 0
    scratch: int = 0
    waiting: int = 0


@dataclass
class Nest:
    """Stages that share items. `tiles[g]` is how much of the anchor's loop `g` an item takes."""

    stages: list[StagePlan]
    anchor: StagePlan
    tiles: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of items."""
        return math.prod(self.splits)

    @property
    def splits(self) -> list[int]:
        """The number of pieces of each of the anchor's loops."""
        groups = self.anchor.shape.groups
        return [-(-g.extent // t) for g, t in zip(groups, self.tiles)]


@dataclass(frozen=True)
class Setting:
    """What planning knows: the kernel, where its tensors are, the machine; `exact` fixes the order
    of every sum by its reduction alone, whatever is fused with it, and however it is tuned."""

    kernel: Kernel
    layouts: Layouts
    target: Target
    exact: bool = False
    knobs: Knobs = field(default_factory=Knobs)

    def shape(self, stage: Stage, box: Box, apart: set[int]) -> Shape:
        """The loops of a stage."""
        order = self._order(stage)
        folds = None if order is None else order[0].reductions
        return shape_stage(stage, self.kernel.stored, self.layouts, box, apart, folds)

    def mode(self, stage: Stage, shape: Shape, loops: Sequence[int]) -> Mode:
        """How a stage is vectorised."""
        order = self._order(stage)
        return choose(stage, shape, loops, self.target, order and order[1], self.knobs)

    def _order(self, stage: Stage) -> tuple[Shape, Mode] | None:
        """In exact mode, the loops and mode of the reduction as a kernel of its own."""
        if not self.exact or stage.reduction is None:
            return None
        generic = stage.reduction
        alone = Stage(list(generic.operation.results), generic, generics=stage.generics)
        stored = {o.value for o in generic.inputs}
        shape = shape_stage(alone, stored, Layouts(), whole(alone))
        mode = choose(alone, shape, list(range(len(shape.groups))), self.target)
        return shape, mode


def plan(setting: Setting) -> list[Nest]:
    """The nests of a kernel. Raises `InternalError` where an item's scratch is too large."""
    kernel = setting.kernel
    nests: list[Nest] = []
    for stages, anchor in _clusters(kernel):
        if not math.prod(anchor.shape):  # an empty result asks for nothing
            continue
        boxes = _boxes(kernel, anchor) if len(stages) == 1 else [whole(anchor)]
        nests += [_nest(setting, stages, anchor, box) for box in boxes]
    for nest in nests:
        _wait(nest, setting.target.l1_bytes)
    return nests


def _wait(nest: Nest, l1: int) -> None:
    """Sums that a long epilogue follows wait in scratch, a row of an item at a time: the epilogue
    is a loop of its own then, which has the registers, and whose latency many elements hide."""
    made = nest.anchor
    stage, mode = made.stage, made.mode
    if not stage.fused or stage.reduction is None or mode.folds or len(nest.stages) > 1:
        return
    loops = [g for g in (mode.jammed, mode.along) if g >= 0]
    plain = all(len(made.shape.groups[g].dims) == 1 for g in loops)
    dear = made.shape.cost - cost_of(stage.reduction.body.instructions) >= DEAR
    if mode.along < 0 or not plain or not dear or len(stage.results()) != 1:
        return
    count = math.prod(nest.tiles[g] for g in loops)
    size = itemsize(memory_element(element_of(stage.results()[0])))
    if mode.lanes < count and count * size <= l1 // 2:
        made.waiting, made.scratch = count, made.scratch + count * size


def _clusters(kernel: Kernel) -> list[tuple[list[Stage], Stage]]:
    """Sets of stages that share items, each with the result that it is built around."""
    results = set(kernel.results)
    needs = {s: _closure(kernel, s) for s in kernel.stages}
    clusters: list[tuple[set[Stage], list[Stage]]] = []
    for stage in reversed([s for s in kernel.stages if results & set(s.values)]):
        for members, anchors in clusters:
            alike = stage.shape == anchors[0].shape and math.prod(stage.shape) > 1
            if stage in members or alike:
                members |= needs[stage]
                if stage not in members or alike:
                    anchors.append(stage)
                break
        else:
            clusters.append((set(needs[stage]), [stage]))
    return [(sorted(m, key=lambda s: s.order), a[0]) for m, a in clusters]


def _closure(kernel: Kernel, stage: Stage) -> set[Stage]:
    """The stage and all that it needs."""
    found: set[Stage] = set()
    pending = [stage]
    while pending:
        current = pending.pop()
        if current in found:
            continue
        found.add(current)
        read = {r.tensor for r in _reads(kernel, current).reads}
        pending += [s for s in kernel.stages if read & set(s.values)]
    return found


def _reads(kernel: Kernel, stage: Stage):
    facts = Facts()
    return reads_of(stage, kernel.stored, domain(stage, facts), None, facts)


def _anchors(kernel: Kernel, stages: list[Stage], anchor: Stage) -> dict[Stage, list[int | None]]:
    """For each stage, the anchor's dimension at which each of its dimensions is always read."""
    found: dict[Stage, list[int | None] | None] = dict.fromkeys(stages)
    found[anchor] = list(range(len(anchor.shape)))
    for reader in reversed(stages):
        own = found[reader]
        if own is None:  # nothing reads it: a result of the anchor's shape
            own = found[reader] = list(range(len(reader.shape)))
        facts = Facts()
        at = domain(reader, facts)
        position = {x: d for d, x in enumerate(at) if not x.is_constant}
        for read in reads_of(reader, kernel.stored, at, None, facts).reads:
            stage = next((s for s in stages if read.tensor in s.values), None)
            if stage is None or stage is reader:
                continue
            mapped = [None if (d := position.get(x)) is None else own[d] for x in read.at]
            before = found[stage]
            found[stage] = (
                mapped
                if before is None
                else [a if a == b else None for a, b in zip(before, mapped)]
            )
    return {s: a for s, a in found.items() if a is not None}


def _boxes(kernel: Kernel, stage: Stage) -> list[Box]:
    """Pieces of an elementwise stage in which no padding or concatenation has to be asked for."""
    if stage.reduction is not None:
        return [whole(stage)]
    cuts = [{0, n} for n in stage.shape]
    facts = Facts()
    at = domain(stage, facts)
    position = {next(iter(x.terms)): d for d, x in enumerate(at) if x.terms}
    for x, size in reads_of(stage, kernel.stored, at, None, facts).conditions:
        atoms = x.atoms()
        if len(atoms) != 1 or len(x.terms) != 1:
            continue
        atom, c = next(iter(x.terms.items()))
        if atom not in position:
            continue
        d = position[atom]
        n = stage.shape[d]
        # `0 <= c * i + k < size` changes where the sum crosses 0 and `size`.
        for edge in (0, size):
            cut = -((x.constant - edge) // c) if c > 0 else (edge - 1 - x.constant) // c + 1
            cuts[d] |= {cut} & set(range(n))
    pieces = [len(c) - 1 for c in cuts]
    if math.prod(pieces) > (_MOST_BOXES if max(pieces, default=1) == math.prod(pieces) else 32):
        return [whole(stage)]
    boxes: list[list[tuple[int, int]]] = [[]]
    for c in cuts:
        edges = sorted(c)
        ranges = [(a, b - a) for a, b in itertools.pairwise(edges)]
        boxes = [[*box, r] for box in boxes for r in ranges]
    return list(boxes)


def _nest(setting: Setting, stages: list[Stage], anchor: Stage, box: Box) -> Nest:
    kernel = setting.kernel
    anchors = _anchors(kernel, stages, anchor)
    cut = {d for d, n in enumerate(anchor.shape) if n != 1}
    for stage in stages:
        cut &= {a for a in anchors[stage] if a is not None}
    staged = len(stages) > 1
    apart = cut if staged else set[int]()
    shape = setting.shape(anchor, box, apart)
    free = [g for g, group in enumerate(shape.groups) if not staged or set(group.dims) <= cut]
    mode = setting.mode(anchor, shape, list(range(len(shape.groups))))
    own: list[int | None] = list(range(len(anchor.shape)))
    nest = Nest([], StagePlan(anchor, own, box, apart, shape, mode))
    work = int(_work(kernel, stages, shape) * setting.knobs.pieces)
    nest.tiles = _tiles(shape, mode, free, work, staged, setting.target.l1_bytes)
    while True:
        total = _with_stages(setting, stages, anchors, nest)
        if total <= SCRATCH_BYTES:
            return nest
        if not _shrink(nest, free):
            raise InternalError(
                f"an item's scratch fits {SCRATCH_BYTES} bytes, got {total}: split the kernel"
            )


def _shrink(nest: Nest, free: list[int]) -> bool:
    """Makes items smaller; False where they are as small as they get."""
    for g in free:
        least = nest.anchor.mode.lanes if g == nest.anchor.mode.along else 1
        if nest.tiles[g] > least:
            nest.tiles[g] = least
            return True
    return False


def _work(kernel: Kernel, stages: list[Stage], shape: Shape) -> int:
    """The arithmetic of the whole nest."""
    total = 0
    for stage in stages:
        cost = _reads(kernel, stage).cost + 1
        folds = 1
        if stage.reduction is not None:
            folds = math.prod(stage.reduction.extents[d] for d in stage.reduction.reductions)
        total += cost * folds * math.prod(stage.shape)
    share = math.prod(g.extent for g in shape.groups) / max(math.prod(stages[-1].shape), 1)
    return max(int(total * min(share, 1.0)), 1)


def _tiles(
    shape: Shape, mode: Mode, free: list[int], work: int, staged: bool, l1: int
) -> list[int]:
    """How much of each loop one item takes."""
    tiles = [g.extent for g in shape.groups]
    count = 1
    along = mode.along if not mode.folds else -1
    for g in free:
        enough = count >= _ENOUGH_ITEMS or work <= 8 * _LEAST
        if g in (along, mode.jammed) or (work <= _GRAIN and enough):
            continue
        extent = shape.groups[g].extent
        inner = max(work // extent, 1)
        tiles[g] = 1 if inner >= _LEAST or staged else min(extent, -(-_LEAST // inner))
        pieces = -(-extent // tiles[g])
        count, work = count * pieces, max(work // pieces, 1)
    if along in free:
        extent = shape.groups[along].extent
        tiles[along] = min(_chunk(extent, mode, work, count), _cached(shape, mode, l1))
        count *= -(-extent // tiles[along])
    if mode.turn and mode.jammed in free and count < 4 * _ENOUGH_ITEMS:
        tiles[mode.jammed] = _near(shape.groups[mode.jammed].extent, 128, mode.jam)
    return tiles


def _cached(shape: Shape, mode: Mode, l1: int) -> int:
    """How much of the lanes' loop keeps what the jammed elements share, weights, in the cache."""
    extent = shape.groups[mode.along].extent
    folds = math.prod(g.extent for g in shape.reductions)
    shared = [a for a in shape.loads if mode.jammed >= 0 and a.parallel[mode.jammed] == 0]
    size = sum(itemsize(element_of(a.tensor)) * folds for a in shared if a.parallel[mode.along])
    if size * extent <= l1 // 2:
        return extent
    return _near(extent, max(l1 // 2 // size, 2 * mode.lanes), mode.lanes * mode.unroll)


def _near(extent: int, wanted: int, block: int) -> int:
    """A piece of a loop: whole blocks, and a divisor where one is near."""
    if wanted >= extent or extent <= block:
        return extent
    wanted = max(wanted // block, 1) * block
    for tile in range(wanted, wanted // 2, -block):
        if extent % tile == 0:
            return tile
    return wanted


def _chunk(extent: int, mode: Mode, work: int, count: int) -> int:
    """How much of the loop along the lanes makes an item."""
    block = mode.lanes * mode.unroll
    if mode.turn:
        block, wanted = mode.lanes, 64
    elif work <= 2 * _LEAST * 8 or (work <= _GRAIN and count >= _ENOUGH_ITEMS):
        return extent
    else:
        pieces = max(work // (4 * _GRAIN), min(_ENOUGH_ITEMS // count, work // (_LEAST * 8)), 1)
        wanted = -(-extent // pieces)
    return _near(extent, wanted, block)


def _with_stages(
    setting: Setting, stages: list[Stage], anchors: dict[Stage, list[int | None]], nest: Nest
) -> int:
    """Lays out every stage's scratch for the nest's tiles and plans its loops; gives the bytes."""
    anchor, kernel, layouts = nest.anchor, setting.kernel, setting.layouts
    if len(stages) == 1:
        nest.stages = [anchor]
        return 0
    tile_of = _dim_tiles(nest)
    nest.stages = []
    for stage in stages:
        if stage is anchor.stage:
            nest.stages.append(anchor)
            continue
        own = [a if a in tile_of else None for a in anchors[stage]]
        sizes = [n if a is None else tile_of[a] for n, a in zip(stage.shape, own)]
        layout = tuple(0 if n == 1 else s for n, s in zip(sizes, memory.row_major(sizes)))
        layouts.scratch |= {v: layout for v in stage.values if v not in kernel.results}
        apart = {d for d, a in enumerate(own) if a in tile_of}
        made = StagePlan(stage, own, [(0, n) for n in sizes], apart, anchor.shape, anchor.mode)
        made.strides, made.scratch_elements = layout, math.prod(sizes)
        nest.stages.append(made)
    for made in nest.stages:
        stage = made.stage
        made.shape = setting.shape(stage, made.box, made.apart)
        inner = [g for g, x in enumerate(made.shape.groups) if _inner(x.dims, made, tile_of)]
        made.mode = setting.mode(stage, made.shape, inner)
        kept = [v for v in stage.values if v not in kernel.results]
        bits = sum(itemsize(memory_element(element_of(v))) for v in kept)
        made.scratch = bits * made.scratch_elements
    return sum(p.scratch for p in nest.stages)


def _inner(dims: Sequence[int], made: StagePlan, tile_of: dict[int, int]) -> bool:
    """True where the loop runs inside of an item."""
    return all((a := made.anchors[d]) not in tile_of or tile_of[a] > 1 for d in dims)


def _dim_tiles(nest: Nest) -> dict[int, int]:
    """The anchor's dimensions that are cut, with how much of each an item takes."""
    groups = nest.anchor.shape.groups
    return {
        g.dims[0]: tile
        for g, tile in zip(groups, nest.tiles)
        if tile < g.extent and len(g.dims) == 1
    }


def item_indices(nest: Nest, item: Affine, facts: Facts) -> list[Affine]:
    """Which piece of each of the anchor's loops an item is."""
    found: list[Affine] = []
    for pieces in reversed(nest.splits):
        last = len(found) == len(nest.splits) - 1
        found.append(item if last else facts.remainder(item, pieces))
        item = item if last else facts.quotient(item, pieces)
    return found[::-1]
