"""Workspaces: aligned memory, and a guarded one that tells how much of it a model touched."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np

from tyc.runtime.abi import ALIGNMENT

POISON = 0xA5
"""The byte that a guarded workspace is filled with."""


_byte_in: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer
_address_of: Callable[[ctypes.c_char], int] = ctypes.addressof


def address_of_dense(array: np.ndarray) -> int:
    """Where the data of a dense, writable array begins; `TypeError`, `ValueError` or `BufferError`
    for another one."""
    return _address_of(_byte_in(array))


def address(array: np.ndarray) -> int:
    """Where an array's data begins; several times faster than `array.ctypes.data`."""
    try:
        return _address_of(_byte_in(array))
    except (TypeError, ValueError, BufferError):  # read-only, empty, or of a type like bf16
        return array.ctypes.data


def aligned_empty(nbytes: int, alignment: int = ALIGNMENT) -> np.ndarray:
    """An uninitialised uint8 array whose address is a multiple of `alignment`, a power of two."""
    memory = np.empty(nbytes + alignment - 1, np.uint8)
    skip = -memory.ctypes.data % alignment
    return memory[skip : skip + nbytes]


class Workspace:
    """Aligned memory for one run at a time: `address` and `nbytes`."""

    def __init__(self, nbytes: int) -> None:
        self._memory = aligned_empty(max(nbytes, 1))
        self.address: int = self._memory.ctypes.data
        self.nbytes = nbytes


class GuardedWorkspace:
    """A workspace between two pages that no one may touch, filled with `POISON`.

    The upper page begins where the workspace ends, rounded up to `ALIGNMENT`: a write past the end
    kills the process. What lies within is found afterwards:

        workspace = GuardedWorkspace(module.workspace_bytes)
        module.use_workspace(workspace)
        module(x)
        assert workspace.touched_bytes() == module.workspace_bytes
    """

    def __init__(self, nbytes: int) -> None:
        page = mmap.PAGESIZE
        self.nbytes = nbytes
        self._room = -(-nbytes // ALIGNMENT) * ALIGNMENT
        body = -(-self._room // page) * page
        self._mapping = mmap.mmap(-1, body + 2 * page)
        memory = np.frombuffer(self._mapping, np.uint8)
        base = memory.ctypes.data
        for guard in (base, base + page + body):
            _forbid(guard, page)
        end = page + body
        self._memory = memory[end - self._room : end]
        self._body = memory[page:end]
        self.address: int = base + end - self._room
        self.poison()

    def poison(self) -> None:
        """Fills the memory again, before another run is measured."""
        self._body[:] = POISON

    def touched_bytes(self) -> int:
        """One past the highest byte that no longer holds `POISON`; 0 when nothing was written.

        A byte that was overwritten with `POISON` itself counts as untouched.
        """
        touched = np.flatnonzero(self._memory != POISON)
        return int(touched[-1]) + 1 if touched.size else 0

    def touched_outside(self) -> bool:
        """Whether the bytes between the workspace and the guards were written."""
        before = self._body[: self._body.size - self._room]
        return bool((before != POISON).any() or (self._memory[self.nbytes :] != POISON).any())


def _forbid(address: int, nbytes: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(nbytes), 0) != 0:
        raise OSError(ctypes.get_errno(), "mprotect failed")
