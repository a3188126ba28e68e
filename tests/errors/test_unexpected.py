# unexpected ZeroDivisionError: division by zero; this is a defect of tyc; the report is kept in ...
from __future__ import annotations

from pathlib import Path

import pytest

from tyc.tools import tyc


@pytest.fixture
def broken(monkeypatch, tmp_path):
    def fail(*arguments):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("tyc.tools.ops.table", fail)
    monkeypatch.setenv("TYC_CACHE_DIR", str(tmp_path / "cache"))


def test_an_exception_that_nobody_foresaw(broken, capsys):
    assert tyc.run(["ops"]) == 3
    out, err = capsys.readouterr()
    wanted = "error: unexpected ZeroDivisionError: division by zero; this is a defect of tyc; the"
    assert out == "" and err.startswith(wanted) and err.count("\n") == 1
    report = Path(err.strip().rpartition(" ")[2]).read_text()
    assert report.startswith("command: tyc ops\n") and "Traceback" in report


def test_the_traceback_is_shown_when_asked_for(broken, capsys, monkeypatch):
    monkeypatch.setenv("TYC_DEBUG", "1")
    assert tyc.run(["ops"]) == 3
    assert "Traceback" in capsys.readouterr().err
