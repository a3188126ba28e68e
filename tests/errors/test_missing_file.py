# nope.onnx: file 'nope.onnx' does not exist
from __future__ import annotations


def test_a_file_that_is_not_there(fails, output, tmp_path):
    wanted = "nope.onnx: file 'nope.onnx' does not exist"
    assert fails("compile", tmp_path / "nope.onnx", "-o", output) == wanted
    assert fails("check", tmp_path / "nope.onnx") == wanted
    assert "nope.so: library must be a readable file" in fails("run", tmp_path / "nope.so")
    assert fails("opt", tmp_path / "nope.mlir") == "nope.mlir: file 'nope.mlir' does not exist"
