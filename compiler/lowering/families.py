"""Loads every family of lowerings, so that the registry is full."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

_MACHINERY = {"registry", "structured", "kernel", "families"}


@lru_cache(maxsize=1)
def load() -> None:
    """Imports each family module of this package once."""
    import tyc.compiler.lowering as package

    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _MACHINERY:
            importlib.import_module(f"{package.__name__}.{module.name}")
