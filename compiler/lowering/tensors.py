"""The tensor ops of the linalg form in one call each: pads, slices, reshapes, computed elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from mlir import ir
from mlir.dialects import arith, linalg, tensor

from tyc.compiler.lowering import structured
from tyc.compiler.schedules import arithmetic
from tyc.compiler.schedules.structure import generic_of
from tyc.dialects import scalar as s
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import DType, TensorType, i1, i64

Index = arithmetic.Size


def signless(t: TensorType) -> ir.Type:
    """The tensor type with a signless element."""
    return ir.RankedTensorType.get(list(t.shape), structured.element(t.dtype))


def pad(
    x: ir.Value, t: TensorType, low: Sequence[int], high: Sequence[int], value: float | int
) -> tuple[ir.Value, TensorType]:
    """`x` of type `t` with `value` around it, and the new type; `x` where nothing is added."""
    if not any(low) and not any(high):
        return x, t
    out = TensorType(tuple(map(sum, zip(t.shape, low, high))), t.dtype)
    filling = structured.constant(t.dtype, value)
    op = tensor.PadOp(signless(out), x, [], [], list(low), list(high))
    block = op.regions[0].blocks.append(*[ir.IndexType.get()] * t.rank)
    with ir.InsertionPoint(block):
        tensor.YieldOp(filling)
    return op.result, out


def extract_slice(
    x: ir.Value,
    t: TensorType,
    starts: Sequence[int],
    sizes: Sequence[int],
    steps: Sequence[int] | None = None,
) -> ir.Value:
    """`x[starts + i * steps]`, steps positive; `x` itself where that is all of it."""
    steps = list(steps or [1] * t.rank)
    if tuple(sizes) == t.shape:
        return x
    kind = signless(TensorType(tuple(sizes), t.dtype))
    return tensor.extract_slice(kind, x, [], [], [], list(starts), list(sizes), steps)


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The finest pairs of runs of dimensions with equal products; both ranks are positive."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        left, right = [i], [j]
        a, b = old[i], new[j]
        i, j = i + 1, j + 1
        while a != b:
            if a < b:
                left.append(i)
                a, i = a * old[i], i + 1
            else:
                right.append(j)
                b, j = b * new[j], j + 1
        groups.append((left, right))
    # What is left over has size 1 and joins the last group.
    groups[-1][0].extend(range(i, len(old)))
    groups[-1][1].extend(range(j, len(new)))
    return groups


def reshape(x: ir.Value, t: TensorType, shape: Sequence[int]) -> ir.Value:
    """`x` in `shape`: a `tensor.collapse_shape`, a `tensor.expand_shape`, or both in this order."""
    new = tuple(shape)
    if new == t.shape:
        return x
    if t.size == 0:
        return structured.empty(TensorType(new, t.dtype))
    groups = _groups(t.shape, new) if t.rank and new else []
    between = tuple(math.prod(t.shape[d] for d in left) for left, _ in groups)
    if len(between) < t.rank:
        kind = signless(TensorType(between, t.dtype))
        x = tensor.collapse_shape(kind, x, [left for left, _ in groups])
    if len(between) < len(new):
        kind = signless(TensorType(new, t.dtype))
        x = tensor.expand_shape(kind, x, [right for _, right in groups], [], list(new))
    return x


def transpose(x: ir.Value, t: TensorType, perm: Sequence[int]) -> ir.Value:
    """`y[i[perm[0]], ...] = x[i]`: a generic that reads its operand permuted."""
    out = TensorType(tuple(t.shape[d] for d in perm), t.dtype)
    d = structured.dims(out.rank)
    source = [d[list(perm).index(k)] for k in range(t.rank)]
    return copy(x, t.dtype, source, out)


def permuted_source(y: ir.Value) -> tuple[ir.Value, list[int]] | None:
    """`x` and `order` where `y` is a transpose of `x`: dimension k of x is `order[k]` of y."""
    generic = generic_of(y)
    if generic is None or len(generic.inputs) != 1 or generic.reductions:
        return None
    (operand,) = generic.inputs
    order = [i.dim for i in operand.index]
    copies = generic.body.yields[0] == generic.body.arguments[0]
    if not copies or sorted(d for d in order if d is not None) != list(range(len(order))):
        return None
    return operand.value, [d for d in order if d is not None]


def copy(x: ir.Value, element: DType, source: Sequence[ir.AffineExpr], out: TensorType) -> ir.Value:
    """`y[d] = x[source(d)]`, converted to the element type of `out`."""
    return structured.generic(
        [(x, element, source)],
        [(structured.empty(out), out.dtype, structured.dims(out.rank))],
        [structured.PARALLEL] * out.rank,
        lambda value: s.cast(value, out.dtype),
    )


def computed(out: TensorType, body: Callable[[list[Index]], Scalar]) -> ir.Value:
    """`y[i] = body(i)`: a generic without inputs, for what no index map says."""
    return structured.generic(
        [],
        [(structured.empty(out), out.dtype, structured.dims(out.rank))],
        [structured.PARALLEL] * out.rank,
        lambda: body([position(d) for d in range(out.rank)]),
    )


def position(d: int) -> ir.Value:
    """The index of iterator `d` in a generic's body."""
    return linalg.IndexOp(d).result


def element_at(x: ir.Value, element: DType, indices: Sequence[Index]) -> Scalar:
    """One element of a tensor that the surrounding generic captures."""
    return Scalar(tensor.extract(x, [arithmetic.materialise(i) for i in indices]), element)


def wrapped(index: Scalar, size: int) -> ir.Value:
    """An index that may be negative (then from the end) or too large, moved into `0..size-1`."""
    signed = s.cast(index, i64)
    counted = s.where(signed < 0, signed + size, signed)
    inside = s.minimum(s.maximum(counted, 0), size - 1)
    return arith.index_cast(ir.IndexType.get(), inside.value)


def clamped(index: Index, last: int) -> Index:
    """The index moved into `0..last`."""
    return arithmetic.minimum(arithmetic.maximum(index, 0), last)


def within(index: Index, size: int) -> Scalar:
    """Whether `0 <= index < size`: one unsigned comparison."""
    value = arithmetic.materialise(index)
    bound = arithmetic.constant(size)
    return Scalar(arith.cmpi(arith.CmpIPredicate.ult, value, bound), i1)


def as_scalar(index: Index) -> Scalar:
    """An index as i64."""
    kind = ir.IntegerType.get_signless(64)
    return Scalar(arith.index_cast(kind, arithmetic.materialise(index)), i64)
