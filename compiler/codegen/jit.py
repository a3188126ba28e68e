"""Runs one scheduled kernel in this process, on arrays: for tests of schedules."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tyc.compiler.codegen import link, native
from tyc.compiler.targets import Target, host

if TYPE_CHECKING:
    from tyc.compiler.schedules.kernel import ScheduledKernel


class Task:
    """A kernel's task, loaded: `task(buffers, begin, end)` runs items [begin, end) on arrays."""

    def __init__(self, code: bytes, name: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kernel.so"
            link.link_shared([code], path, exports=[native.task_symbol(name)])
            self._library = ctypes.CDLL(str(path))
        self._task = self._library[native.task_symbol(name)]
        self._task.restype = None
        self._task.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32]

    @property
    def address(self) -> int:
        """Where the task's code begins."""
        return ctypes.cast(self._task, ctypes.c_void_p).value or 0

    def __call__(self, buffers: Sequence[np.ndarray], begin: int, end: int) -> None:
        """Runs items [begin, end) on the arrays, inputs first."""
        self.on(buffers)(begin, end)

    def on(self, buffers: Sequence[np.ndarray]) -> Callable[[int, int], None]:
        """The task on these arrays, `call(begin, end)`, with as little around it as can be; the
        caller keeps the arrays."""
        addresses = (ctypes.c_void_p * len(buffers))(*[b.ctypes.data for b in buffers])
        return lambda begin, end: self._task(addresses, begin, end, 0)


def load(scheduled: ScheduledKernel, target: Target | None = None) -> Task:
    """Compiles the kernel (destroying its module) and loads its task."""
    return Task(native.emit_object(scheduled, target or host()), scheduled.name)


def run(
    scheduled: ScheduledKernel,
    inputs: Sequence[np.ndarray],
    outputs: Sequence[np.ndarray],
    target: Target | None = None,
    pieces: int = 1,
) -> list[np.ndarray]:
    """Compiles and runs a kernel on unpacked inputs; fills and returns `outputs`.

    Constants are packed as the kernel asks; [0, count) is run in `pieces` parts.
    """
    count, packings = scheduled.count, scheduled.packings
    task = load(scheduled, target)
    arrays = [
        np.ascontiguousarray(packings[i].apply(a) if i in packings else a)
        for i, a in enumerate(inputs)
    ]
    for part in range(pieces):
        task([*arrays, *outputs], count * part // pieces, count * (part + 1) // pieces)
    return list(outputs)
