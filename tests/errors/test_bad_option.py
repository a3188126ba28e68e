# no such option: --soup; see tyc compile --help
from __future__ import annotations

import pytest

ROWS = [
    (["soup"], "no such command 'soup'; see tyc --help"),
    (["compile"], "missing argument 'model'; see tyc compile --help"),
    (["compile", "x.onnx", "--zzz"], "no such option: --zzz; see tyc compile --help"),
    (["compile", "x.onnx", "-o", "x.so", "--weights", "soup"],
     "--weights: weights must be embed or external, got 'soup'"),
    *((["compile", "x.onnx", "-o", "x.so", "--memory-budget", text],
       "--memory-budget: memory budget must be bytes, or up to 100% of what is needed without, got"
       f" '{text}'; write for example 256KiB, 4MiB, 50% or auto")
      for text in ("much", "0%", "120%")),
    (["bench", "x.onnx", "--threads", "0"],
     "--threads: threads must be positive numbers with commas between, got '0'; write for example"
     " --threads 1,2"),
    (["bench", "x.onnx", "--against", "soup"], "--against: must be onnxruntime, got 'soup'"),
]  # fmt: skip


@pytest.mark.parametrize("arguments, message", ROWS, ids=[" ".join(r[0]) for r in ROWS])
def test_a_command_line_that_makes_no_sense(fails, arguments, message):
    assert fails(*arguments) == message
