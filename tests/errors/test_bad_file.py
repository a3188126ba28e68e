# notes.onnx: must be an ONNX model, got 12 bytes that begin with b'not a mo'; the file is truncated
# or of another format
from __future__ import annotations


def test_a_file_of_another_format(fails, output, tmp_path):
    path = tmp_path / "notes.onnx"
    path.write_text("not a model\n")
    assert fails("compile", path, "-o", output) == (
        "notes.onnx: must be an ONNX model, got 12 bytes that begin with b'not a mo'; the file is"
        " truncated or of another format"
    )
    path.write_text("")
    assert fails("check", path) == "notes.onnx: must be an ONNX model, got an empty file"


def test_a_library_of_another_format(fails, tmp_path):
    path = tmp_path / "notes.so"
    path.write_text("not a library\n")
    assert "library must be an ELF shared library" in fails("run", path)
