"""Loops of a stage: neighbouring dimensions that every buffer walks through alike become one.

relu on [1, 64, 56, 56]            one loop of 200704
x[n, h, w, c] + bias[c]            loops of n*h*w and of c
sum over h, w of x[n, c, h, w]     a loop of n*c, a reduction loop of h*w
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mlir import ir

from tyc.compiler.schedules.affine import Affine, Facts, Symbol, total
from tyc.compiler.schedules.loops_access import Reads
from tyc.compiler.schedules.loops_packing import Layouts
from tyc.compiler.schedules.loops_stages import Stage, reads_of


@dataclass(frozen=True)
class Group:
    """Neighbouring dimensions as one loop; `lows` is where the box begins in each of them."""

    dims: tuple[int, ...]
    sizes: tuple[int, ...]
    lows: tuple[int, ...]

    @property
    def extent(self) -> int:
        """The number of iterations."""
        return math.prod(self.sizes)

    def indices(self, x: Affine, facts: Facts) -> dict[int, Affine]:
        """The index of each dimension at position `x` of the loop."""
        found = {}
        for k in reversed(range(len(self.dims))):
            own = x if k == 0 else facts.remainder(x, self.sizes[k])
            found[self.dims[k]] = own + self.lows[k]
            x = x if k == 0 else facts.quotient(x, self.sizes[k])
        return found


def point(groups: Sequence[Group], at: Sequence[Affine], rank: int, facts: Facts) -> list[Affine]:
    """The index of every dimension at a position of every loop; 0 for a dimension of size 1."""
    dims = [Affine({})] * rank
    for group, x in zip(groups, at):
        for d, index in group.indices(x, facts).items():
            dims[d] = index
    return dims


@dataclass
class Access:
    """A buffer address as the loops move: its stride along each of them, `None` where it has none.
    `parallel` and `reduction` follow the stage's groups."""

    tensor: ir.Value
    address: Affine
    parallel: list[int | None]
    reduction: list[int | None]


@dataclass
class Shape:
    """The loops of a stage and what it accesses in them."""

    groups: list[Group]
    reductions: list[Group]
    loads: list[Access]
    stores: list[Access]
    reads: Reads
    facts: Facts

    @property
    def cost(self) -> int:
        """The cost of one iteration's arithmetic in vector additions."""
        return self.reads.cost


Box = Sequence[tuple[int, int]]


def whole(stage: Stage) -> Box:
    """All of the stage's elements, as (low, size) a dimension."""
    return [(0, n) for n in stage.shape]


def shape_stage(
    stage: Stage,
    stored: set[ir.Value],
    layouts: Layouts,
    box: Box,
    apart: set[int] | None = None,
    folds: list[Group] | None = None,
) -> Shape:
    """Merges the stage's dimensions into loops; those in `apart` stay loops of their own. Where
    `folds` are given, they are the reduction loops."""
    singles = [Group((d,), (n,), (low,)) for d, (low, n) in enumerate(box) if n != 1]
    fixed = {d: low for d, (low, n) in enumerate(box) if n == 1}
    reductions = _reduction_dims(stage)
    shape = _look(stage, stored, layouts, box, singles, reductions, fixed)
    parallel = _merge(singles, shape, apart or set(), False)
    folded = _merge(reductions, shape, set(), True) if folds is None else folds
    if parallel == singles and folded == reductions:
        return shape
    return _look(stage, stored, layouts, box, parallel, folded, fixed)


def _reduction_dims(stage: Stage) -> list[Group]:
    if stage.reduction is None:
        return []
    extents = [stage.reduction.extents[d] for d in stage.reduction.reductions]
    return [Group((j,), (n,), (0,)) for j, n in enumerate(extents) if n != 1]


def _look(
    stage: Stage,
    stored: set[ir.Value],
    layouts: Layouts,
    box: Box,
    groups: list[Group],
    reductions: list[Group],
    fixed: dict[int, int],
) -> Shape:
    facts = Facts()
    symbols = [Symbol("g", i) for i in range(len(groups))]
    folds = [Symbol("q", j) for j in range(len(reductions))]
    for symbol, group in zip([*symbols, *folds], [*groups, *reductions]):
        facts.declare(symbol, 0, group.extent - 1)
    at = point(groups, [Affine.of(s) for s in symbols], len(box), facts)
    for d, low in fixed.items():
        at[d] = Affine({}, low)
    reads = _reads(stage, stored, at, reductions, folds, facts)

    def access(t: ir.Value, where: Sequence[Affine]) -> Access:
        address = total(zip(layouts.strides(t), where))
        return Access(
            t,
            address,
            [reads.stride(address, s) for s in symbols],
            [reads.stride(address, s) for s in folds],
        )

    loads = [access(r.tensor, r.at) for r in reads.reads]
    dense = [total(zip(layouts.written(v), at)) for v in stage.values]
    stores = [
        Access(v, a, [reads.stride(a, s) for s in symbols], [0] * len(folds))
        for v, a in zip(stage.values, dense)
    ]
    return Shape(groups, reductions, loads, stores, reads, facts)


def _reads(
    stage: Stage,
    stored: set[ir.Value],
    at: list[Affine],
    reductions: list[Group],
    folds: list[Symbol],
    facts: Facts,
) -> Reads:
    if stage.reduction is None:
        return reads_of(stage, stored, at, None, facts)
    rank = len(stage.reduction.reductions)
    folded = point(reductions, [Affine.of(s) for s in folds], rank, facts)
    return reads_of(stage, stored, at, folded, facts)


def _merge(groups: list[Group], shape: Shape, apart: set[int], folds: bool) -> list[Group]:
    merged: list[Group] = []
    for k, group in enumerate(groups):
        if merged and _mergeable(groups, k, shape, apart, folds):
            last = merged.pop()
            group = Group(last.dims + group.dims, last.sizes + group.sizes, last.lows + group.lows)
        merged.append(group)
    return merged


def _mergeable(groups: list[Group], k: int, shape: Shape, apart: set[int], folds: bool) -> bool:
    """True where the loops `k - 1` and `k` are one for every buffer."""
    before, group = groups[k - 1], groups[k]
    if set(before.dims + group.dims) & apart:
        return False
    name = "q" if folds else "g"
    pair = {Symbol(name, k - 1), Symbol(name, k)}
    if any(pair & x.atoms() for x, _ in shape.reads.conditions):
        return False
    if any(pair & set(atoms) for atoms in shape.reads.opaque.values()):
        return False
    for access in (*shape.loads, *shape.stores):
        strides = access.reduction if folds else access.parallel
        outer, inner = strides[k - 1], strides[k]
        if outer is None or inner is None or outer != inner * group.extent:
            return False
    return True
