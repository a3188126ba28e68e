"""What this machine can do at most: FLOP/s, and bytes/s from each level of its memory.

Two loops are emitted and measured, once a machine and number of threads; the figures are kept in
the cache. A kernel of `flops` on `bytes` can reach

    min(peak, flops / bytes * bandwidth)          FLOP/s

with the bandwidth of the nearest level that holds its bytes.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tyc.compiler import cache
from tyc.compiler.codegen import link, native
from tyc.compiler.targets import Target, host

_VERSION = 3
MEASUREMENTS = 4
"""How many measurements of a machine are enough."""
_MEMORY_BYTES, _WINDOW_BYTES = 256 << 20, 4 << 20
_SAMPLE_SECONDS, _LEAST_SAMPLES, _LEVEL_SECONDS = 2e-3, 6, 0.25
_STREAMS = 8


@dataclass(frozen=True)
class Level:
    """A level of memory: what all threads can hold there, and read from it."""

    name: str
    nbytes: int
    bytes_per_second: float


@dataclass(frozen=True)
class Roofline:
    """The limits of a machine for a number of threads, nearest level first."""

    threads: int
    flops_per_second: float
    levels: tuple[Level, ...]
    measurements: int = 1

    def best(self, other: Roofline) -> Roofline:
        """The greater figure of two measurements of one machine, each."""
        levels = tuple(
            a if a.bytes_per_second > b.bytes_per_second else b
            for a, b in zip(self.levels, other.levels)
        )
        peak = max(self.flops_per_second, other.flops_per_second)
        return Roofline(self.threads, peak, levels, self.measurements + other.measurements)

    def level(self, nbytes: int) -> Level:
        """The nearest level that holds so many bytes."""
        return next((v for v in self.levels if nbytes <= v.nbytes), self.levels[-1])

    def seconds(self, flops: int, nbytes: int) -> float:
        """The least time in which so much work can be done."""
        bandwidth = self.level(nbytes).bytes_per_second
        return max(flops / self.flops_per_second, nbytes / bandwidth)

    def to_json(self) -> dict[str, Any]:
        """The limits as JSON-able data."""
        return asdict(self)


def roofline(threads: int) -> Roofline:
    """This machine's limits, from the cache after some measurements.

    What else the machine does only ever lowers a figure: the greatest of several is kept.
    """
    target = host()
    key = cache.key("roofline", _VERSION, target.key(), threads)
    found = _read(cache.read("roofline", key))
    if found is not None and found.measurements >= MEASUREMENTS:
        return found
    made = measure(target, threads)
    made = made if found is None else made.best(found)
    cache.write("roofline", key, json.dumps(made.to_json()).encode())
    return made


def _read(data: bytes | None) -> Roofline | None:
    if data is None:
        return None
    try:
        facts = json.loads(data)
        levels = tuple(Level(**level) for level in facts["levels"])
        peak, count = facts["flops_per_second"], facts["measurements"]
        return Roofline(facts["threads"], peak, levels, count)
    except (ValueError, KeyError, TypeError):
        return None  # a damaged entry is measured again


def measure(target: Target, threads: int) -> Roofline:
    """Measures this machine, which must run the target's code."""
    with tempfile.TemporaryDirectory(prefix="tyc-") as folder:
        library = Path(folder) / "roofline.so"
        code = native.compile_llvm_ir(_loops(target), target, 2)
        link.link_shared([code], library, ["multiply_add", "read"])
        loops = ctypes.CDLL(str(library))
    for loop in (loops.multiply_add, loops.read):
        loop.restype, loop.argtypes = None, [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
    work = _accumulators(target) * (target.vector_bytes // 4) * 2
    buffers = [_buffer(target.vector_bytes * 2) for _ in range(threads)]
    rounds = [lambda n, b=b: loops.multiply_add(b.ctypes.data, 1, n) for b in buffers]
    peak = _rate(rounds, work)
    levels = [
        _level(loops.read, target, name, nbytes, threads)
        for name, nbytes in (
            ("L1", target.l1_bytes), ("L2", target.l2_bytes), ("L3", target.l3_bytes),
        )
    ]  # fmt: skip
    # A model alone on a machine has all of its last level, not one core's share.
    levels[2] = replace(levels[2], nbytes=max(_last_level_bytes(), levels[2].nbytes))
    levels.append(_memory(loops.read, target, threads))
    return Roofline(threads, peak, tuple(levels))


def _last_level_bytes() -> int:
    """Bytes of the cache that cores share, 0 where Linux does not say."""
    path = Path("/sys/devices/system/cpu/cpu0/cache/index3/size")
    text = path.read_text().strip() if path.exists() else ""
    return int(text[:-1]) << 10 if text.endswith("K") and text[:-1].isdecimal() else 0


def _level(read: Any, target: Target, name: str, nbytes: int, threads: int) -> Level:
    """Reads buffers that fill half of a level: the other half is for what else is in use."""
    stride = _STREAMS * target.vector_bytes
    blocks = nbytes // 2 // stride
    buffers = [_buffer(blocks * stride) for _ in range(threads)]
    rounds = [lambda n, b=b: read(b.ctypes.data, blocks, n) for b in buffers]
    return Level(name, nbytes * threads, _rate(rounds, blocks * stride))


def _memory(read: Any, target: Target, threads: int) -> Level:
    """Reads buffers that no cache holds, a window after the other, each of them short enough to
    pass undisturbed."""
    blocks = _WINDOW_BYTES // (_STREAMS * target.vector_bytes)
    buffers = [_buffer(_MEMORY_BYTES) for _ in range(threads)]
    windows = [itertools.cycle(range(0, _MEMORY_BYTES, _WINDOW_BYTES)) for _ in buffers]

    def passes(n: int, buffer: np.ndarray, window: Iterator[int]) -> None:
        for _ in range(n):
            read(buffer.ctypes.data + next(window), blocks, 1)

    rounds = [partial(passes, buffer=b, window=w) for b, w in zip(buffers, windows)]
    return Level("memory", _MEMORY_BYTES * threads, _rate(rounds, _WINDOW_BYTES))


def _buffer(nbytes: int) -> np.ndarray:
    """Bytes that begin at a multiple of 64. Written to: unwritten pages are one page of zeros."""
    whole = np.ones(nbytes + 64, np.uint8)
    start = -whole.ctypes.data % 64
    return whole[start : start + nbytes]


def _rate(rounds: Sequence[Callable[[int], None]], work: int) -> float:
    """The greatest rate of `work` a round that all threads reach together."""
    count = _calibrate(rounds[0])
    best, samples, end = 0.0, 0, time.perf_counter() + _LEVEL_SECONDS
    while samples < _LEAST_SAMPLES or time.perf_counter() < end:
        best = max(best, len(rounds) * work * count / _together(rounds, count))
        samples += 1
    return best


def _calibrate(run: Callable[[int], None]) -> int:
    """Rounds of a sample: long beside the start of threads, short beside what disturbs."""
    count = 1
    while True:
        start = time.perf_counter()
        run(count)
        if (taken := time.perf_counter() - start) > _SAMPLE_SECONDS / 4:
            return max(int(count * _SAMPLE_SECONDS / taken), 1)
        count *= 4


def _together(rounds: Sequence[Callable[[int], None]], count: int) -> float:
    """Seconds from the first thread's start to the last one's end."""
    if len(rounds) == 1:
        start = time.perf_counter()
        rounds[0](count)
        return time.perf_counter() - start
    spans: list[tuple[float, float]] = []
    gate = threading.Barrier(len(rounds))

    def work(run: Callable[[int], None]) -> None:
        gate.wait()
        start = time.perf_counter()
        run(count)
        spans.append((start, time.perf_counter()))

    threads = [threading.Thread(target=work, args=(r,)) for r in rounds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(end for _, end in spans) - min(start for start, _ in spans)


def _accumulators(target: Target) -> int:
    """As many chains as registers hold beside two operands; 8 hide the latency of two units."""
    return target.vector_registers - 4


def _loops(target: Target) -> str:
    """`multiply_add(data, _, n)`: n rounds of one product and sum in each accumulator.
    `read(data, blocks, n)`: n passes over the data."""
    lanes, chains = target.vector_bytes // 4, _accumulators(target)
    floats, ints = f"<{lanes} x float>", f"<{lanes} x i32>"
    fused = f"llvm.fma.v{lanes}f32" if target.fused else f"llvm.fmuladd.v{lanes}f32"
    sums = [f"  %s{i} = phi {floats} [ %x, %0 ], [ %t{i}, %loop ]" for i in range(chains)]
    steps = [
        f"  %t{i} = call {floats} @{fused}({floats} %s{i}, {floats} %x, {floats} %y)"
        for i in range(chains)
    ]
    return "\n".join(
        [
            f"declare {floats} @{fused}({floats}, {floats}, {floats})",
            "define void @multiply_add(ptr %p, i64 %blocks, i64 %n) {",
            f"  %x = load {floats}, ptr %p",
            f"  %q = getelementptr {floats}, ptr %p, i64 1",
            f"  %y = load {floats}, ptr %q",
            "  br label %loop",
            "loop:",
            "  %i = phi i64 [ 0, %0 ], [ %j, %loop ]",
            *sums, *steps, *_next("%i", "%j", "%n", "loop", "end"),
            "end:",
            *_fold(floats, "fadd", "t", chains, "%p"),
            *_read_loop(ints),
        ]
    )  # fmt: skip


def _next(index: str, following: str, bound: str, loop: str, end: str) -> list[str]:
    done = f"{following}.done"
    return [
        f"  {following} = add i64 {index}, 1",
        f"  {done} = icmp eq i64 {following}, {bound}",
        f"  br i1 {done}, label %{end}, label %{loop}",
    ]


def _fold(kind: str, op: str, stem: str, count: int, place: str) -> list[str]:
    """Stores the sum of values, so that none is removed."""
    lines = [f"  %f0 = {op} {kind} %{stem}0, %{stem}0"]
    lines += [f"  %f{i} = {op} {kind} %f{i - 1}, %{stem}{i}" for i in range(1, count)]
    return [*lines, f"  store {kind} %f{count - 1}, ptr {place}", "  ret void", "}"]


def _read_loop(kind: str) -> list[str]:
    streams = range(_STREAMS)
    outer = [f"  %o{i} = phi {kind} [ zeroinitializer, %0 ], [ %t{i}, %again ]" for i in streams]
    inner = [f"  %s{i} = phi {kind} [ %o{i}, %pass ], [ %t{i}, %block ]" for i in streams]
    body = []
    for i in streams:
        body += [
            f"  %a{i} = getelementptr {kind}, ptr %p, i64 %at{i}",
            f"  %v{i} = load {kind}, ptr %a{i}",
            f"  %t{i} = xor {kind} %s{i}, %v{i}",
        ]
    places = [f"  %at{i} = add i64 %first, {i}" for i in streams]
    return [
        "define void @read(ptr %p, i64 %blocks, i64 %n) {",
        "  br label %pass",
        "pass:",
        "  %r = phi i64 [ 0, %0 ], [ %q, %again ]", *outer,
        "  br label %block",
        "block:",
        "  %b = phi i64 [ 0, %pass ], [ %c, %block ]", *inner,
        f"  %first = mul i64 %b, {_STREAMS}", *places, *body,
        *_next("%b", "%c", "%blocks", "block", "again"),
        "again:", *_next("%r", "%q", "%n", "pass", "end"),
        "end:", *_fold(kind, "xor", "t", _STREAMS, "%p"),
    ]  # fmt: skip
