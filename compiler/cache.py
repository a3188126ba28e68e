"""Compiled kernels on disk, by content.

The folder is `TYC_CACHE_DIR`, or `tyc` under `XDG_CACHE_HOME` or `~/.cache`. Entries are written to
a temporary file and renamed, so that processes may share it; a damaged entry is made anew.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import tyc.compiler
import tyc.dialects


def root() -> Path:
    """The cache's folder."""
    if chosen := os.environ.get("TYC_CACHE_DIR"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tyc"


def folder(name: str) -> Path:
    """A folder of the cache, made where it is missing.

    Where the cache cannot be written, a folder that lasts as long as this process (reports of
    failures last longer).
    """
    path = root() / name
    with contextlib.suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
    if not path.is_dir() or not os.access(path, os.W_OK):
        lasting = Path(tempfile.gettempdir()) / f"tyc-{os.getuid()}"
        path = (lasting if name == "reproducers" else _substitute()) / name
        path.mkdir(parents=True, exist_ok=True)
    return path


@lru_cache(maxsize=1)
def _substitute() -> Path:
    path = tempfile.mkdtemp(prefix="tyc-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


_NOT_IN_KERNELS = re.compile(
    r"(calls/|(planning|transforms)/(?!(__init__|expand_composites|kinds)\.py))"
    r"|(pipeline|artifact|manifest|pool)\.py"
    r"|codegen/(header|link|model|runtime_objects|weights|zig)\.py"
    r"|tuning/|child\.py"
)


def decides_kernels(path: str) -> bool:
    """True for a source file of the compiler that a kernel's code can depend on."""
    return _NOT_IN_KERNELS.match(path) is None


@lru_cache(maxsize=1)
def source_digest() -> str:
    """A digest of the sources that make kernels: a changed compiler meets an empty cache."""
    digest = hashlib.sha256()
    for package in (tyc.compiler, tyc.dialects):
        base = Path(next(iter(package.__path__)))
        for path in sorted(base.rglob("*.py")):
            name = path.relative_to(base).as_posix()
            if package is tyc.compiler and not decides_kernels(name):
                continue
            digest.update(name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def key(*parts: Any) -> str:
    """A digest of text and JSON-able values, and of the compiler itself."""
    text = json.dumps([source_digest(), *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read(kind: str, name: str) -> bytes | None:
    """The entry's bytes, or `None` where it is not there."""
    try:
        return (root() / kind / name[:2] / name).read_bytes()
    except OSError:
        return None


def write(kind: str, name: str, data: bytes) -> None:
    """Stores an entry. A cache that cannot be written is no error: the next run compiles again."""
    try:
        path = root() / kind / name[:2]
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, delete=False) as file:
            file.write(data)
        os.replace(file.name, path / name)
    except OSError:
        return
