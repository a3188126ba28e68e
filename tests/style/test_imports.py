"""What an import loads: users who only run a model never pay for the compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tyc.tools.dev import layers

HEAVY = ("mlir", "onnx", "llvmlite", "ziglang", "torch", "onnxruntime", "scipy", "ortools")


@pytest.mark.parametrize("module", ["tyc", "tyc.runtime"])
def test_import_loads_no_compiler(module: str, tmp_path: Path) -> None:
    program = (
        f"import sys, {module}\n"
        f"print(*sorted({{m.split('.')[0] for m in sys.modules}} & set({HEAVY!r})))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [], f"import {module} loads {run.stdout.strip()}"


def test_contracts_name_every_module_of_the_frontend(root: Path) -> None:
    on_disk = {
        f"tyc.{entry.stem}"
        for entry in (root / "frontend").iterdir()
        if entry.stem != "__init__" and (entry.suffix == ".py" or any(entry.glob("*.py")))
    }
    assert set(layers.frontend_modules()) - {"tyc"} == on_disk
    assert all(module in layers.configuration() for module in on_disk)
