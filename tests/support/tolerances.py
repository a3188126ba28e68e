"""How close a compiled result must be to the reference, by element type: for all tests."""

from __future__ import annotations

import numpy as np

from tyc.dialects.types import DTYPES, DType, dtype

RELATIVE = {"f64": 1e-11, "f32": 2e-5, "f16": 4e-3, "bf16": 3e-2}
"""Of the largest value in the result, as sums of terms of that size are."""


def tolerance(d: DType) -> float:
    """The relative tolerance of an element type; integers and i1 are exact."""
    return RELATIVE.get(d.name, 0.0)


def assert_close(actual: np.ndarray, wanted: np.ndarray, allowed: float | None = None) -> None:
    """Fails where shape or type differ, or a value by more than its type's tolerance."""
    wanted = np.asarray(wanted)
    assert (actual.shape, actual.dtype) == (wanted.shape, wanted.dtype)
    d = dtype(wanted.dtype)
    if not d.is_float:
        np.testing.assert_array_equal(actual, wanted)
        return
    relative = tolerance(d) if allowed is None else allowed
    wide, reference = actual.astype(np.float64), wanted.astype(np.float64)
    finite = np.abs(reference[np.isfinite(reference)])
    scale = min(float(finite.max()), 1.0) if finite.size else 1.0
    np.testing.assert_allclose(wide, reference, rtol=relative, atol=relative * scale)


assert set(RELATIVE) == {d.name for d in DTYPES.values() if d.is_float}
