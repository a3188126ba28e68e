"""Where code goes: open loops, what was computed in them, index expressions as code.

A value is made once, outside of the loops on whose variables it does not depend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mlir import ir
from mlir.dialects import arith, vector

from tyc.compiler.schedules import bodies, memory, producers
from tyc.compiler.schedules.affine import LANE, Affine, Facts, Quotient, Remainder, Symbol
from tyc.runtime.errors import InternalError


@dataclass
class Scope:
    """A region of code: the operation that opened it and the values computed in it."""

    opener: ir.Operation | None
    memo: dict = field(default_factory=dict)


class Regions:
    """The open regions of a kernel; see the module's docstring."""

    def __init__(self) -> None:
        self.facts = Facts()
        self._scopes = [Scope(None)]
        self._floor = 0
        self._open = 0
        self._levels: dict[ir.Value, int] = {}

    @contextmanager
    def region(self, opener: ir.Operation, variables: Sequence[ir.Value]) -> Iterator[None]:
        """Inside, values that depend on `variables` are computed at the insertion point, all others
        before `opener`."""
        self._open += 1
        with self._scope(opener):
            for v in variables:
                self._levels[v] = len(self._scopes) - 1
            yield
        self._open -= 1

    @contextmanager
    def _scope(self, opener: ir.Operation) -> Iterator[None]:
        self._scopes.append(Scope(opener))
        yield
        self._scopes.pop()

    @contextmanager
    def barrier(self, opener: ir.Operation) -> Iterator[None]:
        """Inside, nothing is computed before `opener`: it may not be valid there."""
        floor = self._floor
        with self._scope(opener):
            self._floor = len(self._scopes) - 1
            yield
            self._floor = floor

    @contextmanager
    def fence(self) -> Iterator[None]:
        """Inside, nothing is computed before this point: memory has changed up to here."""
        floor = self._floor
        self._floor = len(self._scopes) - 1
        yield
        self._floor = floor

    def define(self, value: ir.Value, low: int, high: int, divisor: int = 1) -> None:
        """States the range of an index value that was made in the current region."""
        self.facts.declare(value, low, high, divisor)
        self._levels.setdefault(value, len(self._scopes) - 1)

    def level_of(self, atoms: set) -> int:
        """The innermost open region on whose variables one of the atoms depends."""
        top = len(self._scopes) - 1
        level = self._floor
        for atom in atoms:
            if not isinstance(atom, Symbol):
                level = max(level, self._levels.get(atom, top))
        return min(level, top)

    @contextmanager
    def _at(self, level: int) -> Iterator[None]:
        """Emission in the scope of that level, before the region that is open in it."""
        if level == len(self._scopes) - 1:
            yield
            return
        scopes = self._scopes
        opener = scopes[level + 1].opener
        assert opener is not None
        self._scopes = scopes[: level + 1]
        with ir.InsertionPoint(opener):
            yield
        self._scopes = scopes

    def _memo(self, level: int) -> dict:
        memo = self._scopes[level].memo
        if level or self._open:
            return memo
        # An emitter without regions opens blocks of its own: what is in one is not seen in others.
        opener = self._scopes[1].opener if len(self._scopes) > 1 else None
        block = ir.InsertionPoint.current.block if opener is None else opener.block
        return memo.setdefault(block, {})

    def once(self, key: object, level: int, build: Callable[[], ir.Value]) -> ir.Value:
        """The value of `key` in the region of that level, built there the first time."""
        memo = self._memo(level)
        found = memo.get(key)
        if found is None:
            with self._at(level):
                found = build()
            memo[key] = found
            self._levels.setdefault(found, level)
        return found

    def _declare_lane(self, lanes: int | None) -> None:
        self.facts.declare(LANE, 0, (lanes or 1) - 1)

    def constant(self, attribute: ir.Attribute, lanes: int | None) -> ir.Value:
        """A scalar constant, or a vector of it, made once."""

        def build() -> ir.Value:
            kind = attribute.type  # pyright: ignore[reportAttributeAccessIssue]
            if lanes is None:
                return arith.constant(kind, attribute)
            kind = bodies.vector_type(kind, lanes)
            return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, attribute))

        return self.once((attribute, lanes), 0, build)

    def spread(self, value: ir.Value, lanes: int) -> ir.Value:
        """A vector of one scalar, made where the scalar was."""
        level = max(self.level_of({value}), self._floor)
        kind = bodies.vector_type(value.type, lanes)
        return self.once((value, lanes), level, lambda: vector.broadcast(kind, value))

    def reciprocal(self, value: ir.Value) -> ir.Value:
        """`1 / value`, made where the value was."""

        def build() -> ir.Value:
            one = self.constant(ir.FloatAttr.get(value.type, 1.0), None)
            return arith.divf(one, value)

        return self.once(("reciprocal", value), max(self.level_of({value}), self._floor), build)

    def index_value(self, x: Affine, lanes: int | None) -> ir.Value:
        """An index expression as a value; a vector where it holds `LANE`."""
        if LANE in x.atoms():
            assert lanes is not None
            return self._index_lanes(x, lanes)
        if x.is_constant:
            return self.constant(ir.IntegerAttr.get(ir.IndexType.get(), x.constant), None)
        if x.constant:
            return self.once(x, self.level_of(x.atoms()), lambda: self._plus_constant(x))
        return self.once(x, self.level_of(x.atoms()), lambda: self._sum(x))

    def _plus_constant(self, x: Affine) -> ir.Value:
        base = self.index_value(Affine(x.terms), None)
        return arith.addi(base, self.index_value(Affine({}, x.constant), None))

    def _sum(self, x: Affine) -> ir.Value:
        result: ir.Value | None = None
        # Terms of outer loops first, so that their partial sums are computed there.
        for atom, c in sorted(x.terms.items(), key=lambda term: self.level_of(_atoms(term[0]))):
            term = self._atom(atom)
            if c != 1:
                level = self.level_of(_atoms(atom))
                scaled = (Affine({atom: 1}), c)
                term = self.once(scaled, level, lambda t=term, c=c: self._times(t, c))
            result = term if result is None else arith.addi(result, term)
        assert result is not None
        return result

    def _times(self, value: ir.Value, factor: int) -> ir.Value:
        return arith.muli(value, self.index_value(Affine({}, factor), None))

    def _atom(self, atom: object) -> ir.Value:
        if isinstance(atom, (Quotient, Remainder)):
            return self.once(atom, self.level_of(atom.of.atoms()), lambda: self._divided(atom))
        if isinstance(atom, Symbol):
            raise InternalError(f"an index has a value, got {atom}")
        assert isinstance(atom, ir.Value)
        return atom

    def _divided(self, atom: Quotient | Remainder) -> ir.Value:
        by = self.index_value(Affine({}, atom.by), None)
        of = self.index_value(atom.of, None)
        span = self.facts.bounds(atom.of)
        if span is not None and span[0] >= 0:
            return (arith.divui if isinstance(atom, Quotient) else arith.remui)(of, by)
        quotient = arith.floordivsi(of, by)
        if isinstance(atom, Quotient):
            return quotient
        return arith.subi(of, arith.muli(quotient, by))

    def _index_lanes(self, x: Affine, lanes: int) -> ir.Value:
        if x.is_linear_in(LANE):
            base = self.index_value(memory.without_lane(x), None)
            return bodies.lane_vector(base, x.coefficient(LANE), lanes)
        kind = bodies.vector_type(ir.IndexType.get(), lanes)
        parts = [self.index_value(producers.at_lane(self.facts, x, k), None) for k in range(lanes)]
        return vector.from_elements(kind, parts)


def _atoms(atom: object) -> set:
    return atom.of.atoms() if isinstance(atom, (Quotient, Remainder)) else {atom}
