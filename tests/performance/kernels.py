"""Measures contractions one kernel at a time, as a share of this machine's FMA peak.

    python tests/performance/kernels.py [--groups matmul,resnet_1x1] [--match 56] [--json OUT]

Each shape of `kernel_shapes.py` is compiled as a model's kernel would be, and run on one thread by
turns with a loop of nothing but fused products. The figures are minima of `time.thread_time()`, so
that a busy machine does not show: GFLOP/s, the share of the peak in the same moments, and how much
two threads gain by the larger CPU time of two halves that run at once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "performance")]

import kernel_shapes  # noqa: E402
import numpy as np  # noqa: E402
from mlir import ir  # noqa: E402

from tyc.compiler.codegen import jit, native  # noqa: E402
from tyc.compiler.kernels import CompiledKernel, KernelSource, compile_kernel  # noqa: E402
from tyc.compiler.options import Options  # noqa: E402
from tyc.compiler.schedules.choice import Choice  # noqa: E402
from tyc.compiler.schedules.kernel import Packing  # noqa: E402
from tyc.compiler.targets import Target, host  # noqa: E402
from tyc.dialects.registration import context  # noqa: E402

_CHAINS = 12
"""Sums that do not wait for one another: at least latency times units (4 * 2 on Zen 3)."""


@dataclass(frozen=True)
class Row:
    """One shape's figures; `two` is the speed of two threads over that of one."""

    group: str
    name: str
    gflops: float
    peak: float
    two: float
    compile_seconds: float

    @property
    def share(self) -> float:
        """The part of the peak that was reached, in the same moments."""
        return self.gflops / self.peak


def peak_task(target: Target) -> tuple[Callable[[int], None], int]:
    """Runs that many steps of independent fused products; and the FLOPs of a step."""
    lanes = target.vector_bytes // 4
    kind = f"<{lanes} x float>"
    sums = [f"%s{i} = phi {kind} [%x{i}, %entry], [%n{i}, %loop]" for i in range(_CHAINS)]
    steps = [
        f"%n{i} = call {kind} @llvm.fma.v{lanes}f32({kind} %f, {kind} %a, {kind} %s{i})"
        for i in range(_CHAINS)
    ]
    loads = [
        f"%p{i} = getelementptr {kind}, ptr %b, i64 {i}\n%x{i} = load {kind}, ptr %p{i}, align 4"
        for i in range(_CHAINS)
    ]
    stores = [f"store {kind} %n{i}, ptr %p{i}, align 4" for i in range(_CHAINS)]
    text = "\n".join([
        f"declare {kind} @llvm.fma.v{lanes}f32({kind}, {kind}, {kind})",
        "define void @peak_task(ptr %c, i64 %begin, i64 %end, i32 %w) {", "entry:",
        "%b = load ptr, ptr %c", *loads, f"%pf = getelementptr {kind}, ptr %b, i64 {_CHAINS}",
        f"%f = load {kind}, ptr %pf, align 4", f"%pa = getelementptr {kind}, ptr %pf, i64 1",
        f"%a = load {kind}, ptr %pa, align 4", "br label %loop", "loop:",
        "%k = phi i64 [%begin, %entry], [%kn, %loop]", *sums, *steps, "%kn = add i64 %k, 1",
        "%more = icmp slt i64 %kn, %end", "br i1 %more, label %loop, label %done", "done:",
        *stores, "ret void", "}",
    ])  # fmt: skip
    task = jit.Task(native.compile_llvm_ir(text, target), "peak")
    buffer = np.full(lanes * (_CHAINS + 2), 0.5, np.float32)
    run = task.on([buffer])
    return lambda n: run(0, n) if buffer.size else None, 2 * lanes * _CHAINS


def best_times(calls: list[Callable[[], object]], seconds: float) -> list[float]:
    """The least thread time of each call; they take turns."""
    best = [float("inf")] * len(calls)
    stop = time.thread_time() + seconds
    rounds = 0
    while rounds < 4 or (time.thread_time() < stop and rounds < 300):
        for i, call in enumerate(calls):
            start = time.thread_time()
            call()
            best[i] = min(best[i], time.thread_time() - start)
        rounds += 1
    return best


def buffers_of(kernel: CompiledKernel, text: str) -> list[np.ndarray]:
    """Arrays for a kernel's arguments and results; constants are packed."""
    with context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        kind = ir.FunctionType(module.body.operations[0].type)
        kinds = [ir.RankedTensorType(t) for t in (*kind.inputs, *kind.results)]
        sizes = [tuple(t.shape) for t in kinds]
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-1, 1, s).astype(np.float32) for s in sizes]
    for i, data in kernel.packings.items():
        arrays[i] = Packing.from_json(data).apply(arrays[i])
    return [aligned(a) for a in arrays]


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy at the boundary of a cache line, as buffers of a library are."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    found = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


def measure(
    shape: kernel_shapes.Shape,
    target: Target,
    seconds: float,
    pool: ThreadPoolExecutor,
    family: str,
) -> Row:
    """Compiles and times one shape."""
    group, name, text = shape
    start = time.process_time()
    choice = Choice(family) if family else None
    kernel = compile_kernel(KernelSource("k", text, choice=choice), target, Options())
    compiled = time.process_time() - start
    arrays = buffers_of(kernel, text)
    run = jit.Task(kernel.code, "k").on(arrays)
    peak, step = peak_task(target)
    steps = 2_000_000 // _CHAINS

    def part(begin: int, end: int) -> float:
        at = time.thread_time()
        run(begin, end)
        return time.thread_time() - at

    part(0, kernel.count)
    one, *fma = best_times([lambda: run(0, kernel.count), *[lambda: peak(steps)] * 3], seconds)
    two = float("inf")
    for _ in range(8):
        half = kernel.count // 2
        halves = list(pool.map(part, (0, half), (half, kernel.count)))
        two = min(two, max(halves))
    return Row(
        group, name, kernel.flops / one / 1e9, step * steps / min(fma) / 1e9, one / two, compiled
    )


def main() -> None:
    """Measures the chosen shapes and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", default="", help="names, separated by commas; default all")
    parser.add_argument("--match", default="", help="only names that contain this")
    parser.add_argument("--seconds", type=float, default=0.4, help="CPU seconds for each shape")
    parser.add_argument(
        "--family", default="contraction", help="schedule; empty: the one that a model gets"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures")
    chosen = parser.parse_args()
    groups, target, rows = chosen.groups.split(","), host(), []
    with ThreadPoolExecutor(2) as pool:
        for shape in kernel_shapes.shapes():
            if (chosen.groups and shape[0] not in groups) or chosen.match not in shape[1]:
                continue
            row = measure(shape, target, chosen.seconds, pool, chosen.family)
            rows.append(row)
            print(
                f"{row.group:12} {row.name:18} {row.gflops:7.1f} GFLOP/s {row.share * 100:5.1f} % "
                f"of {row.peak:5.1f}  2 threads {row.two:4.2f}x  "
                f"compiled in {row.compile_seconds:.2f} s", flush=True,
            )  # fmt: skip
    if chosen.json:
        data = [asdict(r) | {"share": r.share} for r in rows]
        chosen.json.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
