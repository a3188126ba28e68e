"""Rules on tensors as one program: compiled whole when called eagerly, recorded op by op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tyc.state import STATE
from tyc.tensors import Tensor
from tyc.tracing import trace


def fused(rule: Callable[..., Any]) -> Callable[..., Any]:
    """`rule`, a function of tensors without side effects, with all its ops in one program.

    Called eagerly it runs compiled, once for each signature of its arguments; inside of a trace its
    ops become part of what is recorded. Under `tyc.exact()` it rounds as written.
    """
    plain, exact = trace(rule), trace(rule, exact=True)

    def call(*arguments: Any) -> Any:
        return (exact if STATE.exact else plain)(*arguments)

    return call


def number(value: Tensor, like: Tensor) -> Tensor:
    """A rank-0 f64 tensor in the element type of `like`."""
    return value.astype(like.dtype)
