"""The stages of a loop kernel: what is computed in loops of its own and stored.

A stage is a reduction, a result of the kernel, or an expensive value that several stages read.
Everything else is computed where it is read. An elementwise result that reads a reduction at its
own element is computed with it, while the sum is in a register.

    softmax(x)   max stage, exp stage, sum stage, result stage
    mean(x)      one stage: the sum, divided before it is stored
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlir import ir
from mlir.dialects import tensor

from tyc.compiler.schedules import producers
from tyc.compiler.schedules.affine import Affine, Facts, Quotient, Symbol
from tyc.compiler.schedules.kernel import element_of, result_shapes, shape_of
from tyc.compiler.schedules.loops_access import DEAR, Generics, Reads, Walk
from tyc.compiler.schedules.structure import Generic, operation_of, read_generic


@dataclass(eq=False)
class Stage:
    """Loops over the elements of `values`, which have one shape; `reduction` is the generic that is
    folded inside of them, `fused` where its results are not stored themselves: its dimension `k` is
    then the values' dimension `positions[k]` (`None`: of size 1)."""

    values: list[ir.Value]
    reduction: Generic | None = None
    fused: bool = False
    order: int = 0
    positions: tuple[int | None, ...] = ()
    generics: Generics = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the parallel dimensions."""
        return shape_of(self.values[0])

    def results(self) -> list[ir.Value]:
        """The results of its reduction."""
        return [] if self.reduction is None else list(self.reduction.operation.results)


@dataclass
class Kernel:
    """A linalg function, read: its arguments, what it returns (reshapes at the end taken off: they
    are the same bytes), its stages in order. `within` has the shapes of larger tensors in which
    results lie."""

    function: ir.Operation
    arguments: list[ir.Value]
    results: list[ir.Value]
    stages: list[Stage] = field(default_factory=list)
    within: dict[ir.Value, tuple[int, ...]] = field(default_factory=dict)

    @property
    def stored(self) -> set[ir.Value]:
        """Every tensor that some stage stores."""
        return {v for s in self.stages for v in s.values}


def domain(stage: Stage, facts: Facts) -> list[Affine]:
    """A symbol for each parallel dimension, 0 where the size is 1."""
    return [_dimension("p", k, size, facts) for k, size in enumerate(stage.shape)]


def _dimension(name: str, k: int, size: int, facts: Facts) -> Affine:
    if size == 1:
        return Affine({})
    symbol = Symbol(name, k)
    facts.declare(symbol, 0, size - 1)
    return Affine.of(symbol)


def iteration(
    stage: Stage, at: Sequence[Affine], reductions: Sequence[Affine] | None, facts: Facts
) -> list[Affine]:
    """The point of its reduction's iteration space for the element at `at` of its values."""
    generic = stage.reduction
    assert generic is not None
    if stage.fused:
        at = [Affine({}) if d is None else at[d] for d in stage.positions]
        dims = producers.solve_parallel(generic, generic.outputs[0], at)
    else:
        k = ir.OpResult(stage.values[0]).result_number
        dims = producers.solve_parallel(generic, generic.outputs[k], at)
    for j, d in enumerate(generic.reductions):
        given = None if reductions is None else reductions[j]
        dims[d] = _dimension("r", j, generic.extents[d], facts) if given is None else given
    return [d for d in dims if d is not None]


def reads_of(
    stage: Stage,
    stored: set[ir.Value],
    at: Sequence[Affine],
    reductions: Sequence[Affine] | None,
    facts: Facts,
) -> Reads:
    """What the stage reads for its element at `at`, and at a point of its reduction (or, without
    one, over all of it)."""
    own = set(stage.results())
    # One value of the stage that another reads is in a register.
    known = stored - set(stage.values) if stage.reduction is None else stored | own
    walk = Walk(facts, known, stage.generics)
    if stage.reduction is None or stage.fused:
        for value in stage.values:
            walk.tensor(value, tuple(at), root=True)
    if stage.reduction is not None:
        walk.generic(stage.reduction, iteration(stage, at, reductions, facts))
    walk.found.reads = [r for r in walk.found.reads if r.tensor not in own]
    return walk.found


def read_kernel(function: ir.Operation, share: bool = True) -> Kernel:
    """The stages of a function in linalg form; without `share`, expensive values are computed again
    where they are read, which needs no scratch."""
    block = function.regions[0].blocks[0]
    operations = [op.operation for op in block.operations]
    order = {op: i for i, op in enumerate(operations)}
    returned = list(zip(operations[-1].operands, result_shapes(function)))
    within = {v: shape for v, shape in returned if shape != shape_of(v)}
    results = [v if v in within else _peel(v) for v, _ in returned]
    kernel = Kernel(function, list(block.arguments), results, within=within)
    kernel.stages = _initial(operations, results, order)
    if _split_results(kernel, operations[-1]):
        kernel.stages = _initial(operations, kernel.results, order)
    generics: Generics = {}
    for stage in kernel.stages:
        stage.generics = generics
    for stage in list(kernel.stages):
        _fuse_reduction(stage, kernel)
    _join_results(kernel)
    if share:
        _share_expensive(kernel, order)
    kernel.stages.sort(key=lambda s: s.order)
    return kernel


def _peel(value: ir.Value) -> ir.Value:
    operation = operation_of(value)
    while operation is not None and operation.name in (
        "tensor.collapse_shape",
        "tensor.expand_shape",
    ):
        value = operation.operands[0]
        operation = operation_of(value)
    return value


def _split_results(kernel: Kernel, terminator: ir.Operation) -> bool:
    """Splits dimensions of results by whose quotients a reduction is read: `y[c]` that reads
    `mean[c // 4]` becomes `y[g, c]` (the same bytes), so that `g` can be cut into items."""
    changed = False
    for stage in [s for s in kernel.stages if s.reduction is None]:
        facts = Facts()
        at = domain(stage, facts)
        position = {x: d for d, x in enumerate(at) if not x.is_constant}
        parts: dict[int, int] = {}
        for read in reads_of(stage, kernel.stored, at, None, facts).reads:
            for atom in (a for x in read.at for a in x.terms if read.tensor in kernel.stored):
                if isinstance(atom, Quotient) and atom.of in position:
                    parts[position[atom.of]] = atom.by
        for i, value in enumerate(kernel.results):
            if parts and value in stage.values and value not in kernel.within:
                kernel.results[i] = _split(value, parts, terminator)
                changed = True
    return changed


def _split(value: ir.Value, parts: dict[int, int], terminator: ir.Operation) -> ir.Value:
    shape: list[int] = []
    groups: list[list[int]] = []
    for d, n in enumerate(shape_of(value)):
        sizes = [n // parts[d], parts[d]] if d in parts and n % parts[d] == 0 else [n]
        groups.append([len(shape) + k for k in range(len(sizes))])
        shape += sizes
    kind = ir.RankedTensorType.get(shape, element_of(value))
    with ir.InsertionPoint(terminator), terminator.location:
        return tensor.expand_shape(kind, value, groups, [], shape)


def _position(value: ir.Value, order: dict[ir.Operation, int]) -> int:
    operation = operation_of(value)
    return -1 if operation is None else order.get(operation, len(order))


def _initial(
    operations: list[ir.Operation], results: list[ir.Value], order: dict[ir.Operation, int]
) -> list[Stage]:
    """A stage for each reduction that is used and for each other result."""
    live = _live(results)
    stages = []
    for op in operations:
        if op.name != "linalg.generic" or op not in live:
            continue
        generic = read_generic(op)
        if generic.reductions:
            used = [r for r in op.results if r in results or any(True for _ in r.uses)]
            stages.append(Stage(used, generic, order=order[op]))
    reduced = {v for s in stages for v in s.values}
    for value in dict.fromkeys(results):
        if value not in reduced:
            stages.append(Stage([value], order=_position(value, order)))
    return stages


def _live(results: Sequence[ir.Value]) -> set[ir.Operation]:
    found: set[ir.Operation] = set()
    pending = [op for v in results if (op := operation_of(v)) is not None]
    while pending:
        op = pending.pop()
        if op in found:
            continue
        found.add(op)
        pending += [o for v in producers.reads(op) if (o := operation_of(v)) is not None]
    return found


def _fuse_reduction(stage: Stage, kernel: Kernel) -> None:
    """Joins a parallel stage with the last reduction that it alone reads, at its own element."""
    if stage.reduction is not None:
        return
    facts = Facts()
    at = domain(stage, facts)
    reads = reads_of(stage, kernel.stored, at, None, facts)
    for other in sorted(kernel.stages, key=lambda s: -s.order):
        if other.reduction is None or other.fused or not _is_private(other, stage, kernel):
            continue
        points = {r.at for r in reads.reads if r.tensor in other.values}
        if len(points) != 1:
            continue
        point = points.pop()
        if _is_permutation(point, at, other.shape):
            kernel.stages.remove(other)
            stage.reduction, stage.fused = other.reduction, True
            known = {x: d for d, x in enumerate(at) if not x.is_constant}
            stage.positions = tuple(known.get(x) for x in point)
            return


def _join_results(kernel: Kernel) -> None:
    """Makes one stage of elementwise results that read the same elements, or each other's own:
    `v' = 0.9 * v + g` and `x' = x - v'` are one loop."""
    if len(kernel.stages) < 2 or any(s.reduction is not None for s in kernel.stages):
        return
    if len({s.shape for s in kernel.stages}) > 1:
        return
    facts = Facts()
    at = tuple(domain(kernel.stages[0], facts))
    joined = sorted(kernel.stages, key=lambda s: s.order)
    values = [v for s in joined for v in s.values]
    touched: set[tuple[ir.Value, tuple[Affine, ...]]] = set()
    for stage in joined:
        found = {(r.tensor, r.at) for r in reads_of(stage, kernel.stored, at, None, facts).reads}
        elsewhere = any(t in values and where != at for t, where in found)
        if elsewhere or (touched and not any(where for _, where in touched & found)):
            return
        touched |= found | {(v, at) for v in stage.values}
    last = joined[-1]
    kernel.stages = [Stage(values, order=last.order, generics=last.generics)]


def _is_private(reduction: Stage, reader: Stage, kernel: Kernel) -> bool:
    """True where only `reader` reads the reduction and nobody returns it."""
    if any(v in kernel.results for v in reduction.values):
        return False
    for stage in kernel.stages:
        if stage is reader or stage is reduction:
            continue
        facts = Facts()
        found = reads_of(stage, kernel.stored, domain(stage, facts), None, facts)
        if any(r.tensor in reduction.values for r in found.reads):
            return False
    return True


def _is_permutation(point: tuple[Affine, ...], at: Sequence[Affine], shape: Sequence[int]) -> bool:
    """True where the point holds every dimension of `at` once, and nothing else."""
    own = [x for x, size in zip(point, shape) if size != 1]
    wanted = [x for x in at if not x.is_constant]
    return len(own) == len(wanted) and set(own) == set(wanted)


def _share_expensive(kernel: Kernel, order: dict[ir.Operation, int]) -> None:
    """A stage for each expensive value that more than one stage would compute."""
    cheap: set[ir.Value] = set()
    while True:
        users: dict[ir.Value, int] = {}
        for stage in kernel.stages:
            facts = Facts()
            found = reads_of(stage, kernel.stored, domain(stage, facts), None, facts)
            for t in found.computed:
                if t not in stage.values and t not in cheap:
                    users[t] = users.get(t, 0) + 1
        # The last one first: it may be all that reads the others.
        shared = sorted((t for t, n in users.items() if n > 1), key=lambda t: _position(t, order))
        while shared and not _is_dear(shared[-1], kernel):
            cheap.add(shared.pop())
        if not shared:
            return
        value = shared[-1]
        generics = kernel.stages[0].generics
        kernel.stages.append(Stage([value], order=_position(value, order), generics=generics))


def _is_dear(t: ir.Value, kernel: Kernel) -> bool:
    """True where computing an element costs more than storing and reading it. What is smaller than
    a result is computed once a row anyway."""
    size = math.prod(shape_of(t))
    if 2 * size < max(math.prod(shape_of(r)) for r in kernel.results):
        return False
    stage = Stage([t], generics=kernel.stages[0].generics)
    facts = Facts()
    found = reads_of(stage, kernel.stored, domain(stage, facts), None, facts)
    return found.cost + len(found.reads) > DEAR
