"""One step from a tensor's element to the elements that it is made of, as index arithmetic.

Shared by the evaluator, which emits code, and the analyses, which only look. Nothing is emitted.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from mlir import ir

from tyc.compiler.schedules.affine import LANE, Affine, Facts, Quotient, Remainder, total
from tyc.compiler.schedules.kernel import shape_of
from tyc.compiler.schedules.structure import Generic, Operand, generic_of, operation_of
from tyc.runtime.errors import InternalError


@dataclass(frozen=True)
class Alias:
    """The same element of another tensor."""

    value: ir.Value
    at: tuple[Affine, ...]


@dataclass(frozen=True)
class Constant:
    """A constant scalar."""

    attribute: ir.Attribute


Source = Alias | Constant


@dataclass(frozen=True)
class Choice:
    """`inside` where `0 <= x < size` for each (x, size) of `conditions`, else `outside`.

    The outside of a choice may be the same tensor: it is then asked again, knowing more.
    """

    conditions: tuple[tuple[Affine, int], ...]
    inside: Source
    outside: Source | Choice


def for_all_lanes(choice: Choice, lanes: int, facts: Facts) -> Choice:
    """The choice with conditions of the first lane, where all lanes of a vector agree with it:
    the vector starts at a multiple of its length, and so does every border."""
    conditions = tuple((_first_lane(x, size, lanes, facts), size) for x, size in choice.conditions)
    outside = choice.outside
    if isinstance(outside, Choice):
        outside = for_all_lanes(outside, lanes, facts)
    return Choice(conditions, choice.inside, outside)


def _first_lane(x: Affine, size: int, lanes: int, facts: Facts) -> Affine:
    base = {a: c for a, c in x.terms.items() if a != LANE}
    steps = [size, x.constant, *(facts.step(a, c) for a, c in base.items())]
    aligned = x.coefficient(LANE) == 1 and x.is_linear_in(LANE)
    return Affine(base, x.constant) if aligned and not any(n % lanes for n in steps) else x


def borders(t: ir.Value, d: int) -> set[int]:
    """Where along dimension `d` a tensor goes over from one operand of a concatenation to the next:
    code for the parts between them has nothing to choose."""
    operation = operation_of(t)
    name = "" if operation is None else operation.name
    found: set[int] = set()
    if operation is None or name not in ("tensor.concat", "tensor.pad", "linalg.generic"):
        return found
    if name == "linalg.generic":
        generic = generic_of(t)
        if generic is None or generic.reductions:
            return found
        loop = generic.outputs[ir.OpResult(t).result_number].index[d].dim
        for operand in generic.inputs:
            for k, i in enumerate(operand.index):
                if i.dim is not None and i.dim == loop:
                    found |= borders(operand.value, k)
        return found
    along = name == "tensor.concat" and ir.IntegerAttr(operation.attributes["dim"]).value == d
    start = _integers(operation, "static_low")[d] if name == "tensor.pad" else 0
    for source in operation.operands[: 1 if name == "tensor.pad" else None]:
        found |= {start + x for x in borders(source, d)}
        if along:
            start += shape_of(source)[d]
            found.add(start)
    return found


def segments(t: ir.Value, d: int, lanes: int) -> list[tuple[int, int]]:
    """The parts of dimension `d` between borders, where these fall between vectors."""
    size = shape_of(t)[d]
    inner = sorted({x for x in borders(t, d) if 0 < x < size and x % lanes == 0})
    return list(zip([0, *inner], [*inner, size]))


def positions(operand: Operand, dims: Sequence[Affine]) -> tuple[Affine, ...]:
    """Where a generic reads an operand at a point of its iteration space."""
    return tuple(
        total([(c, dims[d]) for d, c in enumerate(i.coefficients) if c]) + i.constant
        for i in operand.index
    )


def solve_parallel(generic: Generic, output: Operand, at: Sequence[Affine]) -> list[Affine | None]:
    """The dimensions that an output names, for its element at `at`; 0 where the size is 1."""
    dims: list[Affine | None] = [Affine({}) if n == 1 else None for n in generic.extents]
    for index, x in zip(output.index, at):
        if index.dim is not None:
            dims[index.dim] = x
    return dims


def solve(generic: Generic, output: Operand, at: Sequence[Affine]) -> list[Affine]:
    """The point of the iteration space that writes the element at `at` of an output."""
    dims = solve_parallel(generic, output, at)
    if None in dims:
        raise InternalError(f"an output names every parallel dimension, got {output.index}")
    return [x for x in dims if x is not None]


def at_lane(facts: Facts, x: Affine, lane: int) -> Affine:
    """The expression with the lane's number put in, simplified again."""
    parts: list[tuple[int, Affine]] = [(1, Affine({}, x.constant))]
    for atom, c in x.terms.items():
        if atom == LANE:
            parts.append((c, Affine({}, lane)))
        elif isinstance(atom, (Quotient, Remainder)) and LANE in atom.of.atoms():
            inner = at_lane(facts, atom.of, lane)
            divide = facts.quotient if isinstance(atom, Quotient) else facts.remainder
            parts.append((c, divide(inner, atom.by)))
        else:
            parts.append((c, Affine({atom: 1})))
    return total(parts)


def depends_on(
    t: ir.Value,
    targets: Container[ir.Value],
    stop: Container[ir.Value],
    known: dict[ir.Value, bool],
) -> bool:
    """True where computing `t` reads one of `targets`; values in `stop` are read, not computed.
    Answers are kept in `known`."""
    if t in known:
        return known[t]
    operation = operation_of(t)
    if t in targets or t in stop or operation is None:
        found = t in targets
    else:
        found = any(depends_on(o, targets, stop, known) for o in reads(operation))
    known[t] = found
    return found


def reads(operation: ir.Operation) -> list[ir.Value]:
    """The tensors that an operation reads, those of `tensor.extract` in its body too."""
    found = [o for o in operation.operands if isinstance(o.type, ir.RankedTensorType)]
    if operation.name == "linalg.generic":
        for op in operation.regions[0].blocks[0].operations:
            if op.operation.name == "tensor.extract":
                found.append(op.operation.operands[0])
    return found


def table_of(t: ir.Value) -> ir.Attribute | None:
    """The values of a constant tensor that has several."""
    operation = operation_of(t)
    if operation is None or operation.name != "arith.constant":
        return None
    attribute = ir.DenseElementsAttr(operation.attributes["value"])
    return None if attribute.is_splat else attribute


def movement(t: ir.Value, at: tuple[Affine, ...], facts: Facts) -> Source | Choice:
    """The step through an operation that only moves elements."""
    operation = operation_of(t)
    name = "" if operation is None else operation.name
    rule = _RULES.get(name)
    if operation is None or rule is None:
        raise InternalError(f"a schedule has no rule for {name or 'an argument without a buffer'}")
    return rule(operation, at, facts)


def _integers(operation: ir.Operation, name: str) -> list[int]:
    found = list(ir.DenseI64ArrayAttr(operation.attributes[name]))
    if any(x < -(2**62) for x in found):
        raise InternalError(f"{operation.name} has static sizes, got {found}")
    return found


def _slice(operation: ir.Operation, at: tuple[Affine, ...], facts: Facts) -> Alias:
    offsets = _integers(operation, "static_offsets")
    steps = _integers(operation, "static_strides")
    sizes = _integers(operation, "static_sizes")
    source = operation.operands[0]
    moved = _matched(sizes, shape_of(operation.results[0]), at)
    return Alias(source, tuple(i * s + o for i, s, o in zip(moved, steps, offsets)))


def _matched(sizes: Sequence[int], shape: Sequence[int], at: Sequence[Affine]) -> list[Affine]:
    """Indices of the unreduced rank: a slice may drop dimensions of size 1."""
    if len(sizes) == len(shape):
        return list(at)
    found, k = [], 0
    for size in sizes:
        if k < len(shape) and size == shape[k]:
            found.append(at[k])
            k += 1
        else:
            found.append(Affine({}))
    return found


def _collapse(operation: ir.Operation, at: tuple[Affine, ...], facts: Facts) -> Alias:
    source = operation.operands[0]
    shape = shape_of(source)
    found: list[Affine] = [Affine({})] * len(shape)
    for group, x in zip(_groups(operation), at):
        for k in reversed(group):
            found[k] = facts.remainder(x, shape[k]) if k != group[0] else x
            x = facts.quotient(x, shape[k]) if k != group[0] else x
    return Alias(source, tuple(found))


def _expand(operation: ir.Operation, at: tuple[Affine, ...], facts: Facts) -> Alias:
    shape = shape_of(operation.results[0])
    found = []
    for group in _groups(operation):
        x = Affine({})
        for k in group:
            x = total([(shape[k], x), (1, at[k])])
        found.append(x)
    return Alias(operation.operands[0], tuple(found))


def _groups(operation: ir.Operation) -> list[list[int]]:
    groups = ir.ArrayAttr(operation.attributes["reassociation"])
    return [[ir.IntegerAttr(k).value for k in ir.ArrayAttr(g)] for g in groups]


def _pad(operation: ir.Operation, at: tuple[Affine, ...], facts: Facts) -> Source | Choice:
    low = _integers(operation, "static_low")
    source = operation.operands[0]
    shape = shape_of(source)
    inner = tuple(i - o for i, o in zip(at, low))
    outside = Constant(padding_of(operation))
    pending = []
    for x, size, n in zip(inner, shape, shape_of(operation.results[0])):
        # What is not padded is inside, whatever is known of the index.
        inside = True if n == size else is_inside(facts, x, size)
        if inside is False:
            return outside
        if inside is None:
            pending.append((x, size))
    if not pending:
        return Alias(source, inner)
    return Choice(tuple(pending), Alias(source, inner), outside)


def is_inside(facts: Facts, x: Affine, size: int) -> bool | None:
    """Whether `0 <= x < size`; `None` where it depends."""
    span = facts.bounds(x)
    if span is None:
        return None
    if span[0] >= 0 and span[1] < size:
        return True
    return False if span[1] < 0 or span[0] >= size else None


def padding_of(operation: ir.Operation) -> ir.Attribute:
    """The value of a `tensor.pad`."""
    block = operation.regions[0].blocks[0]
    yielded = block.operations[len(block.operations) - 1].operands[0]
    return constant_of(yielded)


def constant_of(value: ir.Value) -> ir.Attribute:
    """The attribute of a scalar constant."""
    operation = operation_of(value)
    if operation is None or operation.name != "arith.constant":
        raise InternalError(f"a fill or padding value is a constant, got {value}")
    return operation.attributes["value"]


def _concat(operation: ir.Operation, at: tuple[Affine, ...], facts: Facts) -> Source | Choice:
    axis = ir.IntegerAttr(operation.attributes["dim"]).value
    start, found = 0, []
    for source in operation.operands:
        size = shape_of(source)[axis]
        x = at[axis] - start
        inside = is_inside(facts, x, size)
        alias = Alias(source, (*at[:axis], x, *at[axis + 1 :]))
        if inside is True:
            return alias
        if inside is None:
            found.append((x, size, alias))
        start += size
    return _chain(found)


def _chain(found: Sequence[tuple[Affine, int, Alias]]) -> Source | Choice:
    x, size, alias = found[0]
    if len(found) == 1:
        return alias
    return Choice(((x, size),), alias, _chain(found[1:]))


def _fill(operation: ir.Operation, at: tuple[Affine, ...], facts: Facts) -> Constant:
    return Constant(constant_of(operation.operands[0]))


def _empty(operation: ir.Operation, at: tuple[Affine, ...], facts: Facts) -> Constant:
    """What is in an empty tensor is nobody's business: zero."""
    element = ir.RankedTensorType(operation.results[0].type).element_type
    if isinstance(element, ir.IntegerType):
        return Constant(ir.IntegerAttr.get(element, 0))
    return Constant(ir.FloatAttr.get(element, 0.0))


def _dense(operation: ir.Operation, at: tuple[Affine, ...], facts: Facts) -> Constant:
    attribute = ir.DenseElementsAttr(operation.attributes["value"])
    if attribute.is_splat:
        return Constant(attribute.get_splat_value())
    raise InternalError("a constant tensor with several values is read from memory")


_RULES: dict[str, Callable[[ir.Operation, tuple[Affine, ...], Facts], Source | Choice]] = {
    "tensor.extract_slice": _slice,
    "tensor.collapse_shape": _collapse,
    "tensor.expand_shape": _expand,
    "tensor.pad": _pad,
    "tensor.concat": _concat,
    "tensor.empty": _empty,
    "linalg.fill": _fill,
    "arith.constant": _dense,
}
