"""Several CPUs for one library: names that are unknown, that are the same, and what is for one."""

from __future__ import annotations

import pytest
from commands import small_model

from tyc.tools import tyc


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--cpu", "avx2,pentium"], "cpu must be one of native, baseline, avx2, avx512, x86-64,"),
        (["--cpu", "avx2,"], "got ''"),
        (["--cpu", "haswell,avx2"], "each cpu must need other features, got haswell and x86-64-v3"),
        (["--cpu", "avx2,avx512", "--emit", "asm"], "--emit: is for one cpu"),
        (["--cpu", "avx2,avx512", "--dump", "dump"], "--dump: is for one cpu"),
        (["--cpu", "avx2,avx512", "--tuned", "x.jsonl"], "--tuned: is for one cpu"),
    ],
)
def test_cpus(arguments, message, tmp_path, capsys):
    model = small_model(tmp_path / "small.onnx")
    assert tyc.run(["compile", str(model), "-o", str(tmp_path / "a.so"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a.so").exists()
