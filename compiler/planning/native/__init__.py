"""C11 sources of the planner's inner loops: compiled at first use, then cached by content.

In: a graph as arrays, decisions as bits. Out: sequences, their bytes at each position, better
decisions. `planner.h` says what is where; `replay.c` plays decisions back, `drops.c` and `fill.c`
change them, `search.c` drives both, `eviction.c` and `chain.c` find where to begin, `packing.c`
gives buffers their offsets.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from tyc.compiler import cache
from tyc.runtime.errors import InternalError

_FOLDER = Path(__file__).parent

CFLAGS = (
    "-std=c11", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror", "-g0",
    # The same doubles on every machine.
    "-ffp-contract=off", "-fno-sanitize=undefined", "-fno-stack-protector",
)  # fmt: skip


def sources() -> list[Path]:
    """The C files to compile, in a fixed order."""
    return sorted(_FOLDER.glob("*.c"))


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The planner's library for this machine; raises `InternalError` with the C compiler's
    words."""
    target = f"{platform.machine()}-linux-gnu.2.17"
    digest = hashlib.sha256(" ".join([target, *CFLAGS]).encode())
    for path in sorted(_FOLDER.glob("*.[ch]")):
        digest.update(path.name.encode() + path.read_bytes())
    path = cache.folder("planner") / f"planner-{digest.hexdigest()[:24]}.so"
    if not path.exists():
        _build(path, target)
    return load(path)


def _build(path: Path, target: str) -> None:
    from tyc.compiler.codegen.zig import zig

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        output = Path(folder) / path.name
        command = [zig(), "cc", "-target", target, *CFLAGS, "-shared", "-o", str(output)]
        done = subprocess.run(
            [*command, *(source.name for source in sources())],
            cwd=_FOLDER, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise InternalError(f"the planner did not compile: {done.stderr.strip()[:2000]}")
        os.replace(output, path)


class Graph(ctypes.Structure):
    """`tyc_graph`: what the planner knows of kernels and storages."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("kernels", "storages", "longest")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "size", "cost", "order", "expiry", "producer", "joined", "read_begin", "reads",
                "write_begin", "writes", "pair_begin", "pair_from", "pair_to",
            )
        ),
    ]  # fmt: skip


class Rule(ctypes.Structure):
    """`tyc_rule`: decisions by cuts."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("level", "segment", "cheap")),
        *((name, ctypes.c_int32) for name in ("top", "middle", "near")),
    ]


class Chain(ctypes.Structure):
    """`tyc_chain`: a way out as stretches."""

    _fields_ = [
        ("count", ctypes.c_int32),
        ("slots", ctypes.c_int32),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "work",
                "last",
                "made",
                "beside",
                "cross",
                "first",
                "later",
                "hold",
            )
        ),
    ]


class Result(ctypes.Structure):
    """`tyc_result`: what the last play came to."""

    _fields_ = [
        ("kernels", ctypes.POINTER(ctypes.c_int32)),
        ("profile", ctypes.POINTER(ctypes.c_int64)),
        ("peak", ctypes.c_int64),
        ("work", ctypes.c_int64),
        ("extra", ctypes.c_double),
        ("count", ctypes.c_int32),
        ("failed", ctypes.c_int32),
    ]


_POINTER, _INT32, _INT64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64

_FUNCTIONS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "tyc_planner_create": (_POINTER, (_POINTER,)),
    "tyc_planner_destroy": (None, (_POINTER,)),
    "tyc_planner_load": (None, (_POINTER, _POINTER, _INT64)),
    "tyc_planner_store": (_INT64, (_POINTER, _POINTER)),
    "tyc_planner_play": (ctypes.c_bool, (_POINTER, _POINTER)),
    "tyc_planner_fill": (None, (_POINTER, _INT64)),
    "tyc_planner_bring_down": (ctypes.c_bool, (_POINTER, _INT64, _INT32, _INT32)),
    "tyc_planner_improve": (None, (_POINTER, _INT64, _INT64, ctypes.c_uint64)),
    "tyc_planner_result": (None, (_POINTER, _POINTER)),
    "tyc_planner_evict": (ctypes.c_bool, (_POINTER, _INT64)),
    "tyc_pack": (ctypes.c_bool, (_POINTER, _INT32, _INT64, _INT64, _POINTER)),
    "tyc_pack_skylines": (ctypes.c_bool, (_POINTER, _INT32, _INT64, _INT64)),
    "tyc_chain_solve": (
        ctypes.c_bool,
        (_POINTER, _POINTER, _INT32, _POINTER, _POINTER, _POINTER),
    ),
}


def load(path: Path) -> ctypes.CDLL:
    """A compiled library with the types of its functions."""
    found = ctypes.CDLL(str(path))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found
