"""The checkout as data: its root, its tracked files, its folders as packages.

In: nothing. Out: paths and names, read from the disk and from `pyproject.toml`.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@cache
def pyproject() -> dict[str, Any]:
    """`pyproject.toml`, parsed."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # pyright: ignore[reportMissingImports]
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def package_folders() -> dict[str, Path]:
    """Mapped packages and their folders: `{"tyc": ROOT/frontend, "tyc.compiler": ..., ...}`."""
    mapping = pyproject()["tool"]["setuptools"]["package-dir"]
    return {name: ROOT / folder for name, folder in mapping.items()}


def packages_on_disk() -> list[str]:
    """Every package, by the `__init__.py` files below the mapped folders."""
    found = []
    for name, folder in package_folders().items():
        for init in folder.rglob("__init__.py"):
            found.append(".".join([name, *init.parent.relative_to(folder).parts]))
    return sorted(found)


def modules_on_disk() -> dict[str, Path]:
    """Every module's import name and file, packages included."""
    found = {}
    for name, folder in package_folders().items():
        for file in folder.rglob("*.py"):
            parts = file.relative_to(folder).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            found[".".join([name, *parts])] = file
    return dict(sorted(found.items()))


def tracked_files(*patterns: str) -> list[Path]:
    """Files that git tracks and that still exist, by git's glob patterns; no test data."""
    run = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = [ROOT / name for name in run.stdout.split("\0") if name]
    return [path for path in paths if path.exists() and "data" not in path.relative_to(ROOT).parts]


def shown(path: Path) -> str:
    """A path as a person types it: relative to the checkout."""
    return str(path.relative_to(ROOT))
