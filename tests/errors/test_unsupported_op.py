# node 'odd' (NonMaxSuppression): ...
from __future__ import annotations

from commands import small_model
from onnx import helper


def test_an_op_without_a_rule(fails, output, tmp_path):
    node = helper.make_node("Frobnicate", ["x"], ["y"], name="odd")
    path = small_model(tmp_path / "odd.onnx", nodes=[node], arrays={})
    message = fails("compile", path, "-o", output)
    assert message.startswith("node 'odd' (Frobnicate): ")
