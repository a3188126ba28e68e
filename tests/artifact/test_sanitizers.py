"""Threads that run two models at once, watched by sanitizers inside of kernels and runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from artifact_models import Built
from host_programs import SANITIZERS, has_runtime, run_driver, sanitized

from tyc.compiler import targets

# Without AVX: the sanitizers see accesses of at most 16 bytes.
CPU = "x86-64-v2"


@pytest.mark.parametrize("kind", SANITIZERS)
def test_threads_and_two_models(kind: str, models: dict[str, Built], tmp_path: Path) -> None:
    sanitizer = SANITIZERS[kind]
    if not has_runtime(sanitizer, tmp_path):
        pytest.skip(f"the C compiler has no runtime of the {kind} sanitizer")
    target = targets.find(cpu=CPU)
    chosen = []
    for name in ("vision", "chain"):
        path = sanitized(name, tmp_path, target, sanitizer)
        chosen.append(replace(models[name], path=path))
    done = run_driver(chosen, tmp_path, sanitizer.flags, rounds=4)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
