"""Clipping of gradients between `backward` and `step`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tyc import functional as F
from tyc.dialects.types import f32
from tyc.frames import error
from tyc.optim.rules import fused
from tyc.tensors import Parameter, Tensor


def clip_grad_norm(parameters: Iterable[Parameter], max_norm: float, p: float = 2.0) -> Tensor:
    """Scales all gradients by `min(1, max_norm / norm)`; the norm before, of rank 0.

    `norm` is the p-norm of all gradients as one vector, `p` 1, 2 or infinite (Pascanu, Mikolov and
    Bengio, On the difficulty of training recurrent neural networks, ICML 2013). Raises `UserError`
    where no parameter has a gradient, or for another `p`.
    """
    if p not in (1, 2, float("inf")):
        raise error(f"p must be 1, 2 or infinity, got {p}")
    owners, grads = _gradients(parameters)
    clipped, norm = _SCALE(grads, float(max_norm), float(p))
    for owner, grad in zip(owners, clipped):
        owner.grad = grad
    return norm


def clip_grad_value(parameters: Iterable[Parameter], limit: float) -> None:
    """Clips each element of all gradients to `-limit..limit`; raises `UserError` without any."""
    owners, grads = _gradients(parameters)
    for owner, grad in zip(owners, _CLIP(grads, float(limit))):
        owner.grad = grad


def _gradients(parameters: Iterable[Parameter]) -> tuple[list[Parameter], list[Tensor]]:
    pairs = [(p, p.grad) for p in parameters if p.grad is not None]
    if not pairs:
        raise error("clipping takes gradients, got none", "call gm.backward(loss) before")
    return [p for p, _ in pairs], [g for _, g in pairs]


def _scaled(grads: list[Tensor], limit: float, p: float) -> tuple[list[Tensor], Tensor]:
    norm = _norm(grads, p)
    # A norm of zero or NaN leaves the gradients as they are: 0 / 0 would not.
    factor = F.where(norm > limit, limit / norm, F.ones((), norm.dtype))
    return [g * factor.astype(g.dtype) for g in grads], norm


def _norm(grads: Sequence[Tensor], p: float) -> Tensor:
    wide = [g.astype(f32) if g.dtype.bits == 16 else g for g in grads]
    widest = max((g.dtype for g in wide), key=lambda d: d.bits)
    if p == float("inf"):
        parts = [F.max(F.absolute(g)).astype(widest) for g in wide]
        return F.max(F.stack(parts))
    if p == 1:
        return F.sum(F.stack([F.norm(g, 1).astype(widest) for g in wide]))
    return F.sqrt(F.sum(F.stack([F.sum_square(g).astype(widest) for g in wide])))


def _clipped(grads: list[Tensor], limit: float) -> list[Tensor]:
    return [F.clip(g, -limit, limit) for g in grads]


_SCALE, _CLIP = fused(_scaled), fused(_clipped)
