"""A session goes through kernels in order, keeps what it finds, goes on where it stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tyc.compiler import cache
from tyc.compiler.kernels import KernelSource
from tyc.compiler.options import Options
from tyc.compiler.schedules.choice import Choice
from tyc.compiler.targets import host
from tyc.compiler.tuning.database import Record, key_of, read
from tyc.compiler.tuning.search import SearchFailed, Settings
from tyc.compiler.tuning.session import Session, gain

TEXT = """func.func private @NAME(%a: tensor<1xSIZExf32>) -> tensor<1xSIZExf32> {
  %0 = "ty.relu"(%a) : (tensor<1xSIZExf32>) -> tensor<1xSIZExf32>
  return %0 : tensor<1xSIZExf32>
}"""


def kernel(size: int) -> KernelSource:
    name = f"relu_{size}"
    return KernelSource(name, TEXT.replace("NAME", name).replace("SIZE", str(size)))


KERNELS = [(kernel(64), 1), (kernel(4096), 1), (kernel(1024), 100)]
ORDER = ["relu_1024", "relu_4096", "relu_64"]


class Searching:
    """A search that measures nothing; it fails at the kernels that it is told to fail at."""

    def __init__(self, failing: dict[str, BaseException] | None = None) -> None:
        self.seen: list[str] = []
        self.known: list[Choice | None] = []
        self.failing = failing or {}

    def __call__(self, source: KernelSource, settings: Settings, report: Any, known: Any, _: Any):
        self.seen.append(source.name)
        self.known.append(known)
        if source.name in self.failing:
            raise self.failing[source.name]
        key = key_of(source, settings.target, settings.options)
        return Record(
            key, source.name, settings.target.identity, Choice("loops"), 50.0, 100.0,
            settings.trials, 100, cache.source_digest(), settings.threads,
        )  # fmt: skip


def session(path: Path, searching: Searching, **changes: Any) -> Session:
    resume = changes.pop("resume", True)
    settings = Settings(host(), Options(), **{"trials": 4, **changes})
    return Session(KERNELS, settings, path, resume, search=searching)


def test_the_heaviest_kernels_come_first(tmp_path: Path):
    searching = Searching()
    done = list(session(tmp_path / "x", searching).run())
    assert [t.source.name for t in done] == searching.seen == ORDER
    assert {r.kernel for r in read(tmp_path / "x").records.values()} == set(ORDER)
    assert gain(done) == 2.0


def test_an_interrupted_run_goes_on(tmp_path: Path):
    path = tmp_path / "x"
    with pytest.raises(KeyboardInterrupt):
        list(session(path, Searching({"relu_4096": KeyboardInterrupt()})).run())
    assert [r.kernel for r in read(path).records.values()] == ["relu_1024"]
    searching = Searching()
    done = list(session(path, searching).run())
    assert searching.seen == ORDER[1:]
    assert [t.was_known for t in done] == [True, False, False]


@pytest.mark.parametrize("changes", [{"trials": 5}, {"threads": (2,)}, {"resume": False}])
def test_more_is_searched_where_more_is_asked(tmp_path: Path, changes: dict[str, Any]):
    list(session(tmp_path / "x", Searching()).run())
    searching = Searching()
    list(session(tmp_path / "x", searching, **changes).run())
    assert searching.seen == ORDER
    assert searching.known == [Choice("loops")] * 3


def test_nothing_is_begun_after_the_deadline(tmp_path: Path):
    list(session(tmp_path / "x", Searching({"relu_4096": SearchFailed("no")})).run())
    searching = Searching()
    done = list(session(tmp_path / "x", searching, deadline=time.monotonic()).run())
    assert ([t.source.name for t in done], searching.seen) == (ORDER[:1], [])


def test_a_kernel_that_cannot_be_measured_is_noted(tmp_path: Path):
    done = list(session(tmp_path / "x", Searching({"relu_64": SearchFailed("crashed")})).run())
    assert [(t.note, t.record is None) for t in done] == [("", 0), ("", 0), ("crashed", 1)]
    assert gain(done) == 2.0


def test_another_writer_of_the_file_loses_nothing(tmp_path: Path):
    path = tmp_path / "x"
    run = session(path, Searching()).run()
    next(run)
    other = read(path)
    other.put(Record("other", "conv", host().identity, None, 1.0, 1.0, 1, 1, "c"))
    other.write(path)
    list(run)
    assert len(read(path).records) == 4 and "other" in read(path).records
