# bad.mlir: must be MLIR, got an error at 1:8: ...
from __future__ import annotations

import pytest

BROKEN = {
    "module {": "bad.mlir: must be MLIR, got an error at ",
    'func.func @main() { "ty.soup"() : () -> () return }': "bad.mlir: must be MLIR, got an error",
    """func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = "ty.transpose"(%x) {perm = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
      return %0 : tensor<2x3xf32> }""": "bad.mlir:2:12: ty.transpose: ",
    """func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = "ty.transpose"(%x) {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
      return %0 : tensor<2x3xf32> }""": "bad.mlir:2:12: ty.transpose: result must be ",
    """func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = "ty.transpose"(%x) {perm = 3 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
      return %0 : tensor<2x3xf32> }""": "bad.mlir:2:12: ty.transpose: operands and attributes must",
}


@pytest.mark.parametrize("text", list(BROKEN))
def test_ir_that_is_none(fails, tmp_path, text):
    path = tmp_path / "bad.mlir"
    path.write_text(text)
    assert fails("opt", path).startswith(BROKEN[text])


def test_a_program_without_main(fails, tmp_path, output):
    path = tmp_path / "empty.mlir"
    path.write_text("module {}\n")
    wanted = "empty.mlir: must have a function @main, got none"
    assert fails("compile", path, "-o", output) == wanted
    assert fails("opt", path, "--passes=fuse") == wanted
