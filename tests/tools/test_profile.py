"""`tyc profile`: the figures agree with each other, with the manifest and with the limits."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from commands import small_model

from tyc.tools import tyc
from tyc.tools.profiling import Row, kernel_rows, origin_text
from tyc.tools.roofline import Level, Roofline, roofline

LIMITS = Roofline(1, 100e9, (Level("L1", 1000, 50e9), Level("memory", 10**9, 10e9)))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = small_model(tmp_path_factory.mktemp("profile") / "small.onnx")
    path = model.with_suffix(".so")
    assert tyc.run(["compile", str(model), "-o", str(path)]) == 0
    return path


def _json(capsys, *arguments: object) -> dict:
    assert tyc.run(["profile", *map(str, arguments), "--seconds", "0.02", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_times_add_up_to_the_run(library, capsys):
    report = _json(capsys, library, "--threads", 1)
    steps, kernels = report["steps"], report["kernels"]
    assert sum(r["seconds"] for r in steps) == pytest.approx(report["kernel_seconds"])
    assert sum(r["seconds"] for r in kernels) == pytest.approx(report["kernel_seconds"])
    assert sum(r["share"] for r in kernels) == pytest.approx(1)
    parts = ("kernel", "overhead", "noise")
    assert sum(report[f"{p}_seconds"] for p in parts) == pytest.approx(report["run_seconds"])


def test_kernels_say_where_they_came_from(library, capsys):
    report = _json(capsys, library, "--threads", 1)
    manifest = json.loads(library.with_suffix(".json").read_text())
    assert [(r["kernel"], *r["origins"]) for r in report["steps"]] == [
        (s["kernel"], s["origin"]) for s in manifest["steps"]
    ]
    assert report["flops"] == sum(k["flops"] * k["count"] for k in manifest["kernels"])


def test_a_model_is_compiled_first_and_the_table_is_printed(library, capsys):
    arguments = ["profile", str(library.with_suffix(".onnx")), "--threads", "2"]
    assert tyc.run([*arguments, "--seconds", "0.02"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("small  2 threads")
    assert "GFLOP/s" in text and "% of roof" in text and "product:MatMul" in text


def test_shapes_of_a_library_are_fixed(library, capsys):
    assert tyc.run(["profile", str(library), "--shape", "x=2x3"]) == 2
    assert "shapes are fixed in a library" in capsys.readouterr().err


def test_limits_of_this_machine_are_measured_some_times(tmp_path, monkeypatch):
    monkeypatch.setenv("TYC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("tyc.tools.roofline.MEASUREMENTS", 2)
    first, limits = roofline(1), roofline(1)
    assert (first.measurements, limits.measurements) == (1, 2)
    assert limits.flops_per_second >= first.flops_per_second
    assert limits.flops_per_second > 1e8
    assert [level.name for level in limits.levels] == ["L1", "L2", "L3", "memory"]
    assert all(level.bytes_per_second > 1e7 for level in limits.levels)
    assert roofline(1) == limits
    (kept,) = (tmp_path / "roofline").rglob("*/*")
    kept.write_text("{}")
    assert roofline(1) != limits


def test_the_nearest_level_that_holds_the_bytes_limits():
    assert LIMITS.level(1000).name == "L1" and LIMITS.level(1001).name == "memory"
    assert math.isclose(LIMITS.seconds(100, 1000), 1000 / 50e9)
    assert math.isclose(LIMITS.seconds(10**6, 1000), 1e-5)


def test_calls_of_one_kernel_are_one_row():
    rows = [
        Row(name, (f"onnx:{i}",), 1, seconds, seconds / 6, 10, 20, "L1", 0.5, False)
        for i, (name, seconds) in enumerate([("a", 1.0), ("b", 3.0), ("a", 2.0)])
    ]
    b, a = sorted(kernel_rows(rows), key=lambda r: -r.calls), kernel_rows(rows)
    assert {r.kernel: (r.calls, r.seconds, r.flops, r.of_limit) for r in a} == {
        "a": (2, 3.0, 20, 1 / 3), "b": (1, 3.0, 10, 0.5 / 3),
    }  # fmt: skip
    assert origin_text(b[0].origins) == "0 +1" and origin_text(b[1].origins) == "1"
    assert origin_text(("x" * 80,)) == "x" * 57 + "..."
