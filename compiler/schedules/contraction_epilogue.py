"""What happens to finished sums: the pointwise rest of the kernel, then the stores.

    value = root with the contraction's result replaced by the vector of sums
    vector.store value, output[address of the row and the columns]

Where the depth runs in chunks, sums wait in the first output, or in scratch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlir import ir
from mlir.dialects import arith, vector

from tyc.compiler.schedules.affine import LANE, Affine
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_form import Contraction, Linear
from tyc.compiler.schedules.contraction_operands import lane_mask
from tyc.compiler.schedules.evaluation import Evaluator
from tyc.compiler.schedules.kernel import memory_element
from tyc.compiler.schedules.memory import Buffer
from tyc.compiler.schedules.structure import operation_of


@dataclass
class Epilogue:
    """Reads and writes of the elements at given loop indices: partial sums, initial values, the
    kernel's results. The lane of a vector is added to the index of the contraction's lane loop."""

    contraction: Contraction
    evaluator: Evaluator
    outputs: Sequence[Buffer]
    partial: Buffer | None
    lanes: int
    heavy: bool = False
    _sums: ir.Value | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for view in self.contraction.views:
            self.evaluator.overrides[view] = lambda _: self._current()

    def _current(self) -> ir.Value:
        assert self._sums is not None
        return self._sums

    def initial(self, at: Mapping[int, Size], count: int | None = None) -> ir.Value:
        """What a vector of sums starts from, of `count` lanes if not of all."""
        c = self.contraction
        mask = None if count is None else self._mask(count)
        return self.evaluator.value(c.initial, self._indices(c.output, at), self.lanes, mask)

    def finish(self, sums: ir.Value, at: Mapping[int, Size], count: int) -> None:
        """Stores the results that come from a vector of sums, `count` lanes of it."""
        mask = self._mask(count)
        self._sums = sums
        for root, output in zip(self.contraction.roots, self.outputs):
            indices = self._indices(root.index, at)
            value = self.evaluator.value(root.value, indices, self.lanes, mask)
            if memory_element(root.element) != root.element:
                kind = ir.VectorType.get([self.lanes], memory_element(root.element))
                value = arith.extui(kind, value)
            self._store(output, output.address(indices), value, count)

    def load_partial(self, address: Affine, count: int) -> ir.Value:
        """The sums of the chunks before."""
        assert self.partial is not None
        kind = ir.VectorType.get([self.lanes], self.partial.element)
        base = [self._base(address)]
        mask = self._mask(count)
        if mask is None:
            return vector.load(kind, self.partial.memref, base)
        nothing = ir.DenseElementsAttr.get_splat(kind, _zero(self.partial.element))
        return vector.maskedload(
            kind, self.partial.memref, base, mask, arith.constant(kind, nothing)
        )

    def store_partial(self, sums: ir.Value, address: Affine, count: int) -> None:
        """Keeps sums for the chunks that follow."""
        assert self.partial is not None
        self._store(self.partial, address, sums, count)

    def partial_address(self, at: Mapping[int, Size]) -> Affine:
        """Where the partial sums of the elements wait in the first output."""
        return self.outputs[0].address(self._indices(self.contraction.roots[0].index, at))

    def _store(self, buffer: Buffer, address: Affine, value: ir.Value, count: int) -> None:
        """Writes the first `count` lanes, as vectors of falling powers of two: a masked store costs
        as much as twenty plain ones on some machines."""
        if count >= self.lanes:
            vector.store(value, buffer.memref, [self._base(address)])
            return
        done = 0
        for size in (1 << k for k in reversed(range(count.bit_length()))):
            if count & size:
                part = vector.shuffle(value, value, list(range(done, done + size)))
                vector.store(part, buffer.memref, [self._base(address + done)])
                done += size

    def _base(self, address: Affine) -> ir.Value:
        terms = {atom: c for atom, c in address.terms.items() if atom != LANE}
        return self.evaluator.index_value(Affine(terms, address.constant), None)

    def _indices(self, index: Sequence[Linear], at: Mapping[int, Size]) -> list[Affine]:
        c = self.contraction
        loops = {d: Affine.of(x) for d, x in at.items()}
        loops[c.lane] = loops.get(c.lane, Affine({})) + Affine({LANE: 1})
        return c.position(index, loops, self.evaluator.facts)

    def _mask(self, count: int) -> ir.Value | None:
        if count >= self.lanes:
            return None
        return lane_mask(count, self.lanes)


def is_heavy(contraction: Contraction) -> bool:
    """True where the epilogue has so many operations that it competes for registers with the sums
    of a tile."""
    names = []
    for value in contraction.known:
        op = operation_of(value)
        if op is not None and op.name == "linalg.generic" and value != contraction.result:
            names += [i.operation.name for i in op.regions[0].blocks[0].operations]
    slow = ("arith.divf", "arith.remf", "math.")
    return len(names) > 12 or any(name.startswith(slow) for name in names)


def _zero(element: ir.Type) -> ir.Attribute:
    if isinstance(element, ir.IntegerType):
        return ir.IntegerAttr.get(element, 0)
    return ir.FloatAttr.get(element, 0.0)
