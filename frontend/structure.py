"""Nested inputs and outputs as flat lists of tensors, and back.

    flatten({"a": x, "b": (y, 3)}, "batch") -> [("batch_a", x), ("batch_b_0", y)], spec
    unflatten(spec, [x, y])                 -> {"a": x, "b": (y, 3)}

A spec is hashable: two calls with equal specs have one signature. What is not a tensor (numbers,
strings, None, modules) stays in it as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tyc.dialects.types import TensorType
from tyc.dispatch import as_tensor
from tyc.frames import error
from tyc.tensors import Tensor, is_array


@dataclass(frozen=True)
class Spec:
    """A leaf (`kind` tensor or static) or a node (`kind` a Python type) of a structure."""

    kind: Any
    data: Any = None
    children: tuple[Spec, ...] = ()


def flatten(value: Any, name: str) -> tuple[list[tuple[str, Tensor]], Spec]:
    """The tensors of a structure with their names, and the spec that restores it."""
    leaves: list[tuple[str, Tensor]] = []
    return leaves, _flatten(value, name, leaves)


def _flatten(value: Any, name: str, leaves: list[tuple[str, Tensor]]) -> Spec:
    if isinstance(value, Tensor) or (is_array(value) and not isinstance(value, np.generic)):
        leaves.append((name, as_tensor(value)))
        return Spec(Tensor, leaves[-1][1].type)
    if isinstance(value, (list, tuple)):
        keys = getattr(value, "_fields", range(len(value)))
        children = (_flatten(v, f"{name}_{k}", leaves) for k, v in zip(keys, value))
        return Spec(type(value), None, tuple(children))
    if isinstance(value, dict):
        children = (_flatten(v, f"{name}_{k}", leaves) for k, v in value.items())
        return Spec(dict, tuple(value), tuple(children))
    try:
        hash(value)
    except TypeError:
        raise error(
            f"{name} must be a tensor, a tuple, a list, a dictionary or hashable, "
            f"got {type(value).__name__}"
        ) from None
    # True == 1 == 1.0, yet a function may treat them differently.
    return Spec("static", (type(value), value))


def unflatten(spec: Spec, leaves: Iterator[Any]) -> Any:
    """The structure with the next of `leaves` in the place of each tensor."""
    if spec.kind is Tensor:
        return next(leaves)
    if spec.kind == "static":
        return spec.data[1]
    children = [unflatten(c, leaves) for c in spec.children]
    if spec.kind is dict:
        return dict(zip(spec.data, children))
    if hasattr(spec.kind, "_fields"):
        return spec.kind(*children)
    return spec.kind(children)


def types_of(spec: Spec) -> Sequence[TensorType]:
    """The types of the tensors of a structure in order."""
    if spec.kind is Tensor:
        return [spec.data]
    return [t for c in spec.children for t in types_of(c)]
