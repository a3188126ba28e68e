"""Recognises attention, and takes the transposes of heads around it into the op.

    %q = "ty.transpose"(%0) {perm = [0, 2, 1, 3]}
    %k = "ty.transpose"(%1) {perm = [0, 2, 1, 3]}
    %v = "ty.transpose"(%2) {perm = [0, 2, 1, 3]}
    %3 = "ty.matmul"(%q, %k) {transpose_b}         %y = "ty.attention"(%0, %1, %2, %mask)
    %4 = "ty.multiply"(%3, %c)              ->          {scale = 0.125, sequence_first = true}
    %5 = "ty.add"(%4, %mask)
    %6 = "ty.softmax"(%5) {axis = 3}
    %7 = "ty.matmul"(%6, %v)
    %y = "ty.transpose"(%7) {perm = [0, 2, 1, 3]}

Only where nothing else reads the scores, and where the schedule of attention takes the op. A mask
that hides exactly the later keys becomes the flag `causal`. Not for exact mode: sums over keys are
in the order of the schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.lowering.attention import is_taken
from tyc.compiler.options import Options
from tyc.compiler.transforms.constants import Context, has_one_use, made_by, rebuilt
from tyc.compiler.transforms.worklist import Table, rewrite
from tyc.dialects import building, ty
from tyc.dialects.program import Program
from tyc.dialects.ty.attention import swapped_heads
from tyc.dialects.types import broadcast_shapes

_type = building.type_of
# A number that swallows whatever score is added to it, and whose weight is 0 beside any other.
_HIDES = -1e30


def raise_attention(program: Program, options: Options) -> bool:
    """Replaces products around a softmax by attention, unless `options.exact`; true where something
    changed."""
    present = {operation.name for operation in program.operations()}
    if options.exact or not present & {"ty.softmax", "ty.attention"}:
        return False
    return rewrite(program, options, _TABLE)


@dataclass(frozen=True)
class _Scores:
    """What a softmax is of: a product, a factor, and masks, each a function that builds it."""

    product: Any
    scale: float = 1.0
    masks: tuple[Callable[[], ir.Value], ...] = ()


def attention(op: Any, context: Context) -> ir.Value | None:
    """matmul(softmax(scale * matmul(q, k^T) + mask), v) is attention."""
    weights = made_by(op.a, "softmax")
    if weights is None or not has_one_use(op.a) or op.transpose_a or op.transpose_b:
        return None
    rank = _type(op.a).rank
    if weights.axis % rank != rank - 1:
        return None
    scores = _scores(weights.x, context)
    if scores is None or scores.product.transpose_a or not scores.product.transpose_b:
        return None
    q, k = scores.product.a, scores.product.b
    if not is_taken(_type(q), _type(k), _type(op.b), False):
        return None
    mask, causal = _merged(scores, context)
    return ty.attention(q, k, op.b, mask, scale=scores.scale, causal=causal)


def _scores(value: ir.Value, context: Context) -> _Scores | None:
    """A value as scaled and masked product, where nothing else reads what it is made of."""
    owner = made_by(value, "matmul", "add", "multiply", "divide", "where")
    if owner is None or not has_one_use(value):
        return None
    if owner.NAME == "matmul":
        return _Scores(owner)
    if owner.NAME in ("multiply", "divide"):
        return _scaled(owner, context)
    if owner.NAME == "where":
        return _hidden(owner, context)
    for x, mask in ((owner.a, owner.b), (owner.b, owner.a)):
        found = _scores(x, context) if x.type == value.type else None
        if found is not None:
            return replace(found, masks=(*found.masks, lambda m=mask: m))
    return None


def _scaled(op: Any, context: Context) -> _Scores | None:
    number = context.splat(op.b)
    found = _scores(op.a, context) if op.a.type == op.y.type and number is not None else None
    if found is None or number is None or found.masks or not np.isfinite(number) or number == 0:
        return None
    factor = number if op.NAME == "multiply" else 1 / number
    return replace(found, scale=found.scale * float(factor))


def _hidden(op: Any, context: Context) -> _Scores | None:
    """where(condition, x, -inf) and where(condition, -inf, x) add 0 or minus infinity."""
    for x, other, shown in ((op.a, op.b, True), (op.b, op.a, False)):
        number = context.splat(other)
        found = _scores(x, context) if number is not None and number <= _HIDES else None
        if found is None or number is None or x.type != op.y.type:
            continue

        def mask(x: ir.Value = x, number: float = number, shown: bool = shown) -> ir.Value:
            zero, low = context.scalar(0.0, x), context.scalar(number, x)
            return ty.where(op.condition, *((zero, low) if shown else (low, zero)))

        return replace(found, masks=(*found.masks, mask))
    return None


def _merged(scores: _Scores, context: Context) -> tuple[ir.Value | None, bool]:
    """The sum of the masks, or none and true where that is the causal one."""
    if not scores.masks:
        return None, False
    total, *others = [build() for build in scores.masks]
    for other in others:
        total = ty.add(total, other)
    shape = _type(scores.product.y).shape
    known = _known_mask(total, context)
    return (None, True) if known is not None and _is_causal(known, shape) else (total, False)


def _known_mask(value: ir.Value, context: Context) -> np.ndarray | None:
    """The elements of a mask that is a constant, or chooses numbers by a constant."""
    choice = made_by(value, "where")
    if choice is None:
        return context.array(value)
    parts = [context.array(v) for v in (choice.condition, choice.a, choice.b)]
    if any(p is None for p in parts):
        return None
    condition, a, b = parts
    return np.where(condition, a, b)  # pyright: ignore[reportArgumentType,reportCallIssue]


def _is_causal(mask: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether a mask is 0 up to the query's own position and hides the keys behind it."""
    if mask.size != shape[-1] * shape[-2] or mask.shape[-2:] != shape[-2:]:
        return False
    visible = np.tri(*shape[-2:], dtype=bool)
    matrix = mask.reshape(shape[-2:]).astype(np.float64)
    return bool((matrix[visible] == 0).all() and (matrix[~visible] <= _HIDES).all())


def sequence_first(op: Any, context: Context) -> ir.Value | None:
    """The transpose of heads behind attention goes with those before q, k and v."""
    inner = made_by(op.x, "attention")
    if inner is None or inner.sequence_first or not has_one_use(op.x) or not _swaps(op):
        return None
    operands = [inner.q, inner.k, inner.v]
    rank = len(op.perm)
    makers = [made_by(v, "transpose") for v in operands]
    found = [None if m is None or not _swaps(m) else m.x for m in makers]
    if any(_type(v).rank < 3 for v in operands) or sum(x is not None for x in found) < 2:
        return None
    if any(_type(v).rank != rank for v in operands):
        return None
    rows = [swapped_heads(v) if x is None else x for v, x in zip(operands, found)]
    return rebuilt(inner, *rows, inner.mask, sequence_first=True)


def _swaps(op: Any) -> bool:
    """Whether a transpose swaps the two dimensions before the last."""
    rank = len(op.perm)
    return rank >= 3 and list(op.perm) == [*range(rank - 3), rank - 2, rank - 3, rank - 1]


def mask_unbroadcast(op: Any, context: Context) -> ir.Value | None:
    """A mask is broadcast by attention itself, and one of zeros adds nothing."""
    if op.mask is None:
        return None
    if context.splat(op.mask) == 0:
        return rebuilt(op, op.q, op.k, op.v, None)
    spread = made_by(op.mask, "broadcast_to")
    if spread is None:
        return None
    shape = _type(spread.y).shape
    assert broadcast_shapes(_type(spread.x).shape, shape) == shape
    return rebuilt(op, op.q, op.k, op.v, spread.x)


_TABLE: Table = {
    "matmul": (attention,),
    "transpose": (sequence_first,),
    "attention": (mask_unbroadcast,),
}
