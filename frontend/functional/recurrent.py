"""Recurrent layers over `[T, B, I]`, weights in ONNX's layout: one row of gates for each direction.

`D` is 2 where `direction` is `bidirectional`, else 1 (`forward`, `reverse`).
"""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply
from tyc.frames import error
from tyc.tensors import Tensor


def _checked(direction: str) -> str:
    if direction not in ("forward", "reverse", "bidirectional"):
        raise error(f"direction must be forward, reverse or bidirectional, got {direction!r}")
    return direction


def lstm(
    x: TensorLike,
    weight: TensorLike,
    recurrence: TensorLike,
    bias: TensorLike | None = None,
    initial_h: TensorLike | None = None,
    initial_c: TensorLike | None = None,
    direction: str = "forward",
) -> tuple[Tensor, Tensor, Tensor]:
    """`c' = f*c + i*g`, `h' = o*tanh(c')`: all states `[T, D, B, H]`, the last h and c `[D, B, H]`.

    `weight` `[D, 4H, I]` and `recurrence` `[D, 4H, H]` hold the gates i, o, f, g; `bias` `[D, 8H]`
    holds those of the input and of the recurrence.
    """
    inputs = (x, weight, recurrence, bias, initial_h, initial_c, None)
    y, h, c = apply(ty.LstmOp, *inputs, direction=_checked(direction))
    return y, h, c


def gru(
    x: TensorLike,
    weight: TensorLike,
    recurrence: TensorLike,
    bias: TensorLike | None = None,
    initial_h: TensorLike | None = None,
    direction: str = "forward",
    linear_before_reset: bool = True,
) -> tuple[Tensor, Tensor]:
    """`h' = (1 - z)*n + z*h`: all states `[T, D, B, H]`, the last `[D, B, H]`.

    `weight` `[D, 3H, I]` and `recurrence` `[D, 3H, H]` hold the gates z, r, n; `bias` is `[D, 6H]`.
    `linear_before_reset` is PyTorch's form: r times the product with its bias.
    """
    y, h = apply(
        ty.GruOp,
        x,
        weight,
        recurrence,
        bias,
        initial_h,
        direction=_checked(direction),
        linear_before_reset=linear_before_reset,
    )
    return y, h


def rnn(
    x: TensorLike,
    weight: TensorLike,
    recurrence: TensorLike,
    bias: TensorLike | None = None,
    initial_h: TensorLike | None = None,
    direction: str = "forward",
) -> tuple[Tensor, Tensor]:
    """`h' = tanh(W x + R h + b)`: all states `[T, D, B, H]`, the last `[D, B, H]`."""
    inputs = (x, weight, recurrence, bias, initial_h)
    y, h = apply(ty.RnnOp, *inputs, direction=_checked(direction))
    return y, h
