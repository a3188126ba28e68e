"""C11 sources of the runtime: compiled once a target and linked into every model library.

In: a model's description (`struct tyc_model`) and a caller's buffers. Out: a checked run, on one
thread or on many. `tyc.h` is all that a host sees, and is embedded in every generated header.

Read `tyc.h`, then `model.h` and `model.c` (the checks before a run), `executor.c` (the thread pool,
on `threads.c`), `weights.c` (weights in a file) and `cpu.c` (features of the CPU).
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent

CFLAGS = (
    "-std=c11",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
)
"""Flags that every target compiles the sources with."""

CFLAGS_AARCH64 = ("-mno-outline-atomics",)
"""Flags for AArch64: without them atomics become calls into a library that nothing links."""


def sources() -> list[Path]:
    """The C files to compile, in a fixed order."""
    return sorted(_FOLDER.glob("*.c"))


def folder() -> Path:
    """Where the headers stand, for `-I`."""
    return _FOLDER


def public_header() -> str:
    """The text of `tyc.h`, which a generated model header embeds."""
    return (_FOLDER / "tyc.h").read_text(encoding="utf-8")
