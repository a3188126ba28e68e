"""Batches of any loader as tensors.

    for image, label in map(tyc.as_tensors, loader):
        step(image, label)

A loader is any iterable: of NumPy arrays, or PyTorch's `DataLoader`. Tensors and arrays may stand
in tuples, lists and dictionaries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tyc.frames import error
from tyc.tensors import Tensor, array_of, is_array


def as_tensors(batch: Any) -> Any:
    """The batch with every array in it as a tensor, in its structure; strings stay.

    Arrays of NumPy and tensors of other frameworks that lie in this machine's memory are taken
    without a copy (by `__array__` or DLPack): the loader must not write to them afterwards. Numbers
    become tensors of rank 0. Raises `UserError` for what is neither.
    """
    if isinstance(batch, (Tensor, str)) or batch is None:
        return batch
    if isinstance(batch, Mapping):
        return {k: as_tensors(v) for k, v in batch.items()}
    if isinstance(batch, (list, tuple)):
        parts = [as_tensors(v) for v in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return Tensor(_array(batch))


def _array(value: Any) -> np.ndarray:
    if isinstance(value, float) and not isinstance(value, np.generic):
        return np.array(value, np.float32)
    if isinstance(value, int):
        return np.asarray(value)
    if not is_array(value):
        raise error(f"a batch is made of arrays and numbers, got {type(value).__name__}")
    return array_of(value)
