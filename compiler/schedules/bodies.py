"""Bodies of generics as code: the same operations on scalars, or on vectors of lanes.

A value of a body is one of: an index expression (`Affine`, which may hold `LANE`), a scalar that
all lanes share, a vector. Operations on shared scalars stay scalar; only where a vector meets
a scalar is that one broadcast. Operations are pulled from the results, so what is not used costs
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from mlir import ir
from mlir.dialects import arith, math, vector

from tyc.compiler.schedules.affine import LANE, Affine, Facts
from tyc.compiler.schedules.kernel import element_of
from tyc.compiler.schedules.structure import Body, Instruction, operation_of

Datum = ir.Value | Affine


class Context(Protocol):
    """What a body needs from where it stands."""

    @property
    def facts(self) -> Facts:
        """What is known of indices."""
        ...

    def constant(self, attribute: ir.Attribute, lanes: int | None) -> ir.Value:
        """A scalar constant, or a vector of it."""
        ...

    def spread(self, value: ir.Value, lanes: int) -> ir.Value:
        """A vector of one scalar."""
        ...

    def reciprocal(self, value: ir.Value) -> ir.Value:
        """`1 / value`, made where the value was."""
        ...

    def index_value(self, x: Affine, lanes: int | None) -> ir.Value:
        """An index expression as a value; a vector where it holds `LANE`."""
        ...

    def extract(self, tensor: ir.Value, indices: Sequence[Datum], lanes: int | None) -> ir.Value:
        """An element of a tensor at computed indices."""
        ...


def is_vector(value: Datum) -> bool:
    """True for a vector value."""
    return not isinstance(value, Affine) and isinstance(value.type, ir.VectorType)


def vector_type(element: ir.Type, lanes: int) -> ir.Type:
    """`vector<lanes x element>`."""
    return ir.VectorType.get([lanes], element)


class Clone:
    """One body at one point: `yields()` are its results as code at the insertion point.

    `argument(k)` gives the value of the k-th block argument, `index(d)` that of `linalg.index d`.
    With `fused`, `a * b + c` on f32 and f64 is one operation with one rounding, and a division by
    what all lanes share is a multiplication.
    """

    def __init__(
        self,
        body: Body,
        context: Context,
        lanes: int | None,
        argument: Callable[[int], Datum],
        index: Callable[[int], Affine],
        fused: bool = False,
    ) -> None:
        self._context, self._lanes, self._index, self._fused = context, lanes, index, fused
        self._body = body
        self._argument = argument
        self._positions = {a: k for k, a in enumerate(body.arguments)}
        self._defined = {r: i for i in body.instructions for r in i.results}
        self._values: dict[ir.Value, Datum] = {}

    def yields(self) -> list[ir.Value]:
        """The yielded values: a scalar where it is the same for all lanes."""
        return [self.result(k) for k in range(len(self._body.yields))]

    def result(self, k: int) -> ir.Value:
        """The k-th yielded value."""
        value = self._body.yields[k]
        return self._concrete(value, None)

    def _get(self, value: ir.Value) -> Datum:
        found = self._values.get(value)
        if found is None:
            found = self._compute(value)
            self._values[value] = found
        return found

    def _compute(self, value: ir.Value) -> Datum:
        if value in self._positions:
            return self._argument(self._positions[value])
        instruction = self._defined.get(value)
        if instruction is None:
            return _captured(value, self._context)
        results = self._build(instruction)
        self._values.update(zip(instruction.results, results))
        return self._values[value]

    def _concrete(self, value: ir.Value, lanes: int | None) -> ir.Value:
        """The value as code; a vector of `lanes` where that is asked for."""
        datum = self._get(value)
        if isinstance(datum, Affine):
            datum = self._as_integer(datum, value.type)
        if lanes is None or isinstance(datum.type, ir.VectorType):
            return datum
        attribute = _constant_attribute(datum)
        if attribute is not None:
            return self._context.constant(attribute, lanes)
        return self._context.spread(datum, lanes)

    def _as_integer(self, x: Affine, element: ir.Type) -> ir.Value:
        if x.is_constant and not isinstance(element, ir.IndexType):
            return self._context.constant(ir.IntegerAttr.get(element, x.constant), None)
        found = self._context.index_value(x, self._lanes)
        if isinstance(element, ir.IndexType):
            return found
        if isinstance(found.type, ir.VectorType):
            element = vector_type(element, ir.VectorType(found.type).shape[0])
        return arith.index_cast(element, found)

    def _build(self, instruction: Instruction) -> list[Datum]:
        name = instruction.name
        if name == "linalg.index":
            return [self._index(ir.IntegerAttr(instruction.attributes["dim"]).value)]
        if name == "arith.constant":
            return [_constant(instruction.attributes["value"], self._context)]
        if name == "tensor.extract":
            tensor, *indices = instruction.operands
            data = [self._get(i) for i in indices]
            return [self._context.extract(tensor, data, self._lanes)]
        affine = self._affine(instruction)
        if affine is not None:
            return [affine]
        rule = {"arith.addf": self._multiply_add, "arith.divf": self._divide}.get(name)
        if self._fused and rule is not None:
            fused = rule(instruction)
            if fused is not None:
                return [fused]
        return list(self._generic(instruction))

    def _generic(self, instruction: Instruction) -> Sequence[ir.Value]:
        """The operation again, on vectors as soon as one operand is one."""
        values = [self._concrete(v, None) for v in instruction.operands]
        lanes = next((ir.VectorType(v.type).shape[0] for v in values if is_vector(v)), None)
        types = [r.type for r in instruction.results]
        if lanes is not None:
            values = [self._concrete(v, lanes) for v in instruction.operands]
            types = [vector_type(t, lanes) for t in types]
        if instruction.name in _EXTREMES:
            return [extreme(instruction.name, values[0], values[1])]
        return ir.Operation.create(
            instruction.name, results=types, operands=values, attributes=instruction.attributes
        ).results

    def _multiply_add(self, instruction: Instruction) -> ir.Value | None:
        a, b = instruction.operands
        if not isinstance(a.type, (ir.F32Type, ir.F64Type)):
            return None
        for product, other in ((a, b), (b, a)):
            inner = self._defined.get(product)
            if inner is None or inner.name != "arith.mulf" or product in self._values:
                continue
            if sum(1 for _ in product.uses) != 1:
                continue
            operands = (*inner.operands, other)
            values = [self._concrete(v, None) for v in operands]
            lanes = next((ir.VectorType(v.type).shape[0] for v in values if is_vector(v)), None)
            return math.fma(*(self._concrete(v, lanes) for v in operands))
        return None

    def _divide(self, instruction: Instruction) -> ir.Value | None:
        """`a / b` where only `a` differs between lanes."""
        a, b = (self._concrete(v, None) for v in instruction.operands)
        if not is_vector(a) or is_vector(b) or not isinstance(b.type, (ir.F32Type, ir.F64Type)):
            return None
        factor = self._context.reciprocal(b)
        return arith.mulf(a, self._context.spread(factor, ir.VectorType(a.type).shape[0]))

    def _affine(self, instruction: Instruction) -> Affine | None:
        """Integer arithmetic on index expressions, kept as an expression."""
        if instruction.name not in AFFINE or not is_index_like(instruction.results[0].type):
            return None
        data = [self._get(v) for v in instruction.operands]
        if not all(isinstance(d, Affine) for d in data):
            return None
        return AFFINE[instruction.name](self._context.facts, *data)


_EXTREMES = {
    "arith.maximumf": (arith.CmpFPredicate.OGT, "llvm.intr.maximum"),
    "arith.minimumf": (arith.CmpFPredicate.OLT, "llvm.intr.minimum"),
}


def extreme(name: str, a: ir.Value, b: ir.Value) -> ir.Value:
    """`arith.maximumf` or `minimumf`, NaN where one is NaN; which zero is larger is left open.

    MLIR expands the arith operation into more comparisons than x86 needs for LLVM's own.
    """
    predicate, intrinsic = _EXTREMES[name]
    if isinstance(element_of(a), (ir.F32Type, ir.F64Type)):
        flags = {"fastmathFlags": ir.Attribute.parse("#llvm.fastmath<nsz>")}
        return ir.Operation.create(
            intrinsic, results=[a.type], operands=[a, b], attributes=flags
        ).results[0]
    result = arith.select(arith.cmpf(predicate, a, b), a, b)
    return arith.select(arith.cmpf(arith.CmpFPredicate.UNO, a, a), a, result)


def is_index_like(kind: ir.Type) -> bool:
    """True for the integer types that hold an index."""
    if isinstance(kind, ir.IndexType):
        return True
    return isinstance(kind, ir.IntegerType) and ir.IntegerType(kind).width == 64


def _multiply(facts: Facts, a: Affine, b: Affine) -> Affine | None:
    if a.is_constant:
        return b * a.constant
    return a * b.constant if b.is_constant else None


def _quotient(facts: Facts, a: Affine, b: Affine) -> Affine | None:
    return facts.quotient(a, b.constant) if _divisible(facts, a, b) else None


def _remainder(facts: Facts, a: Affine, b: Affine) -> Affine | None:
    return facts.remainder(a, b.constant) if _divisible(facts, a, b) else None


def _divisible(facts: Facts, a: Affine, b: Affine) -> bool:
    """True where truncating and flooring division are the same."""
    span = facts.bounds(a)
    return b.is_constant and b.constant > 0 and span is not None and span[0] >= 0


AFFINE: dict[str, Callable[..., Affine | None]] = {
    "arith.addi": lambda facts, a, b: a + b,
    "arith.subi": lambda facts, a, b: a - b,
    "arith.muli": _multiply,
    "arith.index_cast": lambda facts, a: a,
    "arith.divsi": _quotient,
    "arith.divui": _quotient,
    "arith.floordivsi": _quotient,
    "arith.remsi": _remainder,
    "arith.remui": _remainder,
}
"""Integer operations on index expressions; `None` where the result is not one."""


def integer_constant(attribute: ir.Attribute) -> Affine | None:
    """The expression of a constant that can be an index."""
    kind = attribute.type  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(attribute, ir.IntegerAttr) and is_index_like(kind):
        return Affine({}, ir.IntegerAttr(attribute).value)
    return None


def _constant(attribute: ir.Attribute, context: Context) -> Datum:
    return integer_constant(attribute) or context.constant(attribute, None)


def _constant_attribute(value: ir.Value) -> ir.Attribute | None:
    operation = operation_of(value)
    if operation is None or operation.name != "arith.constant":
        return None
    return operation.attributes["value"]


def captured_integer(value: ir.Value) -> Affine | None:
    """The expression of an integer constant that is defined outside of the body."""
    attribute = _constant_attribute(value)
    return None if attribute is None else integer_constant(attribute)


def _captured(value: ir.Value, context: Context) -> Datum:
    """A constant defined outside of the body; anything else is used as it is."""
    attribute = _constant_attribute(value)
    return value if attribute is None else _constant(attribute, context)


def lane_vector(base: ir.Value, stride: int, lanes: int) -> ir.Value:
    """`base + lane * stride` as a vector of index."""
    kind = vector_type(ir.IndexType.get(), lanes)
    step = vector.step(kind)
    if stride != 1:
        factor = ir.IntegerAttr.get(ir.IndexType.get(), stride)
        step = arith.muli(step, arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, factor)))
    return arith.addi(step, vector.broadcast(kind, base))


def has_lane(x: Affine) -> bool:
    """True where the expression differs between lanes."""
    return LANE in x.atoms()
