"""Helpers for `reference` rules: what several families need to say in NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tyc.dialects.types import dtype


def is_narrow(x: Any) -> bool:
    """True for an array of 16-bit floats, in which nobody wants to accumulate."""
    return x is not None and x.dtype.itemsize == 2 and dtype(x.dtype).is_float


def widely(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` that computes 16-bit floats in f32 and rounds each result once."""

    @functools.wraps(function)
    def call(*operands: Any, **attributes: Any) -> Any:
        narrow = next((x.dtype for x in operands if is_narrow(x)), None)
        if narrow is None:
            return function(*operands, **attributes)
        wide = [x.astype(np.float32) if is_narrow(x) else x for x in operands]
        result = function(*wide, **attributes)
        if isinstance(result, list):
            return [r.astype(narrow) for r in result]
        return result.astype(narrow) if result.dtype == np.float32 else result

    return call


def array(values: Any, element: str = "f32") -> np.ndarray:
    """An array of the element type, for examples."""
    return np.array(values, dtype(element).numpy)


def typed(value: float, x: np.ndarray) -> np.ndarray:
    """`value` as a rank-0 array of the element type of `x`: NumPy then keeps that type."""
    return np.array(value, x.dtype)
