"""Sliding windows: the geometry that convolutions and poolings share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tyc.dialects.ods import Op

LAYOUTS = ("NCX", "NXC")


def spatial_axes(layout: str, rank: int) -> list[int]:
    """The spatial dimensions of a tensor of `rank`: after the channels in NCX, before in NXC."""
    return list(range(2, rank)) if layout == "NCX" else list(range(1, rank - 1))


def channel_axis(layout: str, rank: int) -> int:
    """The dimension of the channels: 1 in NCX, the last in NXC."""
    return 1 if layout == "NCX" else rank - 1


def arrange(layout: str, batch: int, channels: int, spatial: Sequence[int]) -> tuple[int, ...]:
    """A shape in `layout`."""
    if layout == "NCX":
        return (batch, channels, *spatial)
    return (batch, *spatial, channels)


def to_ncx(x: np.ndarray, layout: str) -> np.ndarray:
    """The array with its channels moved to dimension 1."""
    return np.moveaxis(x, -1, 1) if layout == "NXC" else x


def from_ncx(x: np.ndarray, layout: str) -> np.ndarray:
    """The array with its channels moved from dimension 1 to where `layout` has them."""
    return np.moveaxis(x, 1, -1) if layout == "NXC" else x


@dataclass(frozen=True)
class Windows:
    """Windows over the spatial dimensions: tap `k` of window `p` is at `p * stride + k * dilation -
    low` in each of them."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    @classmethod
    def of(
        cls,
        kernel: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[int],
        dilations: Sequence[int],
    ) -> Windows:
        """From attributes as ops have them: `padding` is `[begin..., end...]`."""
        rank = len(kernel)
        low, high = tuple(padding[:rank]), tuple(padding[rank:])
        return cls(tuple(kernel), tuple(strides), tuple(dilations), low, high)

    @property
    def rank(self) -> int:
        """The number of spatial dimensions."""
        return len(self.kernel)

    @property
    def taps(self) -> int:
        """The number of elements in one window."""
        return math.prod(self.kernel)

    @property
    def extents(self) -> list[int]:
        """The elements from the first to the last tap, dilation included."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations)]

    def outputs(self, sizes: Sequence[int]) -> list[int]:
        """The number of windows along each dimension of the input's spatial `sizes`."""
        parts = zip(sizes, self.low, self.high, self.extents, self.strides)
        return [(n + lo + hi - e) // s + 1 for n, lo, hi, e, s in parts]

    def each_tap(self, x: np.ndarray, fill: float) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        """For each tap, its index in the kernel and what all windows see there: `x` is NCX, so is
        the part; padding reads as `fill`."""
        outputs = self.outputs(x.shape[2:])
        sizes = [n + lo + hi for n, lo, hi in zip(x.shape[2:], self.low, self.high)]
        padded = np.full((*x.shape[:2], *sizes), fill).astype(x.dtype)
        padded[(..., *(slice(lo, lo + n) for lo, n in zip(self.low, x.shape[2:])))] = x
        for k in np.ndindex(*self.kernel):
            starts = [i * d for i, d in zip(k, self.dilations)]
            parts = zip(starts, outputs, self.strides)
            yield k, padded[(..., *(slice(b, b + (n - 1) * s + 1, s) for b, n, s in parts))]


def check_windows(
    op: type[Op],
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilations: Sequence[int],
) -> Windows:
    """The windows of an op over spatial `sizes`.

    Raises `UserError` where a list has the wrong length, a stride, dilation or kernel size is below
    1, padding is negative, or a window is larger than the padded input.
    """
    rank = len(sizes)
    lists = {"kernel": kernel, "strides": strides, "dilations": dilations}
    for name, values in lists.items():
        if len(values) != rank or min(values) < 1:
            raise op.error(f"{name} must be {rank} positive numbers, got {list(values)}")
    if len(padding) != 2 * rank or min(padding) < 0:
        hint = "give [begin..., end...]"
        raise op.error(f"padding must be {2 * rank} numbers >= 0, got {list(padding)}", hint)
    windows = Windows.of(kernel, strides, padding, dilations)
    if min(windows.outputs(sizes)) < 1:
        got = f"windows {windows.extents} over {list(sizes)} with padding {list(padding)}"
        raise op.error(f"a window must fit into the padded input, got {got}")
    return windows
