"""`tyc diff`: agreement, and the first kernel that differs."""

from __future__ import annotations

import json

import pytest
from commands import small_model

from tyc.tools import comparison, tyc


@pytest.fixture
def model(tmp_path):
    return small_model(tmp_path / "small.onnx")


def test_all_kernels_agree(model, capsys):
    assert tyc.run(["diff", str(model)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("all ") and "agree with the reference" in out


def test_the_first_kernel_that_differs_is_named(model, capsys, monkeypatch):
    execute = comparison._Comparer._execute

    def wrong(self, kernel, inputs, wanted):
        results = execute(self, kernel, inputs, wanted)
        results[0][1, 2] += 1
        return results

    monkeypatch.setattr(comparison._Comparer, "_execute", wrong)
    assert tyc.run(["diff", str(model), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    row = answer["kernels"][-1]
    assert not answer["equal"] and row["differs"] and row["index"] == [1, 2]
    assert row["got"] == pytest.approx(row["want"] + 1)
    assert row["origin"].startswith("onnx:")
    assert tyc.run(["diff", str(model)]) == 1
    assert "first at   [1, 2]: got " in capsys.readouterr().out
