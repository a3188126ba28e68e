"""The filters of a convolution, transformed and packed: constants when the artifact is written."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tyc.compiler.schedules.convolution_winograd_transform import TAPS, matrices


@dataclass(frozen=True)
class WinogradPacking:
    """`packed[panel, position, ic, lane] = (G g G^T)[position]` of filter `g[oc, ic]`, in f64.

    `winograd` is the output tile's (height, width), `channels` the filters' (oc, ic), `panel` the
    lanes of a panel; output channels beyond the last are zero. The array is [oc, ic, 3, 3].
    """

    winograd: tuple[int, int]
    channels: tuple[int, int]
    panel: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the packed array."""
        positions = math.prod(m + TAPS - 1 for m in self.winograd)
        return (-(-self.channels[0] // self.panel), positions, self.channels[1], self.panel)

    def packed_bytes(self, itemsize: int) -> int:
        """Bytes of the packed array."""
        return math.prod(self.shape) * itemsize

    def matrix(self) -> np.ndarray:
        """`[position, tap]`, f64: the transform of a filter as a vector."""
        rows, columns = (matrices(m).filter for m in self.winograd)
        return np.kron(rows, columns)

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The packed array, contiguous, in the array's element type."""
        panels, positions, inner, panel = self.shape
        both = self.matrix()
        found = np.empty(self.shape, array.dtype)
        filters = array.reshape(*self.channels, TAPS * TAPS)
        for k in range(panels):
            # One panel at a time: in f64 all of them are eight times the filters and more. What is
            # transposed is the filters, not their larger transforms.
            part = filters[k * panel : (k + 1) * panel]
            padded = np.zeros((TAPS * TAPS, inner, panel))
            padded[:, :, : len(part)] = part.transpose(2, 1, 0)
            products = both @ padded.reshape(TAPS * TAPS, -1)
            found[k] = products.reshape(positions, inner, panel)
        return found

    def to_json(self) -> dict[str, Any]:
        """The packing as plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> WinogradPacking:
        """The packing of `to_json`'s data."""
        return WinogradPacking(tuple(data["winograd"]), tuple(data["channels"]), data["panel"])
