"""A throw-away tree in which package `tyc` is a folder: `python -m tyc.tools.dev.links`.

In: the mapping of folders to packages in `pyproject.toml`. Out: `build/tree/tyc`, all symbolic
links. Tools that look for packages on the disk (pyright, import-linter, editors) cannot follow
the mapping; they get this tree.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tyc.tools.dev import project

TREE = project.ROOT / "build" / "tree"


def make_tree() -> Path:
    """`build/tree`, brought up to date: links that are missing are made, stale ones removed."""
    package = TREE / "tyc"
    package.mkdir(parents=True, exist_ok=True)
    folders = project.package_folders()
    frontend = folders.pop("tyc")
    wanted = {entry.name: entry for entry in frontend.iterdir() if entry.name != "__pycache__"}
    wanted |= {name.removeprefix("tyc."): folder for name, folder in folders.items()}
    for link in package.iterdir():
        if link.name not in wanted or not link.exists():
            link.unlink(missing_ok=True)
    for name, target in wanted.items():
        _link(package / name, Path(os.path.relpath(target, package)))
    return TREE


def _link(link: Path, target: Path) -> None:
    """Replaces `link` in one step, for several processes may make the tree at once."""
    if link.is_symlink() and Path(os.readlink(link)) == target:
        return
    fresh = Path(tempfile.mkdtemp(dir=TREE)) / link.name
    fresh.symlink_to(target)
    fresh.replace(link)
    fresh.parent.rmdir()


if __name__ == "__main__":
    print(make_tree())
