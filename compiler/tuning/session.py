"""Tunes a model: its kernels, the heaviest first, each written to the file when it is done.

A kernel that the file knows, by the same compiler and with no fewer trials, is not searched again:
so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tyc.compiler import cache, pool
from tyc.compiler.child import Child
from tyc.compiler.kernels import CompiledKernel, KernelSource
from tyc.compiler.tuning.database import Database, Record, read
from tyc.compiler.tuning.runner import trial_child
from tyc.compiler.tuning.search import Report, SearchFailed, Settings, search

Search = Callable[..., Record]


@dataclass(frozen=True)
class Tuned:
    """What became of one kernel, which the model calls `calls` times; `was_known` where its record
    was in the file already; without a record, `note` says why it could not be measured."""

    source: KernelSource
    calls: int
    record: Record | None
    was_known: bool = False
    note: str = ""


@dataclass
class Session:
    """One run of tuning: the kernels with how often they are called, and the file."""

    kernels: list[tuple[KernelSource, int]]
    settings: Settings
    path: Path
    resume: bool = True
    report: Report | None = None
    search: Search = search

    def run(self) -> Iterator[Tuned]:
        """Every kernel as it is done; ends early at the deadline."""
        child = trial_child()
        try:
            yield from self._run(child)
        finally:
            child.close()

    def _run(self, child: Child) -> Iterator[Tuned]:
        for source, calls in self._by_weight():
            known = self._database().find(source, self.settings.target, self.settings.options)
            if known is not None and self.resume and self._is_done(known):
                yield Tuned(source, calls, known, True)
                continue
            if self.settings.is_over:
                return
            try:
                choice = None if known is None else known.choice
                found = self.search(source, self.settings, self.report, choice, child)
            except SearchFailed as failure:
                yield Tuned(source, calls, None, note=str(failure))
                continue
            # Read again: another run may have written to the file in between.
            database = self._database()
            database.put(found)
            database.write(self.path)
            yield Tuned(source, calls, found)

    def _database(self) -> Database:
        return read(self.path) if self.path.exists() else Database()

    def _is_done(self, record: Record) -> bool:
        settings = self.settings
        enough = record.trials >= min(settings.trials, record.space)
        current = record.compiler == cache.source_digest()
        return enough and current and record.threads == settings.threads

    def _by_weight(self) -> list[tuple[KernelSource, int]]:
        """The kernels by what the model spends in them, as their cost says."""
        s = self.settings
        made = pool.compile_each([k for k, _ in self.kernels], s.target, s.options)
        weights = [
            _estimate(k) * calls if isinstance(k, CompiledKernel) else 0.0
            for k, (_, calls) in zip(made, self.kernels)
        ]
        order = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
        return [self.kernels[i] for i in order]


def _estimate(kernel: CompiledKernel) -> float:
    """Arithmetic or memory, whichever takes longer, in arbitrary units."""
    return max(kernel.flops / 40.0, kernel.bytes / 10.0)


def gain(tuned: list[Tuned]) -> float:
    """`time of all kernels before / after`, by their own measurements."""
    records = [(t.record, t.calls) for t in tuned if t.record is not None]
    before = sum(r.default_nanoseconds * calls for r, calls in records)
    after = sum(r.nanoseconds * calls for r, calls in records)
    return before / after if after else 1.0
