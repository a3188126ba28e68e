"""A `linalg.generic` as plain data: operands with index maps, iterators, extents, body."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mlir import ir

from tyc.compiler.schedules.kernel import shape_of
from tyc.runtime.errors import InternalError

PARALLEL, REDUCTION = "parallel", "reduction"


@dataclass(frozen=True)
class Linear:
    """`sum of coefficients[k] * d_k + constant`: one index of an operand."""

    coefficients: tuple[int, ...]
    constant: int = 0

    @property
    def dim(self) -> int | None:
        """The iteration dimension that this index is, or `None` where it is anything else."""
        used = self.dims
        if len(used) == 1 and self.coefficients[used[0]] == 1 and self.constant == 0:
            return used[0]
        return None

    @property
    def dims(self) -> list[int]:
        """The iteration dimensions that occur."""
        return [k for k, c in enumerate(self.coefficients) if c]


@dataclass(frozen=True)
class Operand:
    """A tensor and the index expressions, one a dimension, by which it is accessed."""

    value: ir.Value
    index: tuple[Linear, ...]


@dataclass(frozen=True)
class Instruction:
    """An operation of a body: what is needed to build it again on scalars or vectors."""

    operation: ir.Operation
    name: str
    operands: tuple[ir.Value, ...]
    attributes: dict[str, ir.Attribute]
    results: tuple[ir.Value, ...]


@dataclass(frozen=True)
class Body:
    """The block of a generic: arguments (inputs, then outputs), instructions, what it yields."""

    arguments: tuple[ir.Value, ...]
    instructions: tuple[Instruction, ...]
    yields: tuple[ir.Value, ...]


@dataclass(frozen=True)
class Generic:
    """A `linalg.generic`, read."""

    operation: ir.Operation
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    iterators: tuple[str, ...]
    extents: tuple[int, ...]

    @cached_property
    def body(self) -> Body:
        """Its body."""
        return _body(self.operation.regions[0].blocks[0])

    @property
    def parallel(self) -> list[int]:
        """The parallel iteration dimensions."""
        return [d for d, kind in enumerate(self.iterators) if kind == PARALLEL]

    @property
    def reductions(self) -> list[int]:
        """The reduction iteration dimensions."""
        return [d for d, kind in enumerate(self.iterators) if kind == REDUCTION]


def operation_of(value: ir.Value) -> ir.Operation | None:
    """The operation that defines a value; `None` for an argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def generic_of(value: ir.Value) -> Generic | None:
    """The `linalg.generic` that defines a value, read; `None` where something else does."""
    operation = operation_of(value)
    if operation is None or operation.name != "linalg.generic":
        return None
    return read_generic(operation)


def read_generic(operation: ir.Operation) -> Generic:
    """A `linalg.generic` operation, read."""
    attributes = operation.attributes
    maps = [_indices(ir.AffineMapAttr(a).value) for a in ir.ArrayAttr(attributes["indexing_maps"])]
    kinds = [str(a) for a in ir.ArrayAttr(attributes["iterator_types"])]
    iterators = tuple(REDUCTION if "reduction" in k else PARALLEL for k in kinds)
    operands = [Operand(v, m) for v, m in zip(operation.operands, maps)]
    count = len(operation.results)
    inputs, outputs = tuple(operands[:-count]), tuple(operands[-count:])
    return Generic(operation, inputs, outputs, iterators, _extents(operands, len(iterators)))


def _extents(operands: list[Operand], rank: int) -> tuple[int, ...]:
    extents: dict[int, int] = {}
    for operand in operands:
        for index, size in zip(operand.index, shape_of(operand.value)):
            if index.dim is not None:
                extents[index.dim] = size
    if len(extents) != rank:
        raise InternalError(f"an iteration dimension has no extent, got {extents} of {rank}")
    return tuple(extents[d] for d in range(rank))


def _indices(affine_map: ir.AffineMap) -> tuple[Linear, ...]:
    rank = affine_map.n_dims
    return tuple(_linear(e, rank) for e in affine_map.results)


def _linear(e: ir.AffineExpr, rank: int) -> Linear:
    coefficients = [0] * rank
    constant = _accumulate(e, 1, coefficients)
    return Linear(tuple(coefficients), constant)


def _accumulate(e: ir.AffineExpr, scale: int, coefficients: list[int]) -> int:
    """Adds `scale * e` to `coefficients`; returns the constant part."""
    if isinstance(e, ir.AffineDimExpr):
        coefficients[ir.AffineDimExpr(e).position] += scale
        return 0
    if isinstance(e, ir.AffineConstantExpr):
        return scale * ir.AffineConstantExpr(e).value
    if isinstance(e, ir.AffineAddExpr):
        add = ir.AffineAddExpr(e)
        left = _accumulate(add.lhs, scale, coefficients)
        return left + _accumulate(add.rhs, scale, coefficients)
    if isinstance(e, ir.AffineMulExpr):
        multiply = ir.AffineMulExpr(e)
        for one, other in ((multiply.lhs, multiply.rhs), (multiply.rhs, multiply.lhs)):
            if isinstance(one, ir.AffineConstantExpr):
                return _accumulate(other, scale * ir.AffineConstantExpr(one).value, coefficients)
    raise InternalError(f"an index is a sum of scaled dimensions, got {e}")


def _body(block: ir.Block) -> Body:
    operations = [op.operation for op in block.operations]
    instructions = tuple(
        Instruction(
            op,
            op.name,
            tuple(op.operands),
            {name: op.attributes[name] for name in op.attributes},
            tuple(op.results),
        )
        for op in operations[:-1]
    )
    return Body(tuple(block.arguments), instructions, tuple(operations[-1].operands))
