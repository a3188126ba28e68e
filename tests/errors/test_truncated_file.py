# small.onnx: must be an ONNX model, got ... bytes
from __future__ import annotations

import pytest

from tyc.tools import tyc


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.95])
def test_a_file_that_ends_too_early(fails, model, output, part):
    data = model.read_bytes()
    model.write_bytes(data[: int(len(data) * part)])
    message = fails("compile", model, "-o", output)
    assert message.startswith("small.onnx: must ")


def test_a_library_that_ends_too_early(fails, model, tmp_path, capsys):
    library = tmp_path / "small.so"
    assert tyc.run(["compile", str(model), "-o", str(library)]) == 0
    capsys.readouterr()
    library.write_bytes(library.read_bytes()[:2000])
    assert "small.so" in fails("run", library)
