"""Each command on a small model: what it writes, what it prints, its exit code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import small_model

from tyc.tools import tyc
from tyc.tools.dev import readme

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command that must succeed; what it printed."""

    def call(*arguments: object, code: int = 0) -> str:
        found = tyc.run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert (found, err) == (code, ""), err
        return out

    return call


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture(scope="module")
def library(model: Path) -> Path:
    path = model.with_suffix(".so")
    assert tyc.run(["compile", str(model), "-o", str(path)]) == 0
    return path


@pytest.mark.parametrize("name", list(tyc.COMMANDS))
def test_help_shows_an_example(run, name):
    text = " ".join(run(name, "--help").split())
    assert f"Example: {tyc.COMMANDS[name]}" in text


def test_help_lists_all_commands(run):
    text = run("--help")
    assert text == run()
    assert all(f"│ {name} " in text for name in tyc.COMMANDS)


def test_version(run):
    assert run("--version").startswith("tyc 0.")


def test_compile_writes_three_files_and_a_summary(run, model, tmp_path):
    output = tmp_path / "made.so"
    text = run("compile", model, "-o", output, "--name", "tiny")
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["made.h", "made.json", "made.so"]
    assert "size_t tiny_workspace_bytes(void);" in (tmp_path / "made.h").read_text()
    rows = [line.split()[0] for line in text.splitlines()]
    assert rows == [str(output), "workspace", "weights", "kernels", "seconds"]


def test_compile_in_the_folder_where_one_is(run, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert json.loads(run("compile", model, "-o", "here.so", "--json"))["library"] == "here.so"
    dynamic = subprocess.run(
        ["readelf", "-d", "here.so"], capture_output=True, text=True, check=True
    )
    assert "soname: [here.so]" in dynamic.stdout


@pytest.mark.parametrize("stage", ["import", "simplify", "expand", "outputs", "fuse"])
def test_a_dumped_stage_compiles_to_the_same_bytes(run, model, tmp_path, stage):
    run("compile", model, "-o", tmp_path / "a.so", "--dump", tmp_path / "dump")
    dumped = next((tmp_path / "dump").glob(f"*-{stage}.mlir"))
    assert run("compile", model, "--emit", stage) == dumped.read_text()
    again = tmp_path / "again" / "a.so"
    again.parent.mkdir()
    run("compile", dumped, "-o", again)
    assert (tmp_path / "a.so").read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    "stage, wanted",
    [("linalg", "linalg."), ("scheduled", "memref<"), ("llvm", "define"), ("asm", ".text")],
)
def test_kernels_are_printed_at_every_stage(run, model, stage, wanted):
    text = run("compile", model, "--emit", stage)
    assert wanted in text and "kernel matmul" in text


def test_kernels_and_plan_are_json(run, model):
    kernels = json.loads(run("compile", model, "--emit", "kernels"))
    assert all({"name", "count", "flops"} <= set(k) for k in kernels)
    plan = json.loads(run("compile", model, "--emit", "plan"))
    assert {s["kernel"] for s in plan["steps"]} == {k["name"] for k in kernels}


def test_emit_into_a_file(run, model, tmp_path):
    assert run("compile", model, "--emit", "fuse", "-o", tmp_path / "x.mlir") == ""
    assert (tmp_path / "x.mlir").read_text() == run("compile", model, "--emit", "fuse")


def test_run_writes_outputs(run, library, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 3), np.float32))
    arguments = ["run", library, "--input", f"x={tmp_path}/x.npy", "--output", tmp_path / "out"]
    answer = json.loads(run(*arguments, "--json"))
    y = np.load(tmp_path / "out" / "y.npy")
    (row,) = answer["outputs"]
    assert (row["name"], row["shape"], row["max"]) == ("y", [2, 4], float(y.max()))
    zeros = json.loads(run("run", library, "--input", "x=zeros", "--json"))["outputs"][0]
    assert zeros["min"] >= 0
    assert run("run", library).split()[:2] == ["output", "type"]


def test_bench_beside_onnxruntime(run, model, library):
    arguments = ["--against", "onnxruntime", "--threads", "1,2", "--seconds", "0.05", "--json"]
    rows = json.loads(run("bench", model, *arguments))["rows"]
    assert [r["threads"] for r in rows] == [1, 2]
    for row in rows:
        assert row["error"] < 1e-5
        assert row["ratio"] == row["tyc"]["min_ms"] / row["onnxruntime"]["min_ms"]
    assert "tyc min ms" in run("bench", library, "--seconds", "0.05")


def test_check_of_a_model_that_is_supported(run, model):
    assert run("check", model) == (
        "small.onnx: all 3 nodes are supported\n  Add 1, MatMul 1, Relu 1\n"
    )
    answer = json.loads(run("check", model, "--json"))
    assert answer["supported"] and len(answer["nodes"]) == 3
    assert answer["nodes"][2] == {
        "name": "clipped", "op": "Relu", "shapes": ["f32[2,4]", "f32[2,4]"], "supported": True,
        "reason": "", "alternative": "",
    }  # fmt: skip


def test_check_names_every_node_that_is_not(run, tmp_path):
    from onnx import helper

    nodes = [
        helper.make_node("Frobnicate", ["x"], ["a"], name="first"),
        helper.make_node("Relu", ["x"], ["b"], name="good"),
        helper.make_node("Relu", ["b"], ["y"], name="second", alpha=1.0),
    ]
    path = small_model(tmp_path / "odd.onnx", nodes=nodes, arrays={})
    text = run("check", path, code=2)
    assert text.startswith("odd.onnx: 2 of 3 nodes are not supported\n")
    assert "first" in text and "second" in text and "good" not in text
    nodes_found = json.loads(run("check", path, "--json", code=2))["nodes"]
    assert [n["supported"] for n in nodes_found] == [False, True, False]


def test_inspect_of_library_and_of_model(run, model, library):
    facts = json.loads(run("inspect", library, "--json"))
    assert facts["inputs"] == [{"name": "x", "dtype": "f32", "shape": [2, 3]}]
    assert facts["flops"] == sum(k["flops"] * k["count"] for k in facts["kernels"]) > 0
    assert {**json.loads(run("inspect", model, "--json"))} == facts
    text = run("inspect", library)
    assert "x: f32[2, 3]" in text and "workspace" in text and "matmul" in text


def test_opt_reads_what_it_writes(run, model, tmp_path):
    path = tmp_path / "fused.mlir"
    run("compile", model, "--emit", "import", "-o", path)
    (tmp_path / "same.mlir").write_text(run("opt", path))
    assert run("opt", tmp_path / "same.mlir") == (tmp_path / "same.mlir").read_text()
    assert "call @" in run("opt", path, "--pipeline=fuse")
    path.write_text(run("opt", path, "--pipeline=fuse"))
    assert "linalg." in run("opt", path, "--passes=lower-to-linalg")
    assert "loc(" in run("opt", path, "--locations")


def test_ops_has_a_row_for_every_op(run):
    from tyc.dialects.ods import REGISTRY

    rows = json.loads(run("ops", "--json"))
    assert {r["name"] for r in rows} == set(REGISTRY)
    assert all(r["reference"] and r["gradient"] and r["lowering"] and r["targets"] for r in rows)
    assert run("ops", "--markdown").count("\n") == len(rows) + 2
    assert run("ops").strip().endswith(f"{len(rows)} ops")


def test_the_readme_is_current():
    text = readme.README.read_text()
    assert readme.refreshed(text) == text, "run python -m tyc.tools.dev.readme"


def test_inspect_shows_the_versions_of_a_library(run, model, tmp_path):
    output = tmp_path / "fat.so"
    arguments = ["compile", model, "-o", output, "--cpu", "x86-64,avx512", "--json"]
    assert [v["cpu"] for v in json.loads(run(*arguments))["versions"]] == ["x86-64-v4", "x86-64"]
    text = run("inspect", output)
    assert "version   x86-64-v4 " in text and text.count("this one runs") == 1
