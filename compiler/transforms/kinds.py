"""What an op is to fusion, by what its lowering will be.

`elementwise`  one result element from the same (broadcast) element of each operand
`rows`         reductions and what expands into reductions and elementwise ops (softmax, layer norm)
`contraction`  matrix products, convolutions and the gradients of their weights
`window`       pooling and depthwise convolution
`gather`       reads at computed positions: an elementwise consumer can pull it
`movement`     a relayout that is a kernel of its own
`view`         no work at all: another shape of the same buffer
`constant`     a parameter or a constant, which kernels hold or take as an argument
`opaque`       loops of its own
`expand`       a composite with contractions inside: expanded before fusion
"""

from __future__ import annotations

from typing import Any

from mlir import ir
from mlir.dialects import func

from tyc.compiler.lowering import families
from tyc.compiler.lowering.registry import LINALG, stands_alone
from tyc.dialects import building
from tyc.dialects.ods import Elementwise, Op

_CONTRACTIONS = {"matmul", "matmul_add", "matmul_integer", "conv", "conv_weight_gradient"}
_GATHERS = {"gather", "one_hot", "iota"}


def kind(op: Op) -> str:
    """The kind of one op; see the module's docstring."""
    families.load()
    name = op.NAME
    if name in ("parameter", "constant", "full"):
        return "constant"
    if name == "reshape":
        return "view"
    if name in _CONTRACTIONS:
        return "window" if name == "conv" and _is_depthwise(op) else "contraction"
    if name in _GATHERS:
        return "gather"
    if stands_alone(op):
        return "opaque"
    if isinstance(op, Elementwise) and type(op).scalar is not None:
        return "elementwise"
    if name in LINALG:
        return _kind_of_structured(name)
    if type(op).expand is not None:
        return _kind_of_composite(op)
    return "opaque"


_CACHE: dict[tuple, str] = {}


def _is_depthwise(op: Any) -> bool:
    weight = building.type_of(op.weight)
    return op.groups > 1 and weight.shape[1] == 1 and weight.shape[0] == op.groups


def _kind_of_structured(name: str) -> str:
    if name.startswith("reduce_") or name in ("argmax", "argmin"):
        return "rows"
    return "window" if name.endswith(("_pool", "_pool_taps")) else "movement"


def _kind_of_composite(op: Op) -> str:
    if len(op.operation.results) > 1:
        # Each result is a kernel of its own.
        return "expand"
    types = tuple(str(v.type) for v in op.operation.operands)
    key = (op.NAME, types, str(building.attributes_of(op)))
    if key not in _CACHE:
        _CACHE[key] = _merge(_kinds_of_expansion(op))
    return _CACHE[key]


def _merge(kinds: list[str]) -> str:
    found = set(kinds) - {"constant"}
    # A view in there gives an operand such as a scale the rank that it is broadcast by.
    if found <= {"elementwise", "view"}:
        return "elementwise"
    if found <= {"elementwise", "rows", "view"}:
        return "rows"
    return "expand"


def _kinds_of_expansion(op: Op) -> list[str]:
    """The kinds of the ops of a composite's expansion, which is built and thrown away."""
    operands = building.operands_of(op)
    module = ir.Module.create(ir.Location.unknown())
    with ir.InsertionPoint(module.body):
        types = [v.type for v in op.operation.operands]
        block = func.FuncOp("expansion", (types, [])).add_entry_block()
    values = iter(block.arguments)
    inner = [
        [next(values) for _ in o] if isinstance(o, list) else None if o is None else next(values)
        for o in operands
    ]
    with ir.InsertionPoint(block):
        building.expand(type(op), inner, building.attributes_of(op))
    return [kind(building.view(o)) for o in block.operations]
