# node 'odd' (Relu): attribute 'alpha' is unknown in opset 18; known are none
from __future__ import annotations

from commands import small_model
from onnx import helper


def test_an_attribute_that_the_op_has_not(fails, output, tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"], name="odd", alpha=1.0)
    path = small_model(tmp_path / "odd.onnx", nodes=[node], arrays={})
    assert fails("compile", path, "-o", output) == (
        "node 'odd' (Relu): attribute 'alpha' is unknown in opset 18; known are none"
    )


def test_a_value_that_the_op_does_not_take(fails, output, tmp_path):
    node = helper.make_node("Concat", ["x", "x"], ["y"], name="odd", axis=7)
    path = small_model(tmp_path / "odd.onnx", nodes=[node], arrays={})
    message = fails("compile", path, "-o", output)
    assert message == "node 'odd' (Concat): axes must be distinct and lie in -2..1, got [7]"
