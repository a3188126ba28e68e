# input 'x': every dimension must be a number, got [batch, 3]; give the shape with --shape x=?x3 (a
# number for each ?)
from __future__ import annotations

from commands import small_model


def test_a_dimension_without_a_number(fails, output, tmp_path):
    path = small_model(tmp_path / "open.onnx", shape=("batch", 3))
    wanted = (
        "input 'x': every dimension must be a number, got [batch, 3]; give the shape with"
        " --shape x=?x3 (a number for each ?)"
    )
    assert fails("compile", path, "-o", output) == wanted
    assert fails("check", path) == wanted
