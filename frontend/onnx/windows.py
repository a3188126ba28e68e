"""The arithmetic of windows that slide: padding and output sizes of convolutions and pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tyc.onnx.rules import Node


@dataclass(frozen=True)
class Window:
    """One window per output position: sizes by spatial dimension, padding begins then ends.

    `extra` is end padding that only `ceil_mode` asks for: no value of an average counts there.
    """

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    padding: list[int]
    extra: list[int]

    @property
    def pads(self) -> bool:
        """True if any position lies outside of the input."""
        return any(self.padding) or any(self.extra)


def window(n: Node, kernel: Sequence[int], sizes: Sequence[int]) -> Window:
    """The window of a node over an input of the given spatial sizes."""
    rank = len(sizes)
    kernel = list(kernel)
    strides = _each(n, "strides", rank)
    dilations = _each(n, "dilations", rank)
    if len(kernel) != rank:
        n.fail(f"kernel_shape must have {rank} numbers, got {kernel}")
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    padding = _padding(n, sizes, spans, strides)
    extra = [0] * rank
    if n.get("ceil_mode", 0):
        extra = _ceil_padding(sizes, spans, strides, padding)
    return Window(kernel, strides, dilations, padding, extra)


def _each(n: Node, name: str, rank: int) -> list[int]:
    values = list(n.get(name) or [1] * rank)
    if len(values) != rank or any(v < 1 for v in values):
        n.fail(f"{name} must be {rank} positive numbers, got {values}")
    return values


def explicit_padding(n: Node, rank: int) -> list[int]:
    """The attribute `pads`: begins, then ends."""
    padding = list(n.get("pads") or [0] * (2 * rank))
    if len(padding) != 2 * rank:
        n.fail(f"pads must have {2 * rank} numbers, got {padding}")
    return padding


def _padding(
    n: Node, sizes: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> list[int]:
    auto = n.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        return explicit_padding(n, len(sizes))
    if auto == "VALID":
        return [0] * (2 * len(sizes))
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        n.fail(f"auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {auto!r}")
    totals = [max((-(-s // t) - 1) * t + k - s, 0) for s, k, t in zip(sizes, spans, strides)]
    return split_padding(totals, auto == "SAME_UPPER")


def split_padding(totals: Sequence[int], upper: bool) -> list[int]:
    """Half of each total at both sides; the odd one goes to the end with `upper`."""
    small = [t // 2 for t in totals]
    large = [t - t // 2 for t in totals]
    return [*small, *large] if upper else [*large, *small]


def _ceil_padding(
    sizes: Sequence[int], spans: Sequence[int], strides: Sequence[int], padding: Sequence[int]
) -> list[int]:
    """End padding for the windows that hang over; none may start beyond the input."""
    extra = []
    for i, (size, span, stride) in enumerate(zip(sizes, spans, strides)):
        begin, end = padding[i], padding[i + len(sizes)]
        count = -(-(size + begin + end - span) // stride) + 1
        if (count - 1) * stride >= size + begin:
            count -= 1
        extra.append(max((count - 1) * stride + span - (size + begin + end), 0))
    return extra
