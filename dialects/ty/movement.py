"""Data movement: every element of the result is one element of an operand, or a constant."""

from __future__ import annotations

import numpy as np

from tyc.dialects.ods import Ints, Op, Operand, Result, example
from tyc.dialects.types import TensorType


class TransposeOp(Op, name="transpose"):
    """Permutes dimensions: `y[i[perm[0]], i[perm[1]], ...] = x[i]`.

    (C1) `perm` is a permutation of `0..rank(x)-1`.
    """

    x: Operand
    perm: Ints
    y: Result
    examples = (example((2, 3, 4), perm=[2, 0, 1]),)

    @classmethod
    def infer(cls, x: TensorType, perm: list[int]) -> TensorType:
        """The shape of `x`, permuted."""
        if sorted(perm) != list(range(x.rank)):  # C1
            raise cls.error(f"perm must be a permutation of 0..{x.rank - 1}, got {list(perm)}")
        return TensorType(tuple(x.shape[d] for d in perm), x.dtype)

    @staticmethod
    def reference(x: np.ndarray, perm: list[int]) -> np.ndarray:
        """`numpy.transpose`."""
        return np.transpose(x, perm)
