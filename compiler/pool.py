"""Compiles many kernels at once, in processes that may crash."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tyc.compiler.child import Child, ChildDied
from tyc.compiler.kernels import CompiledKernel, KernelFacts, KernelSource, cached, store
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
        self._child = Child("tyc.compiler.worker")

    def compile(
        self,
        source: KernelSource,
        target: Target,
        options: Options,
        seconds: float | None = None,
    ) -> CompiledKernel:
        """Compiles one kernel, in at most so many seconds; raises `KernelFailure`."""
        return self._ask(source, ("compile", source, target, options), seconds)

    def examine(
        self, source: KernelSource, target: Target, options: Options, limit: int
    ) -> KernelFacts:
        """A kernel's arguments and at most `limit` of its choices; raises `KernelFailure`."""
        return self._ask(source, ("examine", source, target, options, limit), None)

    def _ask(self, source: KernelSource, message: tuple, seconds: float | None) -> Any:
        try:
            answer = self._child.ask(message, seconds)
        except ChildDied as death:
            reason = f"the compiler {death.message}"
            raise KernelFailure(source, reason, death.details) from None
        if answer[0] == "ok":
            return answer[1]
        raise KernelFailure(source, answer[1], answer[2])

    def close(self) -> None:
        """Ends the process."""
        self._child.close()


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
    seconds: float | None = None
    missing: queue.SimpleQueue[tuple[int, KernelSource]] = field(default_factory=queue.SimpleQueue)
    done: dict[int, CompiledKernel | KernelFailure] = field(default_factory=dict)

    def run(self) -> None:
        """Compiles until the queue is empty, in one worker process."""
        own = _IDLE.pop() if _IDLE else Worker()
        while True:
            try:
                number, source = self.missing.get_nowait()
            except queue.Empty:
                break
            try:
                kernel = own.compile(source, self.target, self.options, self.seconds)
            except KernelFailure as failure:
                self.done[number] = failure
                continue
            store(kernel, source, self.target, self.options)
            self.done[number] = kernel
            if self.progress is not None:
                self.progress(len(self.done), self.total)
        _IDLE.append(own)

    def stop(self) -> None:
        """Leaves what nobody has begun."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.missing.get_nowait()


def compile_each(
    sources: Sequence[KernelSource],
    target: Target,
    options: Options,
    progress: Callable[[int, int], None] | None = None,
    seconds: float | None = None,
) -> list[CompiledKernel | KernelFailure]:
    """What became of each kernel: from the cache, or compiled, in at most so many seconds."""
    batch = _Batch(target, options, len(sources), progress, seconds)
    for number, source in enumerate(sources):
        found = cached(source, target, options)
        if found is None:
            batch.missing.put((number, source))
        else:
            batch.done[number] = found
    count = min(batch.missing.qsize(), os.cpu_count() or 1)
    threads = [threading.Thread(target=batch.run) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        batch.stop()
        raise
    return [batch.done[i] for i in range(len(sources))]


def compile_all(
    sources: Sequence[KernelSource],
    target: Target,
    options: Options,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, CompiledKernel], list[KernelFailure]]:
    """The kernels by name, from the cache or compiled, and those that failed."""
    made = compile_each(sources, target, options, progress)
    done = {s.name: k for s, k in zip(sources, made) if isinstance(k, CompiledKernel)}
    return done, [k for k in made if isinstance(k, KernelFailure)]


def examine(source: KernelSource, target: Target, options: Options, limit: int) -> KernelFacts:
    """A kernel's arguments and at most `limit` of its choices; raises `KernelFailure`."""
    own = _IDLE.pop() if _IDLE else Worker()
    try:
        return own.examine(source, target, options, limit)
    finally:
        _IDLE.append(own)
