"""Measures matrix-vector kernels against this machine's memory, and writes JSON.

    python tests/performance/matvec.py [--threads 1,2] [--rows 1,2,4] [--output matvec.json]

The shapes are those of decoding with GPT-2, one token at a time. Weights rotate over so many copies
that no cache holds them, as they do in a model. Kernels, a plain read of memory and the triad of
STREAM take turns; the best of many runs counts. Bytes are what has to move: weights, input, result.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

import numpy as np  # noqa: E402
from mlir import ir  # noqa: E402
from programs import program  # noqa: E402

from tyc.compiler.codegen import jit  # noqa: E402
from tyc.compiler.codegen.zig import zig  # noqa: E402
from tyc.compiler.lowering.kernel import lower_to_linalg  # noqa: E402
from tyc.compiler.options import Options  # noqa: E402
from tyc.compiler.schedules.select import schedule  # noqa: E402
from tyc.compiler.targets import host  # noqa: E402
from tyc.dialects import ty  # noqa: E402

SHAPES = [(768, 768), (768, 2304), (768, 3072), (3072, 768), (768, 50257)]
TOTAL_BYTES = 96 << 20
KINDS = ("constant", "variable", "transposed")


@dataclass
class Run:
    """Something to time: `part(share, shares)` does one thread's share of `bytes`."""

    name: str
    bytes: int
    part: Callable[[int, int], None]
    best: float = float("inf")

    def measure(self, threads: int) -> None:
        """Runs once; keeps the least time."""
        if threads == 1:
            start = time.perf_counter()
            self.part(0, 1)
            self.best = min(self.best, time.perf_counter() - start)
            return
        barrier = threading.Barrier(threads + 1)

        def work(share: int) -> None:
            barrier.wait()
            self.part(share, threads)
            barrier.wait()

        team = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
        for t in team:
            t.start()
        barrier.wait()
        start = time.perf_counter()
        barrier.wait()
        self.best = min(self.best, time.perf_counter() - start)
        for t in team:
            t.join()

    @property
    def rate(self) -> float:
        """Gigabytes a second."""
        return self.bytes / self.best / 1e9


def memory_runs() -> list[Run]:
    """A plain read, and the triad."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "bandwidth.so"
        source = Path(__file__).with_name("bandwidth.c")
        flags = ["-O3", "-march=native", "-shared", "-fPIC", "-g0"]
        command = [zig(), "cc", *flags, str(source), "-o", str(library)]
        subprocess.run(command, check=True, capture_output=True)
        made = ctypes.CDLL(str(library))
    count = TOTAL_BYTES // 12 // 256 * 256
    a, b, c = (_aligned(count) for _ in range(3))
    made.read_all.restype = ctypes.c_float
    made.read_all.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    pointer, real = ctypes.c_void_p, ctypes.c_float
    made.triad.argtypes = [pointer, pointer, pointer, real, ctypes.c_size_t]

    def read(share: int, shares: int) -> None:
        n = count // shares // 128 * 128
        for x in (a, b, c):
            made.read_all(x.ctypes.data + 4 * n * share, n)

    def triad(share: int, shares: int) -> None:
        n = count // shares // 128 * 128
        made.triad(*(x.ctypes.data + 4 * n * share for x in (a, b, c)), 3.0, n)

    return [Run("read", 12 * count, read), Run("triad", 12 * count, triad)]


def _aligned(count: int) -> np.ndarray:
    room = np.ones(count + 16, np.float32)
    start = -room.ctypes.data % 64 // 4
    return room[start : start + count]


def kernel_run(rows: int, depth: int, columns: int, kind: str) -> Run:
    """`[rows, depth] @ [depth, columns]`; `kind` says what the weights are."""
    transposed = kind == "transposed"
    shape = (columns, depth) if transposed else (depth, columns)
    body = lambda x, w: ty.matmul(x, w, transpose_b=transposed)  # noqa: E731
    with program(body, (rows, depth), shape) as made:
        constants = [1] if kind == "constant" else []
        made.main.attributes["ty.constants"] = ir.DenseI64ArrayAttr.get(constants)
        scheduled = schedule(lower_to_linalg(made.main), host(), Options())
        task = jit.load(scheduled)
    copies = max(TOTAL_BYTES // (4 * depth * columns), 2)
    room = int(np.prod(scheduled.packings[1].shape)) if 1 in scheduled.packings else depth * columns
    x, y = np.ones((rows, depth), np.float32), np.empty((rows, columns), np.float32)
    weights = [_aligned(room) for _ in range(copies)]
    count = scheduled.count

    def part(share: int, shares: int) -> None:
        for w in weights:
            task([x, w, y], count * share // shares, count * (share + 1) // shares)

    moved = 4 * copies * (depth * columns + rows * (depth + columns))
    return Run(f"{rows}x{depth}x{columns} {kind}", moved, part)


def report(memory: list[Run], run: Run, threads: int) -> dict[str, object]:
    """One row of the result."""
    read = memory[0].rate
    print(
        f"{threads} threads {run.name:28} {run.rate:6.2f} GB/s, {run.rate / read:5.0%} of the "
        f"read of {read:.2f} (triad {memory[1].rate:.2f})",
        flush=True,
    )
    return {
        "kernel": run.name, "threads": threads, "gbs": run.rate, "read_gbs": read,
        "triad_gbs": memory[1].rate, "of_read": run.rate / read,
    }  # fmt: skip


def main() -> None:
    """Measures every shape, kind and number of rows."""
    parser = argparse.ArgumentParser(description="Matrix-vector kernels against memory.")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rows", default="1")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    rows = []
    for threads in (int(t) for t in given.threads.split(",")):
        for m in (int(r) for r in given.rows.split(",")):
            for kind in given.kinds.split(","):
                for depth, columns in SHAPES:
                    memory, run = memory_runs(), kernel_run(m, depth, columns, kind)
                    for _ in range(given.repeat):
                        for each in (*memory, run):
                            each.measure(threads)
                    rows.append(report(memory, run, threads))
    if given.output is not None:
        given.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
