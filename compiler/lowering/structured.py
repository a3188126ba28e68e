"""`linalg.generic` in one call: the helper under every linalg lowering.

The linalg form of a kernel, which schedules take, holds only: `linalg.generic` (pure tensors, body
of arith, math, `linalg.index` and `tensor.extract`), `linalg.fill`, `tensor.empty`, `tensor.pad`
(constant value), `tensor.extract_slice`, `tensor.concat`, `tensor.expand_shape`,
`tensor.collapse_shape`, `arith.constant`. Index maps are projected permutations with constants for
broadcast dimensions, or sums `d0 * stride + d1 * dilation` for windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlir import ir
from mlir.dialects import arith, linalg, tensor

from tyc.dialects.scalar import Scalar
from tyc.dialects.types import DType, TensorType

PARALLEL, REDUCTION = "parallel", "reduction"


def element(d: DType) -> ir.Type:
    """The signless MLIR type of an element type, as linalg and arith see it."""
    return ir.Type.parse(d.mlir if not d.is_integer else f"i{d.bits}")


def empty(t: TensorType) -> ir.Value:
    """A tensor of the type with nothing in it."""
    return tensor.empty(list(t.shape), element(t.dtype))


def filled(t: TensorType, value: float | int | bool) -> ir.Value:
    """A tensor of the type with `value` everywhere."""
    scalar = constant(t.dtype, value)
    return linalg.fill(scalar, outs=[empty(t)])


def constant(d: DType, value: Any) -> ir.Value:
    """A scalar constant of the element type."""
    kind = element(d)
    if d.is_float:
        return arith.constant(kind, ir.FloatAttr.get(kind, float(value)))
    bits = int(value) & ((1 << d.bits) - 1)
    if d.bits > 1 and bits >> (d.bits - 1):
        bits -= 1 << d.bits
    return arith.constant(kind, ir.IntegerAttr.get(kind, bits if d.bits > 1 else -bits))


def index(value: int) -> ir.Value:
    """An index constant."""
    return arith.constant(ir.IndexType.get(), value)


def dims(count: int) -> list[ir.AffineExpr]:
    """The affine dimensions d0 .. d(count-1)."""
    return [ir.AffineDimExpr.get(i) for i in range(count)]


def broadcast_map(shape: Sequence[int], out: Sequence[int]) -> list[ir.AffineExpr]:
    """The index expressions by which an operand of `shape` is read for a result of shape `out`:
    aligned at the right, 0 where its size is 1 and the result's is not."""
    shift = len(out) - len(shape)
    zero = ir.AffineConstantExpr.get(0)
    return [
        zero if size == 1 and out[i + shift] != 1 else ir.AffineDimExpr.get(i + shift)
        for i, size in enumerate(shape)
    ]


Body = Callable[..., Any]


def generic(
    inputs: Sequence[tuple[ir.Value, DType, Sequence[ir.AffineExpr]]],
    outputs: Sequence[tuple[ir.Value, DType, Sequence[ir.AffineExpr]]],
    iterators: Sequence[str],
    body: Body,
) -> Any:
    """A `linalg.generic`: its result, or a list of them.

    Each input and output is (tensor, element type, index expressions); for outputs the tensor is
    the initial value. `body(*inputs, *accumulators)` gets a `Scalar` for each (an accumulator only
    where there is a reduction, else outputs are write-only) and returns a `Scalar` or a list.
    """
    operands = [*inputs, *outputs]
    maps = [ir.AffineMap.get(len(iterators), 0, list(m)) for _, _, m in operands]
    kinds = ", ".join(f"#linalg.iterator_type<{i}>" for i in iterators)
    op = linalg.GenericOp(
        [o.type for o, _, _ in outputs],
        [o for o, _, _ in inputs],
        [o for o, _, _ in outputs],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in maps]),
        ir.Attribute.parse(f"[{kinds}]"),
    )
    block = op.regions[0].blocks.append(*[element(d) for _, d, _ in operands])
    reduces = REDUCTION in iterators
    with ir.InsertionPoint(block):
        scalars = [Scalar(v, d) for v, (_, d, _) in zip(block.arguments, operands)]
        results = body(*(scalars if reduces else scalars[: len(inputs)]))
        many = isinstance(results, (list, tuple))
        linalg.YieldOp([r.value for r in (results if many else [results])])
    return list(op.results) if len(outputs) > 1 else op.results[0]
