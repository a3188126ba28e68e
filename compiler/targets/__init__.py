"""Targets as data: triple, CPU, features, registers and caches. One platform is one file.

`find("aarch64-linux-gnu", cpu="cortex-a55")` and `host()` give a `Target`, `find_all` several. A
file of this folder that has a `FAMILY` is a target; so is what other distributions name by the
entry point group `tyc.targets`: an object `Family`, or a function without arguments that gives it.
Read `target.py`, then any of them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import platform
import sys
from functools import lru_cache
from importlib.metadata import entry_points

from tyc.compiler.targets.target import Family, Target
from tyc.runtime.errors import UserError

__all__ = ["Family", "Target", "families", "find", "find_all", "host"]

GROUP = "tyc.targets"


@lru_cache(maxsize=1)
def families() -> dict[str, Family]:
    """All platforms by name, in order; ours first. Raises `UserError` for an entry point that
    cannot be used."""
    found: dict[str, Family] = {}
    for module in pkgutil.iter_modules(__path__):
        family = getattr(importlib.import_module(f"{__name__}.{module.name}"), "FAMILY", None)
        if family is not None:
            found[family.platform.name] = family
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        family = _loaded(entry)
        found.setdefault(family.platform.name, family)
    return found


def _loaded(entry: importlib.metadata.EntryPoint) -> Family:
    reason = "something else"
    try:
        family = entry.load()
        family = family() if callable(family) else family
    except Exception as error:  # another's code: whatever it raises is its own fault
        family, reason = None, f"{type(error).__name__}: {error}"
    if not isinstance(family, Family):
        raise UserError(
            f"entry point must give a Family, got {reason}",
            node=f"{GROUP}: {entry.name} = {entry.value}",
            hint="correct or uninstall the package that declares it",
        )
    return family


def find_all(triple: str = "host", cpus: str = "native", features: str = "") -> list[Target]:
    """The targets of CPU names with commas between, the most demanding one at the front.

    Raises `UserError` as `find` does, and for two names that ask for the same.
    """
    found: dict[tuple[str, ...], Target] = {}
    for cpu in cpus.split(","):
        target = find(triple, cpu.strip(), features)
        if (other := found.get(target.features)) is not None:
            raise UserError(
                f"each cpu must need other features, got {other.cpu} and {target.cpu}",
                node="--cpu",
                hint="leave one of them out",
            )
        found[target.features] = target
    return sorted(found.values(), key=lambda t: (-t.vector_bytes, -len(t.features)))


def find(triple: str = "host", cpu: str = "native", features: str = "") -> Target:
    """The target of a platform's name, a CPU's name and features to add or remove.

    `native` is this machine's CPU, and the default one where the platform is not this machine's.
    Raises `UserError` for a platform, a CPU or a feature that is unknown.
    """
    family = _family(triple)
    if cpu != "native":
        return family.find(cpu, features)
    if not _is_here(family):
        return family.find(family.default, features)
    return family.target(*_native(family), features)


def _is_here(family: Family) -> bool:
    wanted = family.platform.machine, family.platform.system
    return wanted == (platform.machine(), sys.platform)


@lru_cache(maxsize=8)
def _family(triple: str) -> Family:
    for name, family in families().items():
        here = triple in ("host", "native") and _is_here(family)
        if here or triple in (name, *family.aliases):
            return family
    known = ", ".join([*families(), "host"])
    raise UserError(
        f"target must be one of {known}, got {triple!r}", node="--target", hint="try host"
    )


@lru_cache(maxsize=1)
def _host_cpu() -> tuple[str, frozenset[str]]:
    import llvmlite.binding as llvm

    on = llvm.get_host_cpu_features()
    return llvm.get_host_cpu_name(), frozenset(f for f in on if on[f])


def _native(family: Family) -> tuple[str, tuple[str, ...]]:
    name, features = _host_cpu()
    return name, tuple(f for f in family.features if f in features)


@lru_cache(maxsize=1)
def host() -> Target:
    """This machine."""
    return find()
