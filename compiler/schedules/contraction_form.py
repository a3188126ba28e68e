"""What a contraction is: its loops by role, its factors, its results.

    out[b, m, n] = epilogue(sum over k of A[b, m, k] * B[b, k, n])

Loops are the iterators of the one `linalg.generic` that reduces; b, m, n and k each stand for any
number of them. B is the operand that has the loop along which the root is contiguous: vectors run
there. Loops of size 1 are index 0 everywhere and belong to no role.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlir import ir

from tyc.compiler.schedules.affine import Affine, Facts, total
from tyc.compiler.schedules.kernel import element_of, itemsize, shape_of
from tyc.compiler.schedules.producers import constant_of
from tyc.compiler.schedules.structure import operation_of

PAGE = 4096
"""Bytes of a page: neighbours that are this far apart defeat the prefetcher."""

VIEWS = ("tensor.expand_shape", "tensor.collapse_shape")


@dataclass(frozen=True)
class Linear:
    """`sum of coefficient * loop + constant` as an index of a tensor."""

    terms: tuple[tuple[int, int], ...] = ()
    constant: int = 0

    @property
    def loop(self) -> int | None:
        """The loop, where the index is just that."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and self.constant == 0:
            return self.terms[0][0]
        return None

    def coefficient(self, loop: int) -> int:
        """The factor of a loop, 0 where it does not occur."""
        return dict(self.terms).get(loop, 0)

    def scaled(self, factor: int) -> Linear:
        """`factor * self`."""
        return Linear(tuple((d, c * factor) for d, c in self.terms), self.constant * factor)

    def plus(self, other: Linear) -> Linear:
        """`self + other`."""
        terms = dict(self.terms)
        for d, c in other.terms:
            terms[d] = terms.get(d, 0) + c
        return Linear(tuple(sorted(terms.items())), self.constant + other.constant)


Cast = ir.Operation | ir.Value
"""A step of widening: an operation to repeat, or a scalar to subtract."""


@dataclass(frozen=True)
class Side:
    """One factor: a tensor, its index for each dimension, and the casts that widen its elements.
    `shift` is a tensor of one element, the zero point, that is then subtracted; an emitter puts its
    scalar at the end of `casts`."""

    value: ir.Value
    index: tuple[Linear, ...]
    casts: tuple[Cast, ...]
    shift: ir.Value | None = None
    shift_casts: tuple[ir.Operation, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the tensor."""
        return shape_of(self.value)

    @property
    def element(self) -> ir.Type:
        """The element type in memory."""
        return element_of(self.value)

    def loops(self) -> set[int]:
        """The loops that the indices mention."""
        return {d for i in self.index for d, _ in i.terms}


@dataclass(frozen=True)
class Root:
    """One result of the kernel and where an element of the contraction stands in it; `shape` is
    that of the tensor in whose memory it lies (`kernel.memory_shapes`)."""

    value: ir.Value
    index: tuple[Linear, ...]
    shape: tuple[int, ...]

    @property
    def element(self) -> ir.Type:
        """The element type."""
        return element_of(self.value)


@dataclass(frozen=True)
class Contraction:
    """A kernel with one contraction and a pointwise epilogue. Loops are numbers into `sizes`;
    `views` are the result and its reshapes, `known` where its elements stand in all that depends
    on it. Groups of `joined` loops, with their sizes, run as one: the last loop of each."""

    function: ir.Operation
    result: ir.Value
    views: tuple[ir.Value, ...]
    known: dict[ir.Value, tuple[Linear, ...]]
    initial: ir.Value
    output: tuple[Linear, ...]
    sizes: tuple[int, ...]
    a: Side
    b: Side
    roots: tuple[Root, ...]
    batch: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    depth: tuple[int, ...] = ()
    constants: frozenset[ir.Value] = field(default_factory=frozenset)
    joined: tuple[tuple[tuple[int, int], ...], ...] = ()

    @property
    def element(self) -> ir.Type:
        """The element type in which the sum is accumulated."""
        return element_of(self.result)

    @property
    def lane(self) -> int:
        """The loop along which vectors run."""
        return self.columns[-1]

    def separated(self, at: Mapping[int, Affine], facts: Facts) -> dict[int, Affine]:
        """Loop indices where those of joined loops are computed from the last one's."""
        found = dict(at)
        for group in self.joined:
            x = found.get(group[-1][0], Affine({}))
            for loop, size in reversed(group[1:]):
                found[loop] = facts.remainder(x, size)
                x = facts.quotient(x, size)
            found[group[0][0]] = x
        return found

    def position(
        self, index: Sequence[Linear], at: Mapping[int, Affine], facts: Facts
    ) -> list[Affine]:
        """Tensor indices at given loop indices; a loop that is not given is 0."""
        at = self.separated(at, facts)
        return [total([(c, at[d]) for d, c in i.terms if d in at]) + i.constant for i in index]

    def extent(self, loops: Iterable[int]) -> int:
        """The product of the sizes of some loops."""
        return math.prod(self.sizes[d] for d in loops)

    @property
    def flops(self) -> int:
        """Multiplications and additions of the whole kernel."""
        joined = math.prod(n for group in self.joined for _, n in group[:-1])
        return 2 * math.prod(self.sizes) // joined

    @property
    def weight_bytes(self) -> int:
        """Bytes of the second factor where it is a constant: they come from memory each time."""
        constant = argument_of(self.b.value) in self.constants
        return math.prod(self.b.shape) * itemsize(self.b.element) if constant else 0

    def is_joined(self, side: Side) -> bool:
        """True where loops of a side run as one."""
        return any(d in side.loops() for group in self.joined for d, _ in group)


def argument_of(value: ir.Value) -> ir.Value | None:
    """The function argument whose memory holds a value's elements in the same order, if any."""
    while (op := operation_of(value)) is not None and op.name in VIEWS:
        value = op.operands[0]
    return value if operation_of(value) is None else None


def strides_of(access: Side | Root) -> dict[int, int]:
    """How far apart in the row-major tensor two elements are, for each loop."""
    found: dict[int, int] = {}
    step = 1
    for size, index in reversed(list(zip(access.shape, access.index))):
        for d, c in index.terms:
            found[d] = found.get(d, 0) + c * step
        step *= size
    return found


def pads_zero(op: ir.Operation) -> bool:
    """True for a `tensor.pad` with zeros."""
    block = op.regions[0].blocks[0]
    attribute = constant_of(block.operations[len(block.operations) - 1].operands[0])
    if isinstance(attribute, ir.FloatAttr):
        return ir.FloatAttr(attribute).value == 0.0
    return ir.IntegerAttr(attribute).value == 0
