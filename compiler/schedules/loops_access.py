"""What a stage of a loop kernel reads, found without emitting code.

Dimensions are symbols here. A walk from a tensor to the buffers behind it gives each read's address
as an expression of them, so that its stride along a dimension is a coefficient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlir import ir

from tyc.compiler.schedules import bodies, producers
from tyc.compiler.schedules.affine import Affine, Atom, Facts, Symbol
from tyc.compiler.schedules.structure import Generic, Instruction, generic_of

# Roughly how many vector additions an operation costs.
_DEAR = {
    "math.exp": 12, "math.exp2": 12, "math.log": 16, "math.log1p": 24, "math.expm1": 30,
    "math.tanh": 18, "math.erf": 18, "math.sin": 16, "math.cos": 16, "math.tan": 30,
    "math.powf": 40, "math.atan": 30, "math.atan2": 40, "math.asin": 30, "math.acos": 30,
    "math.sinh": 30, "math.cosh": 30, "math.asinh": 40, "math.acosh": 40, "math.atanh": 40,
    "arith.remf": 40,
}  # fmt: skip
_MODERATE = {
    "arith.divf": 4, "math.sqrt": 4, "math.rsqrt": 6, "arith.divsi": 16, "arith.remsi": 16,
    "arith.divui": 16, "arith.remui": 16, "arith.floordivsi": 16, "tensor.extract": 4,
}  # fmt: skip
DEAR = 12


@dataclass(frozen=True)
class Read:
    """An element of a stored tensor, at indices."""

    tensor: ir.Value
    at: tuple[Affine, ...]


@dataclass
class Reads:
    """What computing an element needs: reads, conditions of paddings and concatenations, the cost
    of the arithmetic, and the parallel generics on the way with the point they are computed at."""

    reads: list[Read] = field(default_factory=list)
    conditions: list[tuple[Affine, int]] = field(default_factory=list)
    paddings: dict[tuple[Affine, int], ir.Value] = field(default_factory=dict)
    cost: int = 0
    computed: dict[ir.Value, list[tuple[Affine, ...]]] = field(default_factory=dict)
    opaque: dict[Symbol, frozenset[Atom]] = field(default_factory=dict)

    def stride(self, x: Affine, symbol: Symbol) -> int | None:
        """How far `x` moves when the symbol grows by one; `None` where that differs."""
        if not x.is_linear_in(symbol):
            return None
        if any(symbol in self.opaque.get(a, ()) for a in x.atoms() if isinstance(a, Symbol)):
            return None
        return x.coefficient(symbol)


def cost_of(instructions: Sequence[Instruction]) -> int:
    """The cost of a body in vector additions."""
    names = [i.name for i in instructions]
    return sum(_DEAR.get(n) or _MODERATE.get(n, 1) for n in names if n != "arith.constant")


Generics = dict[ir.Value, Generic | None]
"""The generics of a kernel that have been read."""


class Walk:
    """Walks from tensors to the `stored` ones (arguments are always stored)."""

    def __init__(self, facts: Facts, stored: set[ir.Value], generics: Generics) -> None:
        self.facts = facts
        self.found = Reads()
        self._stored, self._generics = stored, generics
        self._seen: set[tuple[ir.Value, tuple[Affine, ...]]] = set()

    def tensor(self, t: ir.Value, at: tuple[Affine, ...], root: bool = False) -> None:
        """Adds what the element of `t` at `at` needs; a `root` is computed though it is stored."""
        if (t, at) in self._seen:
            return
        self._seen.add((t, at))
        stored = t in self._stored and not root
        if stored or isinstance(t.owner, ir.Block) or producers.table_of(t) is not None:
            self.found.reads.append(Read(t, at))
            return
        if t not in self._generics:
            self._generics[t] = generic_of(t)
        generic = self._generics[t]
        if generic is None:
            self._step(t, producers.movement(t, at, self.facts))
            return
        self.found.computed.setdefault(t, []).append(at)
        k = ir.OpResult(t).result_number
        self.generic(generic, producers.solve(generic, generic.outputs[k], at))

    def generic(self, generic: Generic, dims: Sequence[Affine]) -> None:
        """Adds what the body needs at a point of the iteration space."""
        self.found.cost += cost_of(generic.body.instructions)
        used = {v for i in generic.body.instructions for v in i.operands} | set(generic.body.yields)
        operands = (*generic.inputs, *(generic.outputs if generic.reductions else ()))
        for operand, argument in zip(operands, generic.body.arguments):
            if argument in used:
                self.tensor(operand.value, producers.positions(operand, dims))
        names = {i.name for i in generic.body.instructions}
        if "tensor.extract" in names:
            self._extracts(generic, dims)

    def _step(self, t: ir.Value, step: producers.Source | producers.Choice) -> None:
        if isinstance(step, producers.Alias):
            self.tensor(step.value, step.at)
        elif isinstance(step, producers.Choice):
            self.found.conditions += step.conditions
            for condition in step.conditions:
                self.found.paddings[condition] = t
            self._step(t, step.inside)
            self._step(t, step.outside)

    def _extracts(self, generic: Generic, dims: Sequence[Affine]) -> None:
        """Reads at computed indices: what is not arithmetic on dimensions becomes a symbol."""
        values: dict[ir.Value, Affine] = {}
        everything = frozenset(a for d in dims for a in d.atoms())
        depends: dict[ir.Value, frozenset[Atom]] = {}
        inputs = zip((*generic.inputs, *generic.outputs), generic.body.arguments)
        for operand, argument in inputs:
            at = producers.positions(operand, dims)
            depends[argument] = frozenset(a for i in at for a in i.atoms())
        for i in generic.body.instructions:
            affine = self._index(i, dims, values)
            atoms = frozenset[Atom]().union(*(depends.get(o, frozenset()) for o in i.operands))
            if affine is not None:
                atoms = frozenset(affine.atoms())
            for r in i.results:
                depends[r] = atoms & everything
                if affine is not None:
                    values[r] = affine
            if i.name == "tensor.extract":
                at = tuple(values.get(o) or self._unknown(depends[o]) for o in i.operands[1:])
                self.tensor(i.operands[0], at)

    def _index(
        self, i: Instruction, dims: Sequence[Affine], values: dict[ir.Value, Affine]
    ) -> Affine | None:
        if i.name == "linalg.index":
            return dims[ir.IntegerAttr(i.attributes["dim"]).value]
        if i.name == "arith.constant":
            return bodies.integer_constant(i.attributes["value"])
        if i.name not in bodies.AFFINE or not bodies.is_index_like(i.results[0].type):
            return None
        operands = []
        for o in i.operands:
            found = values.get(o)
            if found is None:
                found = bodies.captured_integer(o)
            if found is None:
                return None
            operands.append(found)
        return bodies.AFFINE[i.name](self.facts, *operands)

    def _unknown(self, atoms: frozenset[Atom]) -> Affine:
        symbol = Symbol("opaque", len(self.found.opaque))
        self.found.opaque[symbol] = atoms
        return Affine.of(symbol)
