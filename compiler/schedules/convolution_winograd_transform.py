"""The transforms of Winograd's minimal filtering F(m, 3): m outputs of 3 taps with m + 2 products.

    y = output . ((filter . g) * (input . d))      d: m + 2 inputs, g: 3 taps, y: m outputs

Matrices are those of Cook and Toom: polynomials are evaluated at m + 1 points and at infinity. The
points come in pairs a, -a, so that both of a pair share their even and their odd part. Two
dimensions are both transforms, one after the other: F(4 x 4, 3 x 3) has 36 products for 144.

Rounding errors grow with the size of the points' powers. Two bounds are stated, and measured
against f64 in `tests/schedules/test_winograd_error.py`: `ERROR_BOUND`, relative to the largest sum
of |input * weight| of a result, holds for all inputs; `RESULT_BOUND`, relative to the
largest result, for weights of mean zero and up to 512 channels. F(4, 3) has the points 0, 3/4,
-3/4, 3/2, -3/2: a third of the error of the usual 0, 1, -1, 2, -2 at the same cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from mlir import ir
from mlir.dialects import arith, vector

TAPS = 3

PAIRS: dict[int, tuple[float, ...]] = {2: (1.0,), 4: (0.75, 1.5), 6: (0.5, 1.0, 2.0)}
"""The positive points of each tile size; 0 and infinity are points too."""

ERROR_BOUND = {2: 1e-6, 4: 4e-6, 6: 2.5e-5}
"""Largest error, by the larger side of the tile, over the largest sum of |input * weight|."""

RESULT_BOUND = {2: 3e-6, 4: 1.2e-5, 6: 6e-5}
"""Largest error, by the larger side of the tile, over the largest result."""


@dataclass(frozen=True)
class Matrices:
    """`input` is (m+2, m+2), `filter` (m+2, 3), `output` (m, m+2)."""

    input: np.ndarray
    filter: np.ndarray
    output: np.ndarray


def points(m: int) -> list[float]:
    """The finite points of F(m, 3)."""
    return [0.0, *(s * a for a in PAIRS[m] for s in (1, -1))]


@lru_cache(maxsize=8)
def matrices(m: int) -> Matrices:
    """The three transforms of F(m, 3) in f64; all numbers but the filter's are exact in f32."""
    finite, n = points(m), m + TAPS - 1
    inputs, filters, outputs = np.zeros((n, n)), np.zeros((n, TAPS)), np.zeros((m, n))
    for j, a in enumerate(finite):
        others = [b for k, b in enumerate(finite) if k != j]
        inputs[j, : n - 1] = _polynomial(others)
        filters[j] = np.power(a, range(TAPS)) / np.prod([a - b for b in others])
        outputs[:, j] = np.power(a, range(m))
    inputs[n - 1] = _polynomial(finite)
    filters[n - 1, TAPS - 1] = outputs[m - 1, n - 1] = 1.0
    return Matrices(inputs, filters, outputs)


def _polynomial(roots: Sequence[float]) -> np.ndarray:
    """The coefficients of the product of (x - root), that of x**0 first."""
    found = np.ones(1)
    for root in roots:
        found = np.convolve(found, [-root, 1.0])
    return found


@dataclass(frozen=True)
class Emitter:
    """Transforms of vectors in registers; `fused` where the machine has a product with a sum."""

    kind: ir.Type
    fused: bool = True

    def input(self, m: int, d: Sequence[ir.Value]) -> list[ir.Value]:
        """m + 2 inputs transformed."""
        table, found = matrices(m).input, []
        found.append(self._combine(table[0], d))
        for k, a in enumerate(PAIRS[m]):
            # Rows of a and -a are even + a * odd and even - a * odd.
            row = table[1 + 2 * k]
            is_even = [c % 2 == 0 for c in range(m + 2)]
            even = self._combine(np.where(is_even, row, 0), d)
            odd = self._combine(np.where(is_even, 0, row) / a, d)
            found += [self._add(even, a, odd), self._add(even, -a, odd)]
        return [*found, self._combine(table[m + 1], d)]

    def output(self, m: int, p: Sequence[ir.Value]) -> list[ir.Value]:
        """m outputs of m + 2 sums of products."""
        pairs = [(p[1 + 2 * k], p[2 + 2 * k]) for k in range(len(PAIRS[m]))]
        sums = [arith.addf(a, b) for a, b in pairs]
        differences = [arith.subf(a, b) for a, b in pairs]
        found = []
        for i in range(m):
            terms = differences if i % 2 else sums
            powers = [a**i for a in PAIRS[m]]
            ends = [float(i == 0), float(i == m - 1)]
            found.append(self._combine([*powers, *ends], [*terms, p[0], p[m + 1]]))
        return found

    def _combine(self, factors: Sequence[float] | np.ndarray, x: Sequence[ir.Value]) -> ir.Value:
        """The sum of the products with constants; one that is 1 comes first."""
        terms = [(float(f), v) for f, v in zip(factors, x, strict=True) if f]
        terms.sort(key=lambda t: t[0] != 1.0)
        (first, value), *rest = terms
        found = value if first == 1.0 else arith.mulf(value, self._constant(first))
        for factor, value in rest:
            found = self._add(found, factor, value)
        return found

    def _add(self, a: ir.Value, factor: float, b: ir.Value) -> ir.Value:
        """`a + factor * b`."""
        if abs(factor) == 1.0:
            return arith.addf(a, b) if factor > 0 else arith.subf(a, b)
        if self.fused:
            return vector.fma(b, self._constant(factor), a)
        return arith.addf(arith.mulf(b, self._constant(factor)), a)

    def _constant(self, value: float) -> ir.Value:
        kind = ir.VectorType(self.kind)
        splat = ir.FloatAttr.get(kind.element_type, value)
        return arith.constant(kind, ir.DenseElementsAttr.get_splat(kind, splat))
