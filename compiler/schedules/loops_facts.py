"""Facts of a loop kernel: arithmetic, memory traffic, which buffers may be shared."""

from __future__ import annotations

import math

from mlir import ir

from tyc.compiler.schedules.affine import Facts
from tyc.compiler.schedules.kernel import element_of, shape_of
from tyc.compiler.schedules.loops_plan import Nest
from tyc.compiler.schedules.loops_stages import Kernel, domain, reads_of


def flops(kernel: Kernel) -> int:
    """Arithmetic of the whole kernel, in additions."""
    total = 0
    for stage in kernel.stages:
        facts = Facts()
        cost = reads_of(stage, kernel.stored, domain(stage, facts), None, facts).cost
        folds = 1
        if stage.reduction is not None:
            folds = math.prod(stage.reduction.extents[d] for d in stage.reduction.reductions)
        total += cost * folds * math.prod(stage.shape)
    return total


def in_place(kernel: Kernel, nests: list[Nest]) -> list[tuple[int, int]]:
    """Pairs (input, output) in which every read of the input is at the element that is written, or
    in an earlier stage of the item that writes it."""
    if len(nests) != 1:
        return []
    nest = nests[0]
    found = []
    for o, result in enumerate(kernel.results):
        if result not in nest.anchor.stage.values or kernel.results.count(result) > 1:
            continue
        found += [(i, o) for i in _alike(kernel, result) if _is_private(kernel, nest, i)]
    return found


def _alike(kernel: Kernel, result: ir.Value) -> list[int]:
    """Arguments whose elements lie as the result's do."""
    return [
        i
        for i, a in enumerate(kernel.arguments)
        if a != result
        and element_of(a) == element_of(result)
        and math.prod(shape_of(a)) == math.prod(shape_of(result))
    ]


def _is_private(kernel: Kernel, nest: Nest, i: int) -> bool:
    """True where an item reads of the argument only what the same item writes, and writes last."""
    argument = kernel.arguments[i]
    if len(nest.stages) == 1:
        shape = nest.anchor.shape
        addresses = {a.address for a in shape.loads if a.tensor == argument}
        return addresses == {a.address for a in shape.stores}
    if shape_of(argument) != nest.anchor.stage.shape:
        return False
    cut = {d for p in nest.stages for d in p.anchors if d is not None and p is not nest.anchor}
    for plan in nest.stages:
        facts = Facts()
        at = domain(plan.stage, facts)
        if plan is nest.anchor:
            wanted = dict(enumerate(at))
        else:
            wanted = {d: at[k] for k, d in enumerate(plan.anchors) if d is not None}
        if not cut <= set(wanted):
            return False
        for read in reads_of(plan.stage, kernel.stored, at, None, facts).reads:
            if read.tensor == argument and any(read.at[d] != x for d, x in wanted.items()):
                return False
    return True
