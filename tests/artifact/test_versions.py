"""One library with code for several CPUs: which version runs, what each is made of."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from commands import small_model

from tyc import runtime
from tyc.compiler import targets
from tyc.compiler.codegen.native import task_symbol
from tyc.compiler.pipeline import compile_program
from tyc.onnx.importer import load as load_onnx
from tyc.runtime.abi import feature_mask

CPUS = "baseline,avx2,avx512"
NAMES = ["x86-64-v4", "x86-64-v3", "x86-64-v2"]
X = np.linspace(-1, 1, 70 * 48, dtype=np.float32).reshape(70, 48)


def _model(folder: Path) -> Path:
    rng = np.random.default_rng(5)
    arrays = {"w": rng.standard_normal((48, 80)), "b": rng.standard_normal(80)}
    floats = {n: a.astype(np.float32) for n, a in arrays.items()}
    return small_model(folder / "small.onnx", shape=X.shape, arrays=floats)


def _compile(folder: Path, cpus: str, name: str = "small") -> Path:
    output = folder / f"{name}.so"
    compile_program(load_onnx(_model(folder)), output, targets.find_all(cpus=cpus))
    return output


@pytest.fixture(scope="module")
def fat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _compile(tmp_path_factory.mktemp("fat"), CPUS)


def _fitting(names: list[str]) -> str:
    here = feature_mask(targets.host().features)
    masks = {n: feature_mask(targets.find(cpu=n).features) for n in names}
    return next(n for n in names if not masks[n] & ~here)


def test_the_most_demanding_version_that_fits_runs(fat, tmp_path):
    module = runtime.load(fat, threads=2)
    chosen = _fitting(NAMES)
    assert module.manifest["target"]["cpu"] == chosen
    alone = runtime.load(_compile(tmp_path, chosen), threads=2)
    np.testing.assert_array_equal(module(X), alone(X))
    assert len(module.profile(X)) == len(module.manifest["steps"]) + 1


def test_a_version_below_runs_as_well(tmp_path):
    cpus = "x86-64,sapphirerapids"
    module = runtime.load(_compile(tmp_path, cpus))
    assert module.manifest["target"]["cpu"] == _fitting(["sapphirerapids", "x86-64"])
    alone = runtime.load(_compile(tmp_path, "native", "alone"))
    np.testing.assert_allclose(module(X), alone(X), rtol=1e-4, atol=1e-5)


def test_each_version_has_the_code_of_its_cpu(fat):
    kernel = runtime.load(fat).manifest["steps"][0]["kernel"]
    symbols = subprocess.run(["nm", "-n", "-S", fat], capture_output=True, text=True, check=True)
    rows = [line.split() for line in symbols.stdout.splitlines()]
    places = [(int(r[0], 16), int(r[1], 16)) for r in rows if r[-1] == task_symbol(kernel)]
    texts = [_disassembly(fat, *place) for place in places]
    assert ["zmm" in t for t in texts] == [True, False, False]
    assert ["ymm" in t for t in texts[1:]] == [True, False]
    assert ["vfmadd" in t for t in texts] == [True, True, False]


def _disassembly(library: Path, start: int, size: int) -> str:
    spec = importlib.util.find_spec("llvm")
    assert spec is not None and spec.submodule_search_locations
    tool = Path(spec.submodule_search_locations[0]) / "bin" / "llvm-objdump"
    command = [tool, "-d", f"--start-address={start}", f"--stop-address={start + size}", library]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_manifests_tell_all_versions(fat):
    files = {p.name: json.loads(p.read_text()) for p in fat.parent.glob("*.json")}
    assert {n: m["target"]["cpu"] for n, m in files.items()} == {
        "small.json": NAMES[0], f"small.{NAMES[1]}.json": NAMES[1],
        f"small.{NAMES[2]}.json": NAMES[2],
    }  # fmt: skip
    for facts in files.values():
        assert [v["cpu"] for v in facts["versions"]] == NAMES
        most = max(v["workspace_bytes"] for v in facts["versions"])
        assert facts["memory"]["workspace_bytes"] == most
    assert runtime.load(fat).manifest == files[f"small.{_fitting(NAMES)}.json".replace(
        f".{NAMES[0]}", "")]  # fmt: skip


def test_weights_that_are_laid_out_alike_stand_there_once(fat, tmp_path):
    def weights(path: Path) -> int:
        return json.loads(path.with_suffix(".json").read_text())["memory"]["weights_bytes"]

    one = weights(_compile(tmp_path, "x86-64-v3"))
    assert weights(_compile(tmp_path, "x86-64-v3,alderlake", "two")) == one
    assert weights(fat) > one


def test_the_same_versions_are_the_same_bytes(fat, tmp_path):
    assert _compile(tmp_path, CPUS).read_bytes() == fat.read_bytes()


def test_only_the_models_symbols_are_visible(fat):
    shown = subprocess.run(
        ["nm", "-D", "--defined-only", fat], capture_output=True, text=True, check=True
    )
    names = {line.split()[-1] for line in shown.stdout.splitlines()}
    assert len(names) == 8 and all(n.startswith("small_") for n in names)


def test_a_library_refuses_where_no_version_fits(tmp_path):
    demanding = ["sapphirerapids", "x86-64-v4"]
    if not feature_mask(targets.find(cpu="x86-64-v4").features) & ~feature_mask(
        targets.host().features
    ):
        pytest.skip("this CPU runs even the most demanding versions")
    path = _compile(tmp_path, ",".join(demanding))
    with pytest.raises(runtime.UserError, match=r"needs a CPU with .*avx512f.* lacks in part"):
        runtime.load(path)
