"""Facts of a loop kernel: arithmetic, memory traffic, which buffers may be shared."""

from __future__ import annotations

import math

from tyc.compiler.schedules.affine import Facts
from tyc.compiler.schedules.kernel import element_of, itemsize, memory_element, shape_of
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


def moved_bytes(kernel: Kernel) -> int:
    """Bytes of every argument and result."""
    return sum(
        math.prod(shape_of(t)) * itemsize(memory_element(element_of(t)))
        for t in (*kernel.arguments, *kernel.results)
    )


def in_place(kernel: Kernel, nests: list[Nest]) -> list[tuple[int, int]]:
    """Pairs (input, output) of one elementwise loop in which the input is only read at the element
    that is written."""
    if len(nests) != 1 or len(nests[0].stages) != 1:
        return []
    shape = nests[0].anchor.shape
    if nests[0].anchor.stage.reduction is not None or shape.reads.opaque:
        return []
    found = []
    for i, argument in enumerate(kernel.arguments):
        addresses = {a.address for a in shape.loads if a.tensor == argument}
        for o, result in enumerate(kernel.results):
            written = {a.address for a in shape.stores if a.tensor == result}
            same = element_of(argument) == element_of(result)
            size = math.prod(shape_of(argument)) == math.prod(shape_of(result))
            if same and size and addresses == written and argument != result:
                found.append((i, o))
    return found
