# --emit: stage must be one of import, simplify, ..., got 'soup'
from __future__ import annotations


def test_a_stage_that_is_not_there(fails, model):
    message = fails("compile", model, "--emit", "soup")
    assert message.startswith("--emit: stage must be one of import, simplify, ")
    assert message.endswith(", got 'soup'")
    assert "got 'soup'" in fails("compile", model, "--emit", "fuse", "--from", "soup")


def test_a_stage_of_a_model_that_has_none_behind_it(fails, model, output):
    assert fails("compile", model, "-o", output, "--from", "fuse") == (
        "--from: --from takes the .mlir of a dump, got small.onnx; tyc compile --dump DIR writes"
        " one"
    )


def test_a_pass_that_is_not_there(fails, tmp_path):
    path = tmp_path / "empty.mlir"
    path.write_text("module {}\n")
    message = fails("opt", path, "--passes=soup")
    assert message.startswith("--passes: pass must be one of ") and message.endswith("got 'soup'")
