"""A failing command line: its message, its exit code, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import small_model

from tyc.tools import tyc

Fails = Callable[..., str]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that compiles."""
    return small_model(tmp_path / "small.onnx")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where a library would go: an empty folder."""
    folder = tmp_path / "made"
    folder.mkdir()
    return folder / "small.so"


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Fails:
    """Runs a command that must end in one message; the message, folders left out."""

    def run(*arguments: object, code: int = 2) -> str:
        found = tyc.run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert (found, out) == (code, "")
        assert err.startswith("error: ") and err.count("\n") == 1, err
        made = tmp_path / "made"
        assert not made.exists() or not any(made.iterdir()), "something was left behind"
        return err.removeprefix("error: ").strip().replace(f"{tmp_path}/", "")

    return run
