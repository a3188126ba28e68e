# ext.safetensors: weights must be mappable, got: ...; copy the file that `tyc compile` wrote
from __future__ import annotations

import numpy as np
from commands import small_model

from tyc.tools import tyc


def test_weights_that_are_not_beside_the_library(fails, model, tmp_path, capsys):
    library = tmp_path / "ext.so"
    arguments = ["compile", str(model), "-o", str(library), "--weights", "external"]
    assert tyc.run(arguments) == 0
    capsys.readouterr()
    (tmp_path / "ext.safetensors").unlink()
    assert fails("run", library).startswith("ext.safetensors: weights must be mappable, got: ")


def test_weights_that_are_not_beside_a_dump(fails, model, tmp_path, output, capsys):
    # Small arrays stand in the text, larger ones beside it.
    arrays = {"w": np.ones((3, 2000), np.float32), "b": np.ones(2000, np.float32)}
    small_model(model, arrays=arrays)
    folder = tmp_path / "dump"
    arguments = ["compile", str(model), "-o", str(tmp_path / "x.so"), "--dump", str(folder)]
    assert tyc.run(arguments) == 0
    capsys.readouterr()
    (folder / "weights.safetensors").unlink()
    message = fails("compile", folder / "00-import.mlir", "-o", output)
    assert message.startswith("00-import.mlir: parameter ")
