"""A process that measures kernels for another: a kernel that crashes or hangs costs this process.

    ("kernel", Setup)                 makes the kernel's arrays
    ("add", id, CompiledKernel)       loads one candidate; ("ok", Checked) against the first
    ("time", ids, threads, seconds)   ("ok", {id: [nanoseconds, one a thread count]})

Requests and answers are `worker.py`'s messages. What more threads would take is measured on one:
the kernel runs in the executor's pieces, and of the time of all counts the part of the items that
the busiest thread has. So other load on the machine matters little: time is this thread's own.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tyc.compiler.codegen import jit, link, native
from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.schedules import teams
from tyc.compiler.schedules.kernel import Packing
from tyc.compiler.targets import Target
from tyc.compiler.worker import receive, send
from tyc.dialects.types import DTYPES
from tyc.runtime.abi import ALIGNMENT

LEAST_NANOSECONDS = 50_000
"""A measured run takes at least so long; a shorter kernel runs several times in it."""

Tensor = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Setup:
    """A kernel's arguments as (dtype name, shape), inputs first, and where it will run."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    target: Target


@dataclass(frozen=True)
class Checked:
    """How a candidate's results differ from the first's: `max |a - b| / max |b|`, and in bits."""

    error: float
    same_bits: bool


# for (r < repeats) for (p < pieces) task(buffers, bounds[p], bounds[p + 1], 0)
_DRIVER = """
define void @drive(ptr %task, ptr %buffers, ptr %bounds, i64 %pieces, i64 %repeats) {
entry:
  br label %repeat
repeat:
  %r = phi i64 [ 0, %entry ], [ %r1, %done ]
  br label %piece
piece:
  %p = phi i64 [ 0, %repeat ], [ %p1, %piece ]
  %p1 = add i64 %p, 1
  %low = getelementptr i64, ptr %bounds, i64 %p
  %begin = load i64, ptr %low
  %high = getelementptr i64, ptr %bounds, i64 %p1
  %end = load i64, ptr %high
  call void %task(ptr %buffers, i64 %begin, i64 %end, i32 0)
  %more = icmp ult i64 %p1, %pieces
  br i1 %more, label %piece, label %done
done:
  %r1 = add i64 %r, 1
  %again = icmp ult i64 %r1, %repeats
  br i1 %again, label %repeat, label %exit
exit:
  ret void
}
"""


def _driver(target: Target) -> Callable[..., None]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drive.so"
        link.link_shared([native.compile_llvm_ir(_DRIVER, target)], path, ["drive"])
        drive = ctypes.CDLL(str(path)).drive
    drive.restype = None
    drive.argtypes = [*[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2]
    return drive


@dataclass
class _Candidate:
    """A loaded kernel with its buffers; `overhead` is what a measurement of no items says."""

    task: jit.Task
    count: int
    arrays: list[np.ndarray]
    repeats: int = 1
    overhead: float = 0.0
    table: ctypes.Array = field(init=False)

    def __post_init__(self) -> None:
        self.table = (ctypes.c_void_p * len(self.arrays))(*[a.ctypes.data for a in self.arrays])


class Bench:
    """The arrays of one kernel and the candidates that run on them."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._drive = _driver(setup.target)
        rng = np.random.default_rng(0)
        self._inputs = [_aligned(_filled(rng, t)) for t in setup.inputs]
        self._outputs = [_aligned(np.zeros(s, DTYPES[d].numpy)) for d, s in setup.outputs]
        self._packed: dict[tuple[int, str], np.ndarray] = {}
        self._candidates: dict[int, _Candidate] = {}
        self._reference: list[np.ndarray] = []
        # What lies in the second-level cache when a kernel starts is mostly not its own.
        self._evict = np.zeros(2 * setup.target.l2_bytes, np.uint8)

    def add(self, number: int, kernel: CompiledKernel) -> Checked:
        """Loads a candidate, runs it once, compares it with the first."""
        inputs = [self._packed_input(i, kernel.packings.get(i)) for i in range(len(self._inputs))]
        task = jit.Task(kernel.code, kernel.name)
        made = _Candidate(task, kernel.count, [*inputs, *self._outputs])
        for output in self._outputs:
            output.fill(0)
        made.overhead = min(self._driven(made, [0, 0], 1) for _ in range(20))
        self._run(made, 1, 1)
        found = _checked(self._outputs, self._reference or [o.copy() for o in self._outputs])
        taken = min(self._run(made, 1, 1) for _ in range(3))
        made.repeats = max(int(LEAST_NANOSECONDS / max(taken, 1.0)), 1)
        self._candidates[number] = made
        self._reference = self._reference or [o.copy() for o in self._outputs]
        return found

    def time(self, numbers: list[int], threads: list[int], seconds: float) -> dict:
        """The least nanoseconds of each candidate for each thread count, in turns."""
        best = {n: [float("inf")] * len(threads) for n in numbers}
        end = time.perf_counter() + seconds
        rounds = 0
        while rounds < 5 or time.perf_counter() < end:
            for n in numbers:
                # The last-level cache is still the candidate's before.
                self._run(self._candidates[n], 1, 1)
                for i, count in enumerate(threads):
                    found = self._shared(self._candidates[n], count)
                    best[n][i] = min(best[n][i], found)
            rounds += 1
        return best

    def _shared(self, candidate: _Candidate, threads: int) -> float:
        """What the busiest of so many threads would take."""
        count = max(candidate.count, 1)
        if threads == 1:
            return self._run(candidate, 1, candidate.repeats)
        total = self._run(candidate, threads, candidate.repeats)
        return total * teams.busiest(count, threads) / count

    def _run(self, candidate: _Candidate, threads: int, repeats: int) -> float:
        """Nanoseconds of one run of all pieces, one after the other."""
        if repeats == 1:
            self._evict += 1
        shares = teams.shares(candidate.count, threads)
        bounds = [0, *(end for share in shares for _, end in share)]
        taken = self._driven(candidate, bounds if len(bounds) > 1 else [0, 0], repeats)
        return max(taken - candidate.overhead, 1.0) / repeats

    def _driven(self, candidate: _Candidate, bounds: list[int], repeats: int) -> float:
        """Nanoseconds of some runs, those of asking for the time among them."""
        task = candidate.task.address
        table = (ctypes.c_int64 * len(bounds))(*bounds)
        start = time.thread_time_ns()
        self._drive(task, candidate.table, table, len(bounds) - 1, repeats)
        return time.thread_time_ns() - start

    def _packed_input(self, i: int, packing: dict | None) -> np.ndarray:
        if packing is None:
            return self._inputs[i]
        key = (i, json.dumps(packing, sort_keys=True))
        if key not in self._packed:
            self._packed[key] = Packing.from_json(packing).apply(self._inputs[i])
            self._packed[key] = _aligned(self._packed[key])
        return self._packed[key]


def _filled(rng: np.random.Generator, tensor: Tensor) -> np.ndarray:
    """Standard normal numbers; small ones for bytes; zeros, valid as any index, for the rest."""
    name, shape = tensor
    kind = DTYPES[name]
    if kind.is_float:
        return np.asarray(rng.standard_normal(shape, np.float32)).astype(kind.numpy)
    if kind.bits <= 8:
        return np.asarray(rng.integers(0, 2, shape)).astype(kind.numpy)
    return np.zeros(shape, kind.numpy)


def _aligned(array: np.ndarray) -> np.ndarray:
    """A copy that begins where buffers of a model do."""
    flat = np.zeros(array.nbytes + ALIGNMENT, np.uint8)
    start = -flat.ctypes.data % ALIGNMENT
    made = flat[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made


def _checked(got: list[np.ndarray], want: list[np.ndarray]) -> Checked:
    error = 0.0
    for a, b in zip(got, want):
        x, y = a.astype(np.float64), b.astype(np.float64)
        finite = np.isfinite(x) & np.isfinite(y)
        if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
            return Checked(float("inf"), False)
        if finite.any():
            scale = max(float(np.abs(y[finite]).max()), 1e-30)
            error = max(error, float(np.abs(x[finite] - y[finite]).max()) / scale)
    return Checked(error, all(a.tobytes() == b.tobytes() for a, b in zip(got, want)))


def serve() -> None:
    """Answers requests by ("ok", result) or ("error", message, details)."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    bench: Bench | None = None
    while True:
        try:
            what, *arguments = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if what == "kernel":
                bench, result = Bench(*arguments), None
            else:
                result = getattr(bench, what)(*arguments)
            send(answers, ("ok", result))
        except Exception as error:
            # Whatever goes wrong with a candidate is a failed trial, which the parent notes.
            send(answers, ("error", f"{type(error).__name__}: {error}", traceback.format_exc()))


if __name__ == "__main__":
    # By its own name, which pickled answers carry.
    from tyc.compiler.tuning import trial

    trial.serve()
