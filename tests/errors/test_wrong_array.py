# small: input 'x': dtype must be f32, got i32; convert it: x.astype('float32')
from __future__ import annotations

import numpy as np
import pytest

from tyc.tools import tyc


@pytest.fixture
def library(model, tmp_path, capsys):
    path = tmp_path / "small.so"
    assert tyc.run(["compile", str(model), "-o", str(path)]) == 0
    capsys.readouterr()
    return path


def test_an_array_of_another_type(fails, library, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.int32))
    message = fails("run", library, "--input", f"x={tmp_path}/x.npy")
    assert message == (
        "small: input 'x': dtype must be f32, got i32; convert it: x.astype('float32')"
    )


def test_an_array_of_another_shape(fails, library, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 3), np.float32))
    message = fails("run", library, "--input", f"x={tmp_path}/x.npy")
    assert "[2, 3]" in message and "[3, 3]" in message


def test_a_file_that_holds_no_array(fails, library, tmp_path):
    (tmp_path / "x.npy").write_text("1 2 3")
    assert fails("run", library, "--input", f"x={tmp_path}/x.npy").startswith(
        "x.npy: must be a .npy file, got: "
    )
    assert fails("run", library, "--input", f"x={tmp_path}/y.npy") == (
        "--input: file 'y.npy' does not exist"
    )
