# clipped...: kernel ... did not compile: the compiler crashed (exit -6); this is a defect of tyc;
# the kernel is kept in ...
from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import small_model, tyc

# Python runs a module of this name at its start: here it makes MLIR fail an assertion.
CRASH = """
import sys
if any("{where}" in a for a in sys.orig_argv):
    import ctypes, importlib.util, pathlib
    import {module} as victim
    def crash(*arguments, **options):
        folder = pathlib.Path(importlib.util.find_spec("mlir").submodule_search_locations[0])
        library = ctypes.CDLL(str(folder / "_mlir_libs" / "libMLIRPythonCAPI.so"))
        library.mlirOperationGetName(ctypes.c_void_p(0))
    victim.{function} = crash
"""
WORKER = ("tyc.compiler.worker", "tyc.compiler.kernels", "schedule_text")
COMMAND = ("tyc.tools.tyc", "tyc.compiler.transforms.cse", "cse")


def environment(folder: Path, where: str, module: str, function: str) -> dict[str, str]:
    text = CRASH.format(where=where, module=module, function=function)
    (folder / "sitecustomize.py").write_text(text)
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths), "TYC_CACHE_DIR": str(folder / "cache")}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


def test_a_crash_of_a_worker_is_a_message(tmp_path, made):
    model = small_model(tmp_path / "small.onnx")
    answer = tyc("compile", model, "-o", made / "s.so", **environment(tmp_path, *WORKER))
    assert answer.code == 3 and answer.out == ""
    assert answer.err.startswith("error: ") and answer.err.count("\n") == 1, answer.err
    assert "did not compile: the compiler crashed (exit -" in answer.err
    kept = Path(answer.err.strip().rpartition(" ")[2])
    assert kept.is_file() and "func.func" in kept.read_text()
    assert not any(made.iterdir())


def test_a_crash_of_the_command_is_a_message(tmp_path, made):
    model = small_model(tmp_path / "small.onnx")
    answer = tyc("compile", model, "-o", made / "s.so", **environment(tmp_path, *COMMAND))
    assert answer.code == 3 and answer.out == ""
    assert answer.err.startswith("error: the compiler crashed (SIG"), answer.err
    assert answer.err.count("\n") == 1
    assert not any(made.iterdir())
