"""The same model gives the same bytes, and a library shows only what is its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from artifact_models import MODELS, Built

SUPPORT = Path(__file__).resolve().parents[1] / "support"
PROGRAM = """
import sys
from pathlib import Path
from artifact_models import MODELS, compile_model
for name in MODELS:
    compile_model(name, Path(sys.argv[1]) / f"{name}.so")
"""


def test_another_process_and_folder_give_the_same_bytes(
    models: dict[str, Built], tmp_path: Path
) -> None:
    output = tmp_path / "another" / "folder"
    output.mkdir(parents=True)
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
        "PYTHONPATH": str(SUPPORT),
        # An empty cache: what was kept and what is made anew are the same too.
        "TYC_CACHE_DIR": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-c", PROGRAM, str(output)]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path)
    for name in MODELS:
        for suffix in (".so", ".h", ".json"):
            made = (output / name).with_suffix(suffix)
            assert made.read_bytes() == models[name].path.with_suffix(suffix).read_bytes(), made


def _read(tool: list[str], path: Path) -> str:
    return subprocess.run([*tool, str(path)], capture_output=True, text=True, check=True).stdout


STEMS = ["run", "call", "workspace_bytes", "manifest", "status_message", "executor_create",
         "executor_destroy", "profile"]  # fmt: skip


def test_only_the_models_symbols_are_visible(built: Built) -> None:
    lines = _read(["nm", "-D", "--defined-only"], built.path).splitlines()
    assert {line.split()[-1] for line in lines} == {f"{built.name}_{s}" for s in STEMS}


def test_nothing_but_libc_is_needed(built: Built) -> None:
    needed = set(re.findall(r"NEEDED.*\[(.+)\]", _read(["readelf", "-d"], built.path)))
    assert needed <= {"libc.so.6", "libm.so.6"}


def test_no_memory_is_writable_and_executable(built: Built) -> None:
    text = _read(["readelf", "-lW"], built.path)
    flags = re.findall(r"^ +LOAD.* ([R W][ W][ E]) +0x\w+$", text, re.M)
    assert flags, text
    assert not [f for f in flags if "W" in f and "E" in f]
    assert "TEXTREL" not in _read(["readelf", "-d"], built.path)


def test_weights_are_no_text(built: Built) -> None:
    assert len(built.text) < 20_000
    assert 'dense<"0x' not in built.text


@pytest.mark.parametrize("name", list(MODELS))
def test_most_work_is_split(models: dict[str, Built], name: str) -> None:
    from tyc import runtime

    kernels = runtime.load(models[name].path).manifest["kernels"]
    # Or else the proofs about threads would prove nothing.
    assert len(kernels) >= 3
    assert sum(k["parallel"] for k in kernels) >= (1 if name == "numbers" else 3)
