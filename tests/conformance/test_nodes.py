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

DIFFERENT: dict[str, str] = {
    "test_dft_inverse": "sums in f32 miss the suite's zeros by 4e-6",
    "test_dft_inverse_opset19": "sums in f32 miss the suite's zeros by 4e-6",
    "test_resize_downsample_scales_linear_align_corners": "the suite aligns to a broken size",
    "test_resize_downsample_scales_cubic_align_corners": "the suite aligns to a broken size",
}
"""Cases whose result is not the suite's, with the reason. ONNX Runtime's are ours when resizing."""


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nodes(chunk: int) -> None:
    passing = read_table()
    problems = []
    for outcome in run_cases(sorted(load_cases())[chunk::CHUNKS], "compiled"):
        allowed = {"ok"} if outcome.name in passing else {"ok", "unsupported"}
        if outcome.name in DIFFERENT:
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
