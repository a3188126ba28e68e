"""A loaded shared library: its functions, its manifest and the thread pools of this process."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import threading
import weakref
from pathlib import Path
from typing import Any

from tyc.runtime import abi
from tyc.runtime.elf import model_name
from tyc.runtime.errors import InternalError, UserError
from tyc.runtime.signature import abi_mismatch, read_manifest, with_plan

_POINTER = ctypes.c_void_p
_STATUS = ctypes.c_int32

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "run": (_STATUS, [_POINTER, _POINTER, _POINTER, _POINTER]),
    "call": (
        _STATUS,
        [
            ctypes.POINTER(abi.Tensor),
            ctypes.c_size_t,
            ctypes.POINTER(abi.Tensor),
            ctypes.c_size_t,
            _POINTER,
            ctypes.c_size_t,
            _POINTER,
        ],
    ),
    "profile": (_STATUS, [_POINTER, _POINTER, _POINTER, _POINTER, _POINTER]),
    "initialize": (_STATUS, [_POINTER]),
    "workspace_bytes": (ctypes.c_size_t, []),
    "manifest": (ctypes.c_char_p, []),
    "status_message": (ctypes.c_char_p, [_STATUS]),
    "executor_create": (_STATUS, [ctypes.c_int32, ctypes.POINTER(_POINTER)]),
    "executor_destroy": (None, [_POINTER]),
}
_WEIGHTS_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "weights_map": (
        _STATUS,
        [ctypes.c_char_p, ctypes.POINTER(_POINTER), ctypes.POINTER(ctypes.c_size_t)],
    ),
    "weights_unmap": (None, [_POINTER, ctypes.c_size_t]),
}


class Library:
    """The exported functions of one model, with types, and its manifest.

    Refuses what cannot run here: a file that is no library, another ABI version, a CPU without the
    features that the library was built for.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = model_name(path)
        self._cdll = _open(path)
        self.run = self.function("run")
        self.manifest = with_plan(read_manifest(self.function("manifest")(), str(path)), path)
        self._check_fit()
        self.workspace_bytes: int = self.function("workspace_bytes")()

    def function(self, suffix: str) -> Any:
        """The exported function `NAME_suffix`, typed."""
        result, arguments = (_SIGNATURES | _WEIGHTS_SIGNATURES)[suffix]
        try:
            function = self._cdll[f"{self.name}_{suffix}"]
        except AttributeError:
            raise UserError(
                f"library must export {self.name}_{suffix}, got no such symbol",
                node=str(self.path),
                hint="compile it again with this version of tyc",
            ) from None
        function.restype, function.argtypes = result, arguments
        return function

    def status_message(self, status: int) -> str:
        """What the library says of a status."""
        return self.function("status_message")(status).decode()

    def _check_fit(self) -> None:
        """A run without outputs is always refused, and says first what is wrong with the CPU."""
        status = self.run(None, None, None, None)
        if status == abi.STATUS_CODES["ERROR_ARGUMENT"]:
            return
        if status == abi.STATUS_CODES["ERROR_ABI"]:
            version = self.manifest.get("tyc_version", "unknown")
            raise abi_mismatch("another one", version, str(self.path))
        if status == abi.STATUS_CODES["ERROR_CPU"]:
            raise UserError(
                self.status_message(status),
                node=str(self.path),
                hint="compile it for this machine's CPU, or for an older one",
            )
        raise InternalError(f"run(NULL) must be refused, got status {status}", node=str(self.path))


class Weights:
    """The weights that stand in a safetensors file beside a library, mapped while this lives."""

    def __init__(self, library: Library, file: str) -> None:
        path = library.path.parent / file
        data, nbytes = _POINTER(), ctypes.c_size_t()
        status = library.function("weights_map")(
            os.fsencode(path), ctypes.byref(data), ctypes.byref(nbytes)
        )
        if status != 0:
            raise UserError(
                f"weights must be mappable, got: {library.status_message(status)}",
                node=str(path),
                hint="copy the file that `tyc compile` wrote beside the library",
            )
        unmap = library.function("weights_unmap")
        self.address, self.nbytes = data.value, nbytes.value
        weakref.finalize(self, unmap, self.address, self.nbytes)
        expected = library.manifest["memory"].get("weights_bytes", self.nbytes)
        if self.nbytes != expected:
            raise UserError(
                f"weights must hold {expected} bytes of data, got {self.nbytes}",
                node=str(path),
                hint="use the file that was written together with the library",
            )


_opened: dict[str, tuple[int, int, int]] = {}
_pools: dict[int, int] = {}
_lock = threading.Lock()


def _open(path: Path) -> ctypes.CDLL:
    """Loads a library; one that changed since it was loaded from this path, from a copy.

    dlopen knows files by name and inode, and would give the old code again.
    """
    real = os.path.realpath(path)
    stat = os.stat(real)
    version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    with _lock:
        changed = _opened.setdefault(real, version) != version
    try:
        if not changed:
            return ctypes.CDLL(real)
        with tempfile.TemporaryDirectory(prefix="tyc-") as folder:
            return ctypes.CDLL(shutil.copy(real, folder))
    except OSError as error:
        raise UserError(
            f"library must be loadable, got {error}", node=str(path), hint="compile it again"
        ) from None


def default_threads() -> int:
    """TYC_NUM_THREADS, or else the number of CPUs that this process may run on."""
    text = os.environ.get("TYC_NUM_THREADS", "")
    if not text:
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) < 1:
        raise UserError(
            f"TYC_NUM_THREADS must be a positive number, got {text!r}", hint="set it or unset it"
        )
    return int(text)


def thread_pool(library: Library, threads: int) -> int | None:
    """The address of this process's pool of that size, made by the first library that asks.

    Modules share pools, so that the idle threads of one do not spin beside the work of another.
    Null, for one thread, runs on the caller. Pools live as long as the process.
    """
    if threads == 1:
        return None
    with _lock:
        if threads not in _pools:
            pool = _POINTER()
            status = library.function("executor_create")(threads, ctypes.byref(pool))
            if status != 0 or not pool.value:
                raise UserError(
                    f"threads={threads} must be possible, got: {library.status_message(status)}",
                    node=library.name,
                    hint="ask for fewer threads",
                )
            _pools[threads] = pool.value
        return _pools[threads]
