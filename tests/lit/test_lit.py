"""The text of IR is the claim: every `.mlir` file below this folder, run by lit and FileCheck."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECONDS = 60


@pytest.mark.parametrize("name", sorted(str(p.relative_to(HERE)) for p in HERE.rglob("*.mlir")))
def test_lit(name: str, tmp_path: Path) -> None:
    program = "from lit.main import main; main()"
    command = [sys.executable, "-c", program, "-v", "--no-progress-bar", "--workers=1"]
    run = subprocess.Popen(
        [*command, "--param", f"exec_root={tmp_path}", str(HERE / name)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = run.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        pytest.fail(f"{name} ran longer than {SECONDS} s")
    assert run.returncode == 0, output
    assert "Passed: 1" in output or "Unsupported: 1" in output, output
