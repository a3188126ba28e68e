"""`compile --tuned`: the same results, the choices in the manifest, and what is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import small_model
from onnx import helper

import tyc.onnx
from tyc import runtime
from tyc.compiler import cache, pool
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation, compile_program
from tyc.compiler.schedules.choice import Choice
from tyc.compiler.targets import find, host
from tyc.compiler.tuning.database import Database, Record, key_of, read
from tyc.tools import tyc as command


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    arrays = {
        "w": rng.standard_normal((64, 80)).astype(np.float32),
        "b": rng.standard_normal(80).astype(np.float32),
    }
    folder = tmp_path_factory.mktemp("model")
    return small_model(folder / "small.onnx", shape=(48, 64), arrays=arrays)


def database(model: Path, options: Options, which: int, path: Path) -> Choice:
    """Writes a file with one of the choices of the model's kernel."""
    run = Compilation(tyc.onnx.load(model), host(), options)
    run.run_program_stages()
    (source,) = run.kernel_sources()
    choice = pool.examine(source, host(), options, which + 4).choices[which]
    record = Record(
        key_of(source, host(), options), source.name, host().identity, choice, 1.0, 2.0, 1, 1,
        cache.source_digest(),
    )  # fmt: skip
    Database({record.key: record}).write(path)
    return choice


@pytest.mark.parametrize("exact", [False, True])
def test_results_stay(model: Path, tmp_path: Path, exact: bool):
    options = Options(exact)
    assert database(model, options, 2, tmp_path / "x.tuned").family == "contraction"
    x = np.random.default_rng(1).standard_normal((48, 64)).astype(np.float32)
    results = []
    for name, tuned in (("a", []), ("b", [tmp_path / "x.tuned"])):
        path = tmp_path / f"{name}.so"
        made = compile_program(tyc.onnx.load(model), path, options=options, tuned=tuned)
        (kernel,) = made.manifest["kernels"]
        assert (kernel["schedule"], kernel["tuned"]) == ("contraction", bool(tuned))
        results.append(runtime.load(path)(x))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-4)


def test_a_choice_enters_the_cache_s_key(model: Path, tmp_path: Path):
    choice = database(model, Options(), 2, tmp_path / "x.tuned")
    run = Compilation(tyc.onnx.load(model), host(), Options())
    run.run_program_stages()
    (source,) = run.kernel_sources()
    from tyc.compiler.kernels import cache_key

    keys = [
        cache_key(replace(source, choice=c), host(), Options())
        for c in (None, choice, Choice(choice.family, {}))
    ]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "choice",
    [
        Choice("contraction", {"height": 1000}),
        Choice("contraction", {"nonsense": None}),
        Choice("loops", {"nonsense": 1}),
        Choice("of another compiler", {}),
    ],
)
def test_choices_that_do_not_fit_give_way(
    model: Path, tmp_path: Path, choice: Choice, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "x.tuned"
    database(model, Options(), 0, path)
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "choice": choice.to_json()}))
    made = compile_program(tyc.onnx.load(model), tmp_path / "x.so", tuned=[path])
    assert [k["tuned"] for k in made.manifest["kernels"]] == [False]
    assert made.unfit == [k["name"] for k in made.manifest["kernels"]]
    _, out, _ = run(capsys, "compile", model, "-o", tmp_path / "x.so", "--tuned", path)
    assert "1 tuned choices no longer fit: tune again" in out


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = command.run([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_tune_then_compile(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path, library = tmp_path / "x.tuned", tmp_path / "x.so"
    arguments = ("tune", model, "-o", path, "--trials", 2, "--threads", "1", "--json")
    code, out, _ = run(capsys, *arguments)
    report = json.loads(out)
    assert (code, report["left"], report["interrupted"]) == (0, 0, False)
    assert [k["known"] for k in report["kernels"]] == [False]
    assert [k["known"] for k in json.loads(run(capsys, *arguments)[1])["kernels"]] == [True]
    code, out, _ = run(capsys, "compile", model, "-o", library, "--tuned", path, "--json")
    assert code == 0 and json.loads(out)["tuned"] in (0, 1)


def test_a_tuned_compilation_says_so(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    choice = database(model, Options(), 2, tmp_path / "x.tuned")
    tuned = ("--tuned", tmp_path / "x.tuned")
    code, out, _ = run(capsys, "compile", model, "-o", tmp_path / "x.so", *tuned)
    assert code == 0 and "called 1 times, 1 tuned" in out
    _, default, _ = run(capsys, "compile", model, "--emit", "scheduled")
    _, emitted, _ = run(capsys, "compile", model, "--emit", "scheduled", *tuned)
    assert choice.parameters and emitted != default


def test_errors_of_the_commands(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def failed(*arguments: object) -> str:
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        return err

    library = tmp_path / "x.so"
    compiling = ("compile", model, "-o", library, "--tuned")
    assert "file of tuned choices must exist" in failed(*compiling, tmp_path / "none")
    damaged = tmp_path / "damaged"
    damaged.write_text("no record\n")
    assert "line 1 must be a record of tyc tune" in failed(*compiling, damaged)
    assert "line 1 must be a record" in failed("tune", model, "-o", damaged)
    database(model, Options(), 1, tmp_path / "x.tuned")
    other = next(c for c in ("haswell", "x86-64") if find(cpu=c).identity != host().identity)
    assert f"got target {other}" in failed(*compiling, tmp_path / "x.tuned", "--cpu", other)
    assert "output folder must exist" in failed("tune", model, "-o", tmp_path / "no" / "x")
    assert "threads must be positive" in failed("tune", model, "--threads", "0")
    assert not library.exists()


def test_code_that_cannot_run_here_is_not_tuned(model: Path, capsys: pytest.CaptureFixture[str]):
    missing = [c for c in ("znver5", "sapphirerapids") if not _runs(c)]
    if not missing:
        pytest.skip("this CPU runs all code")
    code, _, err = run(capsys, "tune", model, "--cpu", missing[0])
    assert code == 2 and f"code for {missing[0]} must run on this machine" in err


def _runs(cpu: str) -> bool:
    return set(find(cpu=cpu).features) <= set(host().features)


def test_an_interrupt_keeps_what_was_found(tmp_path: Path):
    rng = np.random.default_rng(0)
    shapes = [(64, 80), (80, 96), (96, 48)]
    names = ["x", "a", "b", "y"]
    nodes = [
        helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]], name=f"product{i}")
        for i in range(3)
    ]
    arrays = {f"w{i}": rng.standard_normal(s).astype(np.float32) for i, s in enumerate(shapes)}
    model = small_model(tmp_path / "m.onnx", shape=(48, 64), nodes=nodes, arrays=arrays)
    path = tmp_path / "m.tuned"
    arguments = [sys.executable, "-m", "tyc.tools.tyc", "tune", model, "-o", path]
    arguments += ["--trials", "1", "--threads", "1"]
    process = subprocess.Popen([*map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)  # what the parent hands its child is an interrupt
    out, _ = process.communicate(timeout=60)
    found = read(path)
    assert 1 <= len(found.records) <= 3
    assert process.returncode in (0, 128 + signal.SIGTERM)
    if process.returncode:
        # On a busy machine the signal may come after the last kernel: then nothing is left.
        assert json.loads(out)["interrupted"] or json.loads(out)["left"] == 0
    again = subprocess.run([*map(str, arguments), "--json"], capture_output=True, text=True)
    report = json.loads(again.stdout)
    assert (again.returncode, report["left"]) == (0, 0)
    assert sum(k["known"] for k in report["kernels"]) >= len(found.records)
