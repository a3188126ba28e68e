"""The file of tuned choices: written and read, joined, damaged, of another machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tyc.compiler.kernels import KernelSource
from tyc.compiler.options import Options
from tyc.compiler.schedules.choice import Choice, InvalidParameters
from tyc.compiler.targets import find
from tyc.compiler.tuning.database import Database, Record, key_of, read, read_all
from tyc.runtime.errors import UserError

TARGET = find(cpu="haswell")
CHOICE = Choice("contraction", {"height": 4, "rows": [0, 2]})


def record(key: str = "k", **changes: object) -> Record:
    made = Record(key, "conv", TARGET.identity, CHOICE, 90.0, 100.0, 8, 16, "c", (1, 2))
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


def source(name: str = "conv_1") -> KernelSource:
    return KernelSource(name, f"func.func private @{name}() {{ return }}")


def test_what_is_written_is_read(tmp_path: Path):
    path = tmp_path / "x.tuned"
    made = Database()
    for one in (record("a"), record("b", choice=None, nanoseconds=100.0)):
        made.add(one)
    made.write(path)
    assert read(path) == made
    assert list(tmp_path.iterdir()) == [path]
    assert (read(path).records["a"].gain, read(path).records["b"].gain) == (100 / 90, 1.0)


def test_a_choice_is_its_json():
    assert Choice.from_json(CHOICE.to_json()) == CHOICE
    assert hash(Choice("f", {"a": 1, "b": 2})) == hash(Choice("f", {"b": 2, "a": 1}))
    assert Choice("f", {"a": 1}) != Choice("f", {"a": 2})
    with pytest.raises(InvalidParameters, match="a choice is a family and parameters"):
        Choice.from_json({"family": "f"})


def test_more_trials_win_and_of_equals_the_later():
    few, many, later = record(trials=8), record(trials=9), record(trials=9, nanoseconds=80.0)
    merged = Database()
    for one in (many, few):
        merged.add(one)
    assert merged.records["k"] is many
    merged.merge(Database({"k": later}))
    assert merged.records["k"] is later
    merged.put(few)
    assert merged.records["k"] is few


def test_files_may_be_joined_by_cat(tmp_path: Path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path, one in zip(paths, (record("a"), record("b"))):
        Database({one.key: one}).write(path)
    joined = tmp_path / "all"
    joined.write_text("".join(p.read_text() for p in paths))
    assert read(joined) == read_all(paths, TARGET)


def test_a_key_is_of_text_target_and_options():
    key = key_of(source(), TARGET, Options())
    assert key == key_of(source("conv_2"), TARGET, Options(weights="external"))
    assert key != key_of(source(), TARGET, Options(exact=True))
    assert key != key_of(source(), find(cpu="znver3"), Options())
    assert key != key_of(KernelSource("conv_1", "func.func private @conv_1()"), TARGET, Options())


def test_kernels_get_their_choices():
    known = record(key_of(source(), TARGET, Options()))
    database = Database({known.key: known})
    found = database.chosen([source(), KernelSource("k", "other")], TARGET, Options())
    assert [s.choice for s in found] == [CHOICE, None]


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"version": 99}', '{"version": 1}', "\x00", '{"version": 1, "choice": 3}'],
)
def test_damaged_lines_are_named(tmp_path: Path, line: str):
    path = tmp_path / "x.tuned"
    Database({"k": record()}).write(path)
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(UserError, match="line 3 must be a record of tyc tune") as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path):
    with pytest.raises(UserError, match="file of tuned choices must exist"):
        read(tmp_path / "none")
    with pytest.raises(UserError, match="must be JSON lines, got: is a directory"):
        read(tmp_path)
    (tmp_path / "binary").write_bytes(b"\x7fELF\xff\xfe")
    with pytest.raises(UserError, match="must be JSON lines, got: no text"):
        read(tmp_path / "binary")


def test_choices_of_another_machine_are_refused(tmp_path: Path):
    path = tmp_path / "x.tuned"
    Database({"k": record()}).write(path)
    with pytest.raises(UserError, match="choices were tuned for haswell, got target znver3"):
        read_all([path], find(cpu="znver3"))
    path.write_text("")
    assert read_all([path], find(cpu="znver3")) == Database()
