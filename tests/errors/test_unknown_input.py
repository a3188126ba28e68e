# shape names no input of the model, got 'z'; the inputs are x
from __future__ import annotations

import numpy as np

from tyc.tools import tyc


def test_a_shape_for_an_input_that_is_not_there(fails, model, output):
    wanted = "shape names no input of the model, got 'z'; the inputs are x"
    assert fails("compile", model, "-o", output, "--shape", "z=2x3") == wanted
    assert fails("check", model, "--shape", "z=2x3") == wanted


def test_an_array_for_an_input_that_is_not_there(fails, model, tmp_path, capsys):
    library = tmp_path / "small.so"
    assert tyc.run(["compile", str(model), "-o", str(library)]) == 0
    capsys.readouterr()
    np.save(tmp_path / "z.npy", np.zeros((2, 3), np.float32))
    assert fails("run", library, "--input", f"z={tmp_path}/z.npy") == (
        "--input: input must be one of 'x', got 'z'; tyc inspect shows the inputs of a library"
    )
    assert fails("run", library, "--input", "x") == (
        "--input: input must read NAME=FILE.npy, NAME=random or NAME=zeros, got 'x'; write for"
        " example --input images=cat.npy"
    )
