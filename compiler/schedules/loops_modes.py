"""How a stage is vectorised: which loop carries the lanes, how many vectors go at once.

`lanes` run along a parallel loop (accumulators are vectors, one per element) or along a reduction
loop over contiguous data (partial sums, joined at the end). `jam` elements of a second parallel
loop are computed together, so that they share loads and hide the latency of the accumulation.
`turn` reads tiles along the jammed loop and transposes them in registers; `lanes_first` then puts
the lanes' loop outside. `weave` puts the vectors of a short innermost loop together in registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mlir import ir

from tyc.compiler.schedules import memory
from tyc.compiler.schedules.kernel import element_of, itemsize
from tyc.compiler.schedules.loops_access import DEAR
from tyc.compiler.schedules.loops_groups import Access, Shape
from tyc.compiler.schedules.loops_stages import Stage
from tyc.compiler.schedules.structure import Body, Instruction
from tyc.compiler.targets import Target

COMBINERS = {
    "arith.addf", "arith.mulf", "arith.maximumf", "arith.minimumf", "arith.maxnumf",
    "arith.minnumf", "arith.addi", "arith.muli", "arith.maxsi", "arith.minsi", "arith.maxui",
    "arith.minui", "arith.andi", "arith.ori", "arith.xori",
}  # fmt: skip
_UNROLLED_TAPS = 16


@dataclass
class Mode:
    """`lanes` of one vector (1: scalars), along the parallel loop `along` or, where `folds`, the
    reduction loop `along`; `unroll` vectors at once; `jam` elements of the parallel loop `jammed`;
    `unrolled` reduction loops are written out."""

    lanes: int = 1
    along: int = -1
    folds: bool = False
    unroll: int = 1
    jammed: int = -1
    jam: int = 1
    turn: bool = False
    lanes_first: bool = False
    weave: bool = False
    unrolled: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Knobs:
    """What a tuner may turn: `vectors` at once where nothing is summed, `sums` at once where
    something is, items `pieces` times as many. 0 is what the cost model says."""

    vectors: int = 0
    sums: int = 0
    pieces: float = 1.0


def combiner(body: Body, k: int) -> Instruction | None:
    """The operation `accumulator op value` that gives the k-th result, where it is just that."""
    inputs = len(body.arguments) - len(body.yields)
    accumulator = body.arguments[inputs + k]
    defined = {r: i for i in body.instructions for r in i.results}
    found = defined.get(body.yields[k])
    if found is None or found.name not in COMBINERS or accumulator not in found.operands:
        return None
    if sum(1 for _ in accumulator.uses) != 1:
        return None
    return found


def lanes_of(shape: Shape, target: Target) -> int:
    """Lanes of a vector: as many of the widest floating-point type as one register holds."""
    elements = [element_of(a.tensor) for a in (*shape.loads, *shape.stores)]
    floats = [e for e in elements if not isinstance(e, (ir.IntegerType, ir.IndexType))]
    widest = max((itemsize(e) for e in (floats or elements)), default=4)
    if floats:
        widest = max(widest, 4)  # 16-bit floats compute in f32
    return max(target.vector_bytes // widest, 1)


def choose(
    stage: Stage,
    shape: Shape,
    loops: Sequence[int],
    target: Target,
    order: Mode | None = None,
    knobs: Knobs = Knobs(),
) -> Mode:
    """The cheapest mode; `loops` are the parallel groups that are loops inside of an item. Where an
    `order` is given, results are folded in its order."""
    lanes = lanes_of(shape, target)
    best, mode = _scalar_cost(shape), Mode()
    if order is not None and order.folds:
        return replace(order)
    if not _folds(shape):  # nothing to fold: results are what they start from
        return _widen(stage, shape, loops, mode, target, knobs)
    for g in loops:
        cost = _lane_cost(shape, [(a.parallel[g], a) for a in shape.loads], lanes)
        cost += sum(_store_weight(a.parallel[g], lanes) for a in shape.stores) / _folds(shape)
        cost = cost / _filled(shape.groups[g].extent, lanes)
        # The last loop of equals: its stores are contiguous.
        if cost < best or (cost == best and mode.along >= 0):
            best, mode = cost, Mode(lanes, g)
    if order is None and shape.reductions and _can_fold(stage):
        q = len(shape.reductions) - 1
        extent = shape.reductions[q].extent
        cost = _lane_cost(shape, [(a.reduction[q], a) for a in shape.loads], lanes)
        cost = cost / _filled(extent, lanes) + (12 + lanes) / _folds(shape)
        if cost < best and extent >= lanes:
            best, mode = cost, Mode(lanes, q, folds=True)
    return _widen(stage, shape, loops, mode, target, knobs)


def _folds(shape: Shape) -> int:
    product = 1
    for group in shape.reductions:
        product *= group.extent
    return product


def _can_fold(stage: Stage) -> bool:
    if stage.reduction is None:
        return False
    body = stage.reduction.body
    return all(combiner(body, k) is not None for k in range(len(body.yields)))


def _filled(extent: int, lanes: int) -> float:
    """Elements a vector operation does on average, the tail counted in."""
    return extent / (extent // lanes + (1 if extent % lanes else 0))


def _load_weight(stride: int | None, lanes: int) -> float:
    if stride is None:
        return 1.5 * lanes
    if stride in (0, 1):
        return float(stride)
    return 2.0 * min(abs(stride), 4) if -1 <= stride <= 4 else 1.5 * lanes


def _store_weight(stride: int | None, lanes: int) -> float:
    return 1.0 if stride == 1 else 3.0 * lanes


def _lane_cost(shape: Shape, strides: list[tuple[int | None, Access]], lanes: int) -> float:
    return shape.cost + sum(_load_weight(s, lanes) for s, _ in strides)


def _scalar_cost(shape: Shape) -> float:
    return shape.cost + len(shape.loads) + len(shape.stores) / max(_folds(shape), 1)


def _widen(
    stage: Stage, shape: Shape, loops: Sequence[int], mode: Mode, target: Target, knobs: Knobs
) -> Mode:
    """Adds unrolling and jamming to a mode."""
    if stage.reduction is None:
        usual = 4 if shape.cost <= 8 else 2 if shape.cost < DEAR else 1
        mode.unroll = knobs.vectors or usual
        if not _weave(shape, loops, mode, lanes_of(shape, target)):
            _turn(shape, loops, mode)
        return mode
    if mode.folds:
        mode.unroll = knobs.sums or 4
        return mode
    mode.unrolled = _taps(shape)
    rest = [g for g in loops if g != mode.along]
    limit = max(target.vector_registers // 2, 4)
    if rest and not any(a.parallel[rest[-1]] == 0 for a in shape.loads):
        limit = 4  # no weights are shared: more at once is only more code
    limit = knobs.sums or limit
    if rest and _shares(shape, rest[-1]):
        mode.jammed = rest[-1]
        mode.jam = _divide(shape.groups[rest[-1]].extent, limit)
    if mode.along >= 0:
        vectors = max(shape.groups[mode.along].extent // mode.lanes, 1)
        if mode.jammed < 0 and vectors < 4 * limit:
            limit = 2  # a cache line of each row: more items, and memory is the limit anyway
        mode.unroll = min(_divide(vectors, max(limit // mode.jam, 1)), vectors)
    return mode


def _divide(extent: int, limit: int) -> int:
    """How many at once: a divisor of the extent near the limit, or else the limit."""
    if extent <= limit:
        return extent
    for n in range(limit, limit // 2, -1):
        if extent % n == 0:
            return n
    return limit


def _taps(shape: Shape) -> set[int]:
    """The inner reduction loops that are short enough to be written out."""
    found: set[int] = set()
    product = 1
    for q in reversed(range(len(shape.reductions))):
        product *= shape.reductions[q].extent
        if product > _UNROLLED_TAPS:
            break
        found.add(q)
    return found


def _shares(shape: Shape, g: int) -> bool:
    """True where neighbours along the loop read the same elements: a weight, or a window's."""
    for access in shape.loads:
        stride = access.parallel[g]
        if stride == 0 and access.address.atoms():
            return True
        reach = [
            (s, abs(s) * (q.extent - 1)) for s, q in zip(access.reduction, shape.reductions) if s
        ]
        if stride and any(abs(s) <= abs(stride) <= most for s, most in reach):
            return True
    return False


def _turn(shape: Shape, loops: Sequence[int], mode: Mode) -> None:
    """Reads that stride along the lanes and are contiguous along another loop come as tiles."""
    if mode.lanes < 4 or mode.along < 0 or shape.groups[mode.along].extent < memory.TILE:
        return
    for access in shape.loads:
        stride = access.parallel[mode.along]
        if stride in (0, 1, -1):
            continue
        for g in loops:
            if g != mode.along and access.parallel[g] == 1 and shape.groups[g].extent >= 8:
                # A cache line of what is read: 16 elements.
                mode.turn, mode.jammed, mode.unroll, mode.lanes = True, g, 1, memory.TILE
                mode.jam = 16 if shape.groups[g].extent >= 16 else 8
                # The inner loop walks the buffer whose rows are closer to each other.
                rows = max(abs(s.parallel[g] or 0) for s in shape.stores)
                mode.lanes_first = abs(access.parallel[mode.along] or 0) > rows
                return


def _weave(shape: Shape, loops: Sequence[int], mode: Mode, lanes: int) -> bool:
    """An innermost loop of 2 to 4, next to one along which all reads are contiguous."""
    last = len(shape.groups) - 1
    if last not in loops or not 2 <= shape.groups[last].extent <= 4 or lanes < 4:
        return False
    extent = shape.groups[last].extent
    for g in loops:
        stores = all((a.parallel[last], a.parallel[g]) == (1, extent) for a in shape.stores)
        loads = all(a.parallel[g] in (0, 1) for a in shape.loads)
        if g != last and stores and loads and shape.groups[g].extent >= 2 * lanes:
            mode.lanes, mode.along, mode.unroll, mode.weave = lanes, g, 1, True
            mode.jammed, mode.jam = last, extent
            return True
    return False
