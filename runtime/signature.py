"""What a model takes and gives: tensor specs, read from a library's manifest."""

from __future__ import annotations

import json
import keyword
import re
from collections import namedtuple
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tyc.runtime import abi
from tyc.runtime.errors import UserError


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type (`f32`, `i64`, ...) and shape of an input or output."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    updated: bool = False
    """An input that a run writes its new value into, as a training step does with parameters."""
    initialized: bool = False
    """An input whose first value the library knows: `Module.initialize` gives it."""

    @cached_property
    def numpy_dtype(self) -> np.dtype:
        """The element type as NumPy's."""
        return abi.numpy_dtype(self.dtype)

    @cached_property
    def nbytes(self) -> int:
        """Size of the tensor's data."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.numpy_dtype.itemsize

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}{list(self.shape)}"


def with_plan(manifest: dict[str, Any], library: Path) -> dict[str, Any]:
    """The manifest of a stripped library with the plan that the file beside it has; without that
    file, or where it is another library's, as it is."""
    if "steps" in manifest:
        return manifest
    cpu = manifest.get("target", {}).get("cpu")
    for suffix in (".json", f".{cpu}.json"):
        try:
            whole = json.loads(library.with_suffix(suffix).read_text())
        except (OSError, ValueError):
            continue
        if isinstance(whole, dict) and _without_plan(whole) == manifest:
            return whole
    return manifest


def _without_plan(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in abi.PLAN_KEYS}


def read_manifest(text: bytes, node: str) -> dict[str, Any]:
    """The manifest as a dictionary, checked for what the loader needs of it."""
    try:
        manifest = json.loads(text)
    except ValueError:
        raise _refuse("manifest must be JSON, got other text", node) from None
    if not isinstance(manifest, dict) or "abi_version" not in manifest:
        raise _refuse("manifest must hold 'abi_version', got none", node)
    if manifest["abi_version"] != abi.ABI_VERSION:
        raise abi_mismatch(manifest["abi_version"], manifest.get("tyc_version", "unknown"), node)
    for key in ("name", "inputs", "outputs", "memory"):
        if key not in manifest:
            raise _refuse(f"manifest must hold {key!r}, got none", node)
    return manifest


def read_specs(entries: list[dict[str, Any]], node: str) -> list[TensorSpec]:
    """The specs of a manifest's `inputs` or `outputs`."""
    specs = []
    for entry in entries:
        spec = TensorSpec(
            entry["name"],
            entry["dtype"],
            tuple(entry["shape"]),
            entry.get("updated", False),
            entry.get("initialized", False),
        )
        if spec.dtype not in abi.DTYPE_CODES:
            raise _refuse(f"dtype of {spec.name!r} must be known, got {spec.dtype!r}", node)
        if not all(isinstance(size, int) for size in spec.shape):
            raise _refuse(f"shape of {spec.name!r} must be static, got {list(spec.shape)}", node)
        specs.append(spec)
    return specs


def abi_mismatch(got: object, version: str, node: str) -> UserError:
    """The error for a library of another ABI version."""
    return UserError(
        f"library must have ABI version {abi.ABI_VERSION}, got {got} (made by tyc {version})",
        node=node,
        hint="compile it again with this version of tyc",
    )


def _refuse(message: str, node: str) -> UserError:
    return UserError(message, node=node, hint="compile it again with this version of tyc")


def result_type(model: str, outputs: list[TensorSpec]) -> type[Any]:
    """A named tuple of a model's outputs; names are made identifiers and kept apart."""
    fields: list[str] = []
    for spec in outputs:
        field = identifier(spec.name)
        while field in fields:
            field += "_"
        fields.append(field)
    return namedtuple(f"{identifier(model)}_outputs", fields)


def identifier(name: str) -> str:
    """`name` as a Python identifier without a leading underscore, such as a named tuple wants."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII).lstrip("_") or "value"
    if plain[0].isdigit():
        plain = f"value_{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) else plain
