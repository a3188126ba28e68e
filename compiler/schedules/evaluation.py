"""Tensors as code: `Evaluator.value(t, indices)` emits what computes element(s) of `t`.

    %s = linalg.generic {relu} (%x)        value(%s, [i, j + lane])  becomes
                                           vector.load %x[i * n + j], arith.maximumf

Operations between the kernel's buffers and the value asked for are computed where they are needed,
never stored. Index expressions stay symbolic (`affine.py`) down to the load, where they become an
address of one dimension.

An emitter that opens loops through `region` gets every value computed outside of the loops on whose
variables it does not depend; without regions a value is shared within its block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith, scf, vector

from tyc.compiler.schedules import bodies, memory, producers
from tyc.compiler.schedules.affine import LANE, Affine, Facts, Index
from tyc.compiler.schedules.kernel import element_of, shape_of
from tyc.compiler.schedules.memory import Buffer
from tyc.compiler.schedules.regions import Regions
from tyc.compiler.schedules.structure import Generic, generic_of
from tyc.runtime.errors import InternalError


@dataclass(frozen=True)
class Lane:
    """An index along the lanes of a vector: `base + lane * stride`; stride 0 is the same for all
    lanes. A base that an override is given may be an `Affine`: `Evaluator.size` makes it code."""

    base: int | ir.Value | Affine
    stride: int = 0


Override = Callable[[Sequence[Lane]], ir.Value]
Position = Lane | Index


class Evaluator(Regions):
    """Pulls values of tensors out of buffers; see the module's docstring."""

    def __init__(
        self,
        buffers: dict[ir.Value, ir.Value | Buffer],
        overrides: dict[ir.Value, Override] | None = None,
        fused: bool = False,
    ) -> None:
        super().__init__()
        self.buffers = buffers
        self.overrides = {} if overrides is None else overrides
        self.fused = fused
        self._pins: tuple[frozenset[ir.Value], dict[ir.Value, bool]] = (frozenset(), {})
        self._tile: tuple[ir.Value, int] | None = None
        self._generics: dict[ir.Value, Generic | None] = {}
        self._buffers: dict[tuple[ir.Value, ir.Value], Buffer] = {}

    # What callers ask for.

    def value(
        self,
        t: ir.Value,
        indices: Sequence[Position],
        lanes: int | None,
        mask: ir.Value | None = None,
    ) -> ir.Value:
        """Element(s) of `t`: a scalar where `lanes` is None, else a vector of that many lanes.

        Where `mask` is given, lanes that it leaves out are not read and hold anything.
        """
        found = self.shared(t, indices, lanes, mask)
        if lanes is None or isinstance(found.type, ir.VectorType):
            return found
        return self.spread(found, lanes)

    def shared(
        self,
        t: ir.Value,
        indices: Sequence[Position],
        lanes: int | None,
        mask: ir.Value | None = None,
    ) -> ir.Value:
        """As `value`, but a scalar where all lanes are the same."""
        self._declare_lane(lanes)
        positions = tuple(self.affine(i) for i in indices)
        return self._value(t, positions, lanes, mask)

    def affine(self, position: Position) -> Affine:
        """The expression of a position."""
        if not isinstance(position, Lane):
            return Affine.of(position)
        base = Affine.of(position.base)
        return base + Affine({LANE: position.stride}) if position.stride else base

    def size(self, base: Index) -> ir.Value:
        """A lane-free index as a value."""
        return self.index_value(Affine.of(base), None)

    def buffer(self, t: ir.Value) -> Buffer:
        """The buffer of a tensor; a memref is taken as dense, in the tensor's order."""
        given = self.buffers[t]
        if isinstance(given, Buffer):
            return given
        found = self._buffers.get((t, given))
        if found is None:
            strides = memory.row_major(shape_of(t))
            found = Buffer(memory.flatten(given), element_of(t), strides)
            self._buffers[t, given] = found
        return found

    def _value(
        self, t: ir.Value, at: tuple[Affine, ...], lanes: int | None, mask: ir.Value | None
    ) -> ir.Value:
        atoms: set = set().union(*(i.atoms() for i in at)) if at else set()
        if LANE not in atoms:
            lanes = mask = None
        if self._is_pinned(t):
            level = len(self._scopes) - 1
        else:
            level = self.level_of(atoms if mask is None else {*atoms, mask})
        return self.once((t, at, lanes, mask), level, lambda: self._emit(t, at, lanes, mask))

    def _is_pinned(self, t: ir.Value) -> bool:
        """True where the value depends on an override, which holds at one place only."""
        if not self.overrides:
            return False
        targets = frozenset(self.overrides)
        if targets != self._pins[0]:
            self._pins = (targets, {})
        known = self._pins[1]
        if t not in known:
            known[t] = producers.depends_on(t, targets, self.buffers, known)
        return known[t]

    def _emit(
        self, t: ir.Value, at: tuple[Affine, ...], lanes: int | None, mask: ir.Value | None
    ) -> ir.Value:
        if t in self.overrides:
            return self.overrides[t]([_lane(i) for i in at])
        if t in self.buffers:
            return self._load(self.buffer(t), self.buffer(t).address(at), lanes, mask)
        if t not in self._generics:
            self._generics[t] = generic_of(t)
        generic = self._generics[t]
        if generic is not None:
            return self._generic(generic, t, at, lanes, mask)
        return self._movement(t, at, lanes, mask)

    def _load(
        self, buffer: Buffer, address: Affine, lanes: int | None, mask: ir.Value | None
    ) -> ir.Value:
        def index(x: Affine) -> ir.Value:
            return self.index_value(x, None)

        if lanes is None or LANE not in address.atoms():
            return memory.load_scalar(buffer, address, index)
        found = memory.load_lanes(buffer, address, lanes, index, mask)
        if found is not None:
            return found
        tile = self._tile if lanes <= memory.TILE else None
        if tile is not None and address.coefficient(tile[0]) == 1:
            return self._turned(buffer, address, lanes, index)

        def element(k: int) -> ir.Value:
            return memory.load_scalar(buffer, producers.at_lane(self.facts, address, k), index)

        return self._by_lane(buffer.element, lanes, mask, element)

    @contextmanager
    def tile(self, variable: ir.Value | None, k: int) -> Iterator[None]:
        """Inside, positions hold `variable + k`, and those with `variable + 0 .. lanes - 1` are
        asked for too: what is contiguous along it is read as tiles and transposed."""
        self._tile = None if variable is None else (variable, k)
        yield
        self._tile = None

    def _turned(
        self, buffer: Buffer, address: Affine, lanes: int, index: memory.IndexValue
    ) -> ir.Value:
        """One row of a tile that is read by columns."""
        assert self._tile is not None
        k = self._tile[1]
        first = address + (-k)
        level = self.level_of(address.atoms())

        def column(lane: int) -> ir.Value:
            along = producers.at_lane(self.facts, first, lane) + Affine({LANE: 1})
            found = memory.load_lanes(buffer, along, memory.TILE, index, None)
            assert found is not None
            return found

        memo = self._memo(level)
        key = ("tile", buffer, first, lanes)
        if key not in memo:
            with self._at(level):
                memo[key] = memory.transpose([column(lane) for lane in range(lanes)])
        return memo[key][k]

    def _by_lane(
        self, element: ir.Type, lanes: int, mask: ir.Value | None, build: Callable[[int], ir.Value]
    ) -> ir.Value:
        """A vector of scalars; `build(k)` is emitted only for lanes that the mask has."""
        parts = []
        for k in range(lanes):
            if mask is None:
                parts.append(build(k))
                continue
            bit = vector.extract(mask, [], [k])
            parts.append(self._if(bit, element, lambda k=k: build(k), memory.zeros))
        return vector.from_elements(bodies.vector_type(element, lanes), parts)

    def _if(
        self,
        condition: ir.Value,
        kind: ir.Type,
        then: Callable[[], ir.Value],
        otherwise: Callable[[ir.Type], ir.Value],
    ) -> ir.Value:
        op = scf.IfOp(condition, [kind], has_else=True)
        with ir.InsertionPoint(op.then_block), self.barrier(op.operation):
            scf.YieldOp([then()])
        with ir.InsertionPoint(op.else_block), self.barrier(op.operation):
            scf.YieldOp([otherwise(kind)])
        return op.results[0]

    def _generic(
        self,
        generic: Generic,
        t: ir.Value,
        at: tuple[Affine, ...],
        lanes: int | None,
        mask: ir.Value | None,
    ) -> ir.Value:
        if generic.reductions:
            raise InternalError(f"a reduction is computed before it is read, got {t}"[:300])
        k = ir.OpResult(t).result_number
        dims = producers.solve(generic, generic.outputs[k], at)
        return self.body(generic, dims, lanes, mask).result(k)

    def body(
        self,
        generic: Generic,
        dims: Sequence[Affine],
        lanes: int | None,
        mask: ir.Value | None = None,
        accumulators: Sequence[ir.Value] = (),
        fused: bool | None = None,
    ) -> bodies.Clone:
        """The body of a generic at a point of its iteration space."""
        inputs = len(generic.inputs)

        def argument(k: int) -> ir.Value:
            if k >= inputs and accumulators:
                return accumulators[k - inputs]
            operand = (*generic.inputs, *generic.outputs)[k]
            return self._value(operand.value, producers.positions(operand, dims), lanes, mask)

        fused = self.fused if fused is None else fused
        context = _Masked(self, mask)
        return bodies.Clone(generic.body, context, lanes, argument, lambda d: dims[d], fused)

    def extract(
        self,
        tensor: ir.Value,
        indices: Sequence[bodies.Datum],
        lanes: int | None,
        mask: ir.Value | None,
    ) -> ir.Value:
        """`tensor.extract` at indices that are expressions, scalars or vectors."""
        if not any(bodies.is_vector(i) for i in indices):
            return self._value(tensor, tuple(self._computed(i) for i in indices), lanes, mask)
        assert lanes is not None

        def element(k: int) -> ir.Value:
            at = tuple(self._computed_lane(i, k) for i in indices)
            return self._value(tensor, at, None, None)

        return self._by_lane(element_of(tensor), lanes, mask, element)

    def _computed(self, index: bodies.Datum) -> Affine:
        if isinstance(index, ir.Value):
            self._levels.setdefault(index, len(self._scopes) - 1)
        return Affine.of(index)

    def _computed_lane(self, index: bodies.Datum, k: int) -> Affine:
        if isinstance(index, Affine):
            return producers.at_lane(self.facts, index, k)
        if not bodies.is_vector(index):
            return self._computed(index)
        return self._computed(vector.extract(index, [], [k]))

    def _movement(
        self, t: ir.Value, at: tuple[Affine, ...], lanes: int | None, mask: ir.Value | None
    ) -> ir.Value:
        values = producers.table_of(t)
        if values is not None:
            self.buffers[t] = memory.table(values)
            return self._emit(t, at, lanes, mask)
        step = producers.movement(t, at, self.facts)
        if isinstance(step, producers.Choice) and lanes is not None:
            step = producers.for_all_lanes(step, lanes, self.facts)
        if isinstance(step, producers.Choice) and lanes is not None and _differs(step):

            def element(k: int) -> ir.Value:
                single = tuple(producers.at_lane(self.facts, i, k) for i in at)
                return self._value(t, single, None, None)

            return self._by_lane(element_of(t), lanes, mask, element)
        return self._step(step, lanes, mask)

    def _step(
        self, step: producers.Source | producers.Choice, lanes: int | None, mask: ir.Value | None
    ) -> ir.Value:
        if isinstance(step, producers.Constant):
            return self.constant(step.attribute, None)
        if isinstance(step, producers.Alias):
            return self._value(step.value, step.at, lanes, mask)

        def branch(source: producers.Source | producers.Choice) -> ir.Value:
            found = self._step(source, lanes, mask)
            if lanes is not None and not isinstance(found.type, ir.VectorType):
                return self.spread(found, lanes)
            return found

        kind = _element(step)
        kind = kind if lanes is None else bodies.vector_type(kind, lanes)
        outside = step.outside
        return self._if(
            self._holds(step), kind, lambda: branch(step.inside), lambda _: branch(outside)
        )

    def _holds(self, step: producers.Choice) -> ir.Value:
        """Each `0 <= x < size` as one unsigned comparison, joined."""
        result: ir.Value | None = None
        for x, size in step.conditions:
            bound = self.index_value(Affine({}, size), None)
            value = self.index_value(x, None)
            found = arith.cmpi(arith.CmpIPredicate.ult, value, bound)
            result = found if result is None else arith.andi(result, found)
        assert result is not None
        return result


@dataclass(frozen=True)
class _Masked:
    """The evaluator as a body sees it."""

    evaluator: Evaluator
    mask: ir.Value | None

    @property
    def facts(self) -> Facts:
        return self.evaluator.facts

    def constant(self, attribute: ir.Attribute, lanes: int | None) -> ir.Value:
        return self.evaluator.constant(attribute, lanes)

    def spread(self, value: ir.Value, lanes: int) -> ir.Value:
        return self.evaluator.spread(value, lanes)

    def reciprocal(self, value: ir.Value) -> ir.Value:
        return self.evaluator.reciprocal(value)

    def index_value(self, x: Affine, lanes: int | None) -> ir.Value:
        return self.evaluator.index_value(x, lanes)

    def extract(
        self, tensor: ir.Value, indices: Sequence[bodies.Datum], lanes: int | None
    ) -> ir.Value:
        return self.evaluator.extract(tensor, indices, lanes, self.mask)


def _lane(x: Affine) -> Lane:
    """The index as a `Lane`; one that is not linear in the lane is all of its base."""
    if not x.is_linear_in(LANE):
        return Lane(x)
    base = memory.without_lane(x)
    return Lane(base.constant if base.is_constant else base, x.coefficient(LANE))


def _differs(step: producers.Choice) -> bool:
    """True where the lanes of a vector may fall on different sides."""
    if any(LANE in x.atoms() for x, _ in step.conditions):
        return True
    return isinstance(step.outside, producers.Choice) and _differs(step.outside)


def _element(step: producers.Source | producers.Choice) -> ir.Type:
    if isinstance(step, producers.Constant):
        return step.attribute.type  # pyright: ignore[reportAttributeAccessIssue]
    return element_of(step.value) if isinstance(step, producers.Alias) else _element(step.inside)
