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
        self._errors = tempfile.TemporaryFile()

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
            raise KernelFailure(source, f"the compiler crashed (exit {code})", self._said()) from None
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


def compile_all(
    sources: Sequence[KernelSource],
    target: Target,
    options: Options,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, CompiledKernel], list[KernelFailure]]:
    """The kernels by name, from the cache or compiled, and those that failed."""
    done: dict[str, CompiledKernel] = {}
    missing: queue.SimpleQueue[KernelSource] = queue.SimpleQueue()
    for source in sources:
        found = cached(source, target, options)
        if found is None:
            missing.put(source)
        else:
            done[source.name] = found
    failures: list[KernelFailure] = []
    count = min(missing.qsize(), os.cpu_count() or 1)

    def run() -> None:
        own = _IDLE.pop() if _IDLE else Worker()
        while True:
            try:
                source = missing.get_nowait()
            except queue.Empty:
                break
            try:
                kernel = own.compile(source, target, options)
            except KernelFailure as failure:
                failures.append(failure)
                continue
            store(kernel, source, target, options)
            done[source.name] = kernel
            if progress is not None:
                progress(len(done), len(sources))
        _IDLE.append(own)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done, failures
