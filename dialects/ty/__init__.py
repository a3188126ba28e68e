"""The ops of `ty`: classes (`ty.TransposeOp`) and builders (`ty.transpose(x, perm=...)`).

Importing this package imports every family beside this file, and so fills `ods.REGISTRY`; each
class there gets its snake-case builder as an attribute here. Read `elementwise.py` first.
"""

from __future__ import annotations

import importlib
import keyword
import pkgutil
from typing import TYPE_CHECKING, Any

from tyc.dialects import building
from tyc.dialects.ods import REGISTRY

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Any class or builder of the dialect: they are found when the package is imported."""


def _load() -> list[str]:
    """Imports the families; sets and names what this package exports."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    exported = {}
    for name, op in REGISTRY.items():
        exported[op.__name__] = op
        if not keyword.iskeyword(name):
            exported[name] = building.builder(op)
    globals().update(exported)
    return sorted(exported)


__all__ = _load()  # pyright: ignore[reportUnsupportedDunderAll]
