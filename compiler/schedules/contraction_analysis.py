"""Reads a kernel in linalg form as a contraction: the roles of loops, where results stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mlir import ir

from tyc.compiler.schedules.contraction_form import (
    PAGE,
    VIEWS,
    Contraction,
    Linear,
    Root,
    Side,
    argument_of,
    strides_of,
)
from tyc.compiler.schedules.contraction_split import split_rows
from tyc.compiler.schedules.kernel import constant_arguments, itemsize, result_shapes, shape_of
from tyc.compiler.schedules.structure import Generic, Operand, operation_of, read_generic

_CASTS = ("arith.extf", "arith.sitofp", "arith.uitofp", "arith.extsi", "arith.extui")


def find(module: ir.Module) -> Contraction | None:
    """The contraction of a kernel in linalg form, or `None` where the kernel is not just one."""
    function = module.body.operations[0].operation
    block = function.regions[0].blocks[0]
    operations = [op.operation for op in block.operations]
    known = {"linalg.generic", "linalg.fill", "func.return", "arith.constant"}
    if any(op.name not in known and not op.name.startswith("tensor.") for op in operations):
        return None
    reducing = [op for op in operations if op.name == "linalg.generic" and _reduces(op)]
    if len(reducing) != 1 or len(reducing[0].results) != 1:
        return None
    generic = read_generic(reducing[0])
    sizes = generic.extents
    sides = _product(generic)
    if sides is None:
        return None
    output = _index(generic.outputs[0], sizes)
    result = generic.operation.results[0]
    ends = _roots(operations, result, output)
    if ends is None:
        return None
    roots, views, known = ends
    constants = frozenset(block.arguments[i] for i in constant_arguments(function))
    found = Contraction(
        function, result, views, known, generic.outputs[0].value, output, sizes,
        sides[0], sides[1], roots, constants=constants,
    )  # fmt: skip
    return _assign(found, generic)


def _assign(c: Contraction, generic: Generic) -> Contraction | None:
    """Roles of the loops; swaps the sides so that the second one has the contiguous loop."""
    lane, sizes = _contiguous(c.roots[0]), c.sizes
    if lane is None or any(_contiguous(r) != lane for r in c.roots):
        return None
    if any(strides_of(r)[lane] != 1 for r in c.roots):  # one column in rows of more
        return None
    a, b = (c.a, c.b) if lane in c.b.loops() else (c.b, c.a)
    if lane in a.loops() or lane not in b.loops():
        return None
    order = [d for i in c.output for d, _ in i.terms]
    if sorted(order) != [d for d in generic.parallel if sizes[d] > 1]:
        return None
    depth = [d for d in generic.reductions if sizes[d] > 1]
    both = a.loops() & b.loops()
    if not (a.loops() | b.loops()) >= set(order) or not both >= set(depth):
        return None
    batch = tuple(d for d in order if d in both)
    rows = tuple(d for d in order if d in a.loops() and d not in both)
    columns = (*(d for d in order if d in b.loops() and d not in both and d != lane), lane)
    found = replace(c, a=a, b=b, batch=batch, rows=rows, columns=columns, depth=tuple(depth))
    return split_rows(_joined(found))


def _joined(c: Contraction) -> Contraction:
    """The contraction with loops as one that are contiguous in a factor and in all roots: columns,
    so that vectors do not end where an image's row ends, and rows, so that tiles do not."""
    c = _joined_rows(c)
    plain = all(i.loop is not None or not i.terms for i in c.b.index)
    if not plain or argument_of(c.b.value) in c.constants:
        return c
    found, columns = _join(c, c.columns, c.b)
    return replace(found, columns=columns)


def _joined_rows(c: Contraction) -> Contraction:
    """Only where A is read in place: a copy is made for its dimensions one by one."""
    a = c.a
    if len(c.rows) < 2 or argument_of(a.value) is None or a.casts or a.shift is not None:
        return c
    if min((strides_of(a)[d] for d in c.depth), default=1) * itemsize(a.element) >= PAGE:
        return c
    found, rows = _join(c, c.rows, a)
    return replace(found, rows=rows)


def _join(c: Contraction, loops: tuple[int, ...], side: Side) -> tuple[Contraction, tuple]:
    """The contraction, and the loops, with those that can be one joined to the last of them."""
    last, sizes, rest = loops[-1], list(c.sizes), list(loops[:-1])
    group = [(last, sizes[last])]
    accesses = [strides_of(x) for x in (side, *c.roots)]
    while rest:
        step = math.prod(n for _, n in group)
        if any(s.get(rest[-1]) != s[last] * step for s in accesses):
            break
        d = rest.pop()
        group.insert(0, (d, sizes[d]))
    if len(group) == 1:
        return c, loops
    sizes[last] = math.prod(n for _, n in group)
    return replace(c, sizes=tuple(sizes), joined=(*c.joined, tuple(group))), (*rest, last)


def _contiguous(root: Root) -> int | None:
    """The loop along which a root's memory is contiguous."""
    for i in reversed(root.index):
        if i.terms:
            loops = [d for d, c in i.terms if c == 1]
            return loops[0] if len(loops) == 1 else None
    return None


def _index(operand: Operand, sizes: Sequence[int]) -> tuple[Linear, ...]:
    """The indices of an operand; a loop of size 1 is 0."""
    return tuple(
        Linear(tuple((d, i.coefficients[d]) for d in i.dims if sizes[d] > 1), i.constant)
        for i in operand.index
    )


def _reduces(generic: ir.Operation) -> bool:
    return "reduction" in str(generic.attributes["iterator_types"])


def _product(generic: Generic) -> list[Side] | None:
    """Both factors where the body is `acc + f(a) * g(b)`; f and g are casts, and a zero point."""
    body = generic.body
    acc = body.arguments[-1]
    total = _defining(body.yields[0], ("arith.addf", "arith.addi"))
    if total is None or acc not in list(total.operands):
        return None
    position = list(total.operands).index(acc)
    product = _defining(total.operands[1 - position], ("arith.mulf", "arith.muli"))
    if product is None:
        return None
    numbers = {a: k for k, a in enumerate(body.arguments[:-1])}
    sides = [_factor(v, numbers, generic) for v in product.operands]
    first, second = sides
    if first is None or second is None or first.value == second.value:
        return None
    read = 2 + sum(side.shift is not None for side in (first, second))
    return [first, second] if read == len(generic.inputs) else None


def _factor(value: ir.Value, numbers: dict[ir.Value, int], generic: Generic) -> Side | None:
    """The side behind one factor of the product."""
    difference = _defining(value, ("arith.subi",))
    value, casts = _chain(value if difference is None else difference.operands[0])
    if value not in numbers:
        return None
    operand = generic.inputs[numbers[value]]
    side = Side(operand.value, _index(operand, generic.extents), casts)
    if difference is None:
        return side
    point, casts = _chain(difference.operands[1])
    if point not in numbers:
        return None
    zero = generic.inputs[numbers[point]]
    if any(i.terms or i.constant for i in _index(zero, generic.extents)):
        return None
    return replace(side, shift=zero.value, shift_casts=casts)


def _defining(value: ir.Value, names: Sequence[str]) -> ir.Operation | None:
    owner = operation_of(value)
    return owner if owner is not None and owner.name in names else None


def _chain(value: ir.Value) -> tuple[ir.Value, tuple[ir.Operation, ...]]:
    """The value at the start of a chain of casts, and the casts in order."""
    casts: list[ir.Operation] = []
    while (cast := _defining(value, _CASTS)) is not None:
        casts.insert(0, cast)
        value = cast.operands[0]
    return value, tuple(casts)


def _roots(
    operations: list[ir.Operation], result: ir.Value, output: tuple[Linear, ...]
) -> tuple[tuple[Root, ...], tuple[ir.Value, ...], dict] | None:
    """Follows the contraction's result through pointwise ops to what the kernel returns: the roots,
    the values that only reshape the result, the indices of all."""
    known: dict[ir.Value, tuple[Linear, ...]] = {result: output}
    views = [result]
    for op in operations:
        if op.name == "func.return":
            if not all(v in known for v in op.operands):
                return None
            shapes = result_shapes(op.parent.operation)
            ends = tuple(Root(v, known[v], s) for v, s in zip(op.operands, shapes))
            return ends, tuple(views), known
        if not any(v in known for v in op.operands):
            continue
        index = _forward(op, known)
        if index is None:
            return None
        known[op.results[0]] = index
        if op.name in VIEWS and op.operands[0] in views:
            views.append(op.results[0])
    return None


def _forward(op: ir.Operation, known: dict) -> tuple[Linear, ...] | None:
    """The index of a pointwise op's result, given those of some of its operands."""
    if op.name == "tensor.collapse_shape":
        return _collapse(op, known[op.operands[0]])
    if op.name != "linalg.generic" or _reduces(op) or len(op.results) != 1:
        return None
    generic = read_generic(op)
    if generic.outputs[0].value in known:
        return None
    loops: dict[int, Linear] = {}
    for operand in generic.inputs:
        for given, i in zip(known.get(operand.value, ()), operand.index):
            if i.dim is None:
                if i.dims or given.terms:
                    return None
            elif loops.setdefault(i.dim, given) != given:
                return None
    found = []
    for i in generic.outputs[0].index:
        if i.dim is None or (i.dim not in loops and generic.extents[i.dim] != 1):
            return None
        found.append(loops.get(i.dim, Linear()))
    return tuple(found)


def _collapse(op: ir.Operation, index: tuple[Linear, ...]) -> tuple[Linear, ...]:
    shape = shape_of(op.operands[0])
    found = []
    for group in ir.ArrayAttr(op.attributes["reassociation"]):
        total = Linear()
        for d in ir.ArrayAttr(group):
            position = ir.IntegerAttr(d).value
            total = total.scaled(shape[position]).plus(index[position])
        found.append(total)
    return tuple(found)


def in_place(
    c: Contraction, arguments: Sequence[ir.Value], waiting: bool = False
) -> list[tuple[int, int]]:
    """(argument, 0) for those that only the epilogue reads, element by element where it writes, but
    not while sums are `waiting` there; and for the one that the sums start from."""
    used = {argument_of(c.a.value), argument_of(c.b.value), *c.constants}
    free = [(i, a) for i, a in enumerate(arguments) if a not in used]
    begun = [(i, 0) for i, a in free if _starts_from(a, c)]
    return begun + [(i, 0) for i, a in free if not waiting and reads_where_written(a, c)]


def _starts_from(argument: ir.Value, c: Contraction) -> bool:
    """True where each sum starts from the argument's element in its place, which is read once."""
    if len(c.roots) != 1 or len(list(argument.uses)) != 1 or c.initial != argument:
        return False
    return c.roots[0].index == c.output and c.roots[0].value.type == argument.type


def reads_where_written(argument: ir.Value, contraction: Contraction) -> bool:
    """True where an argument is only read by pointwise ops, each time at the element of the root
    that is then written. What comes of it alone (the mask of a ReLU) is followed to the root."""
    root = contraction.roots[0]
    if len(contraction.roots) != 1 or root.value.type != argument.type:
        return False
    waiting = [argument]
    for value in waiting:
        for use in value.uses:
            op = use.owner.operation
            if op.name != "linalg.generic" or len(op.results) != 1 or _reduces(op):
                return False
            result = op.results[0]
            if not _reads_identically(read_generic(op), value):
                return False
            index = contraction.known.get(result)
            if index is None:
                waiting += [result] if result not in waiting else []
            elif index != root.index:
                return False
    return True


def _reads_identically(generic: Generic, argument: ir.Value) -> bool:
    identity = tuple(range(len(generic.iterators)))
    accesses = [o for o in (*generic.inputs, *generic.outputs) if o.value == argument]
    accesses += generic.outputs
    return all(tuple(i.dim for i in o.index) == identity for o in accesses)
