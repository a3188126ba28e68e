"""ONNX's node tests, compiled: what is in `passing.txt` passes, all else ends in our own error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from node_cases import load_cases
from runner import TABLE, read_table, run_cases

CHUNKS = 48
"""Tests that pytest-xdist may spread over its workers, each with one process for its cases."""

KNOWN_DEFECTS: dict[str, str] = {}
"""Cases that end in a wrong result, with the reason."""


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nodes(chunk: int) -> None:
    passing = read_table()
    problems = []
    for outcome in run_cases(sorted(load_cases())[chunk::CHUNKS], "compiled"):
        allowed = {"ok"} if outcome.name in passing else {"ok", "unsupported"}
        if outcome.name in KNOWN_DEFECTS:
            allowed.add("mismatch")
        if outcome.status not in allowed:
            problems.append(f"{outcome.name}: {outcome.status} {outcome.detail}")
        known = passing.get(outcome.name, outcome.fixed)
        if outcome.status == "ok" and not set(outcome.fixed) <= set(known):
            problems.append(f"{outcome.name}: now needs {outcome.fixed} at compile time")
    assert not problems, "\n".join(problems)


def test_table_is_large_enough() -> None:
    passing = read_table()
    assert len(passing) >= 600
    assert list(passing) == sorted(passing), f"{TABLE.name} must be sorted"
    assert set(passing) <= set(load_cases())
