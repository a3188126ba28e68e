"""Patterns of the gradients of poolings: what they need is what is small."""

from __future__ import annotations

from typing import Any

from mlir import ir

from tyc.compiler.transforms.constants import Context, has_one_use, made_by, rebuilt
from tyc.compiler.transforms.worklist import Pattern
from tyc.dialects import building, ty


def mask_before_spreading(op: Any, context: Context) -> ir.Value | None:
    """where(x > 0, spread(taps of x, g), 0) = spread(taps of x, where(max_pool(x) > 0, g, 0)).

    A window's maximum is the element that its gradient goes to: the mask of a ReLU before a pooling
    is that of the pooled image, and nothing of the size of `x` has to be kept. The same bits: all
    windows that chose an element keep or drop their gradients together.
    """
    spread = made_by(op.a, "max_pool_spread", "max_pool_taps_gradient")
    test = made_by(op.condition, "greater")
    if spread is None or test is None or not has_one_use(op.a):
        return None
    taps = made_by(spread.taps, "max_pool_taps")
    if taps is None or test.a != taps.x or context.splat(test.b) != 0:
        return None
    if context.splat(op.b) != 0 or op.a.type != op.y.type:
        return None
    pooled = ty.max_pool(taps.x, **building.attributes_of(taps))
    zero = context.scalar(0, pooled)
    mask = ty.greater(pooled, zero)
    grad = ty.where(mask, spread.grad, context.scalar(0, spread.grad))
    return rebuilt(spread, spread.taps, grad)


POOLING: dict[str, tuple[Pattern, ...]] = {"where": (mask_before_spreading,)}
