"""Compiles many kernels at once, in processes that may crash."""

from __future__ import annotations

import atexit
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tyc.compiler import worker
from tyc.compiler.kernels import CompiledKernel, KernelSource, cached, store
from tyc.compiler.options import Options
from tyc.compiler.targets import Target


class KernelFailure(Exception):
    """A kernel that did not compile: its source, what was said, and all details."""

    def __init__(self, source: KernelSource, message: str, details: str) -> None:
        self.source, self.message, self.details = source, message, details
        super().__init__(f"{source.name}: {message}")


class Worker:
    """One compiling process, started anew after a crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)

    def compile(self, source: KernelSource, target: Target, options: Options) -> CompiledKernel:
        """Compiles one kernel; raises `KernelFailure`."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        try:
            worker.send(process.stdin, (source, target, options))
            answer = worker.receive(process.stdout)
        except (EOFError, BrokenPipeError):
            code = process.wait()
            self._process = None
            message = f"the compiler crashed (exit {code})"
            raise KernelFailure(source, message, self._said()) from None
        if answer[0] == "ok":
            return answer[1]
        raise KernelFailure(source, answer[1], answer[2])

    def _started(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            self._errors.seek(0)
            self._errors.truncate()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tyc.compiler.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        return self._process

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-20000:]

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None


_IDLE: list[Worker] = []


@atexit.register
def close_all() -> None:
    """Ends the idle processes."""
    while _IDLE:
        _IDLE.pop().close()


@dataclass
class _Batch:
    """Kernels on their way: the queue that threads take from, and what became of each."""

    target: Target
    options: Options
    total: int
    progress: Callable[[int, int], None] | None
    missing: queue.SimpleQueue[KernelSource] = field(default_factory=queue.SimpleQueue)
    done: dict[str, CompiledKernel] = field(default_factory=dict)
    failures: list[KernelFailure] = field(default_factory=list)

    def run(self) -> None:
        """Compiles until the queue is empty, in one worker process."""
        own = _IDLE.pop() if _IDLE else Worker()
        while True:
            try:
                source = self.missing.get_nowait()
            except queue.Empty:
                break
            try:
                kernel = own.compile(source, self.target, self.options)
            except KernelFailure as failure:
                self.failures.append(failure)
                continue
            store(kernel, source, self.target, self.options)
            self.done[source.name] = kernel
            if self.progress is not None:
                self.progress(len(self.done), self.total)
        _IDLE.append(own)


def compile_all(
    sources: Sequence[KernelSource],
    target: Target,
    options: Options,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, CompiledKernel], list[KernelFailure]]:
    """The kernels by name, from the cache or compiled, and those that failed."""
    batch = _Batch(target, options, len(sources), progress)
    for source in sources:
        found = cached(source, target, options)
        if found is None:
            batch.missing.put(source)
        else:
            batch.done[source.name] = found
    count = min(batch.missing.qsize(), os.cpu_count() or 1)
    threads = [threading.Thread(target=batch.run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return batch.done, batch.failures
