"""`call`, a function of CPython in C: results of a small library in a third of the time.

    call(np.empty, [((16, 16), np.float32)], [x, y], run, workspace, executor)  ->  [array]

Eager ops call libraries that take less time than ctypes does. Built at first use like the runtime,
without CPython's headers; where the interpreter or NumPy are not what `call.c` knows, there is no
`call`, and modules run as always.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tyc.compiler import cache
from tyc.runtime.errors import InternalError

_SOURCE = Path(__file__).parent / "call.c"

CFLAGS = ("-std=c11", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror", "-g0",
          "-fno-sanitize=undefined", "-fno-stack-protector")  # fmt: skip

_FUNCTIONS = ("PyObject_CallObject", "PyCFunction_NewEx", "PyList_New", "PyList_SetItem",
              "PySequence_GetItem", "PySequence_Size", "PyLong_AsVoidPtr", "PyLong_FromLong",
              "Py_DecRef", "PyEval_SaveThread", "PyEval_RestoreThread")  # fmt: skip
"""Functions of CPython's stable ABI, in the order of the table in `call.c`."""


@lru_cache(maxsize=1)
def call() -> Callable[..., Any] | None:
    """The function, or `None` where this interpreter is another one than `call.c` knows.

    Raises `InternalError` with the C compiler's words.
    """
    if not _is_known_interpreter():
        return None
    library = ctypes.PyDLL(str(_built()))
    addresses = [ctypes.cast(getattr(ctypes.pythonapi, n), ctypes.c_void_p) for n in _FUNCTIONS]
    table = (ctypes.c_void_p * len(addresses))(*[a.value for a in addresses])
    library.call_function.restype = ctypes.py_object
    function = library.call_function(table, ctypes.c_void_p(id(np.ndarray)))
    return function if _knows_arrays(library.call_probe) else None


def _is_known_interpreter() -> bool:
    """CPython with reference counts where they always were."""
    plain = sys.implementation.name == "cpython" and not hasattr(sys, "gettotalrefcount")
    return plain and getattr(sys, "_is_gil_enabled", lambda: True)()


def _knows_arrays(probe: Any) -> bool:
    """Whether the structure of arrays is the one in `call.c`."""
    probe.restype, probe.argtypes = ctypes.c_void_p, [ctypes.py_object]
    whole = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    dense = (whole, whole[1], np.zeros(()), whole.astype(np.int8))
    parts = (whole[:, 1:], whole.transpose(), np.ma.masked_array(whole), object())
    return all(probe(a) == a.ctypes.data for a in dense) and not any(map(probe, parts))


def _built() -> Path:
    target = f"{platform.machine()}-linux-gnu.2.17"
    digest = hashlib.sha256(" ".join([target, *CFLAGS]).encode() + _SOURCE.read_bytes())
    path = cache.folder("calls") / f"call-{digest.hexdigest()[:24]}.so"
    if not path.exists():
        _build(path, target)
    return path


def _build(path: Path, target: str) -> None:
    from tyc.compiler.codegen.zig import zig

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        output = Path(folder) / path.name
        command = [zig(), "cc", "-target", target, *CFLAGS, "-shared", "-o", str(output)]
        done = subprocess.run(
            [*command, _SOURCE.name], cwd=_SOURCE.parent, capture_output=True, text=True
        )
        if done.returncode:
            raise InternalError(f"call.c did not compile: {done.stderr.strip()[:2000]}")
        os.replace(output, path)
