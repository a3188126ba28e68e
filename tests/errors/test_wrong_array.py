# small: input 'x': dtype must be f32, got i32; convert it: x.astype('float32')
from __future__ import annotations

import numpy as np
import pytest

from tyc.runtime.errors import UserError
from tyc.tools import tyc
from tyc.tools.arrays import inputs_of


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
    assert fails("run", library, "--input", f"x={tmp_path}/x.npy") == (
        "x.npy: must be a .npy file of numbers, got something else, or an array of objects; "
        "write it with numpy.save"
    )
    assert fails("run", library, "--input", f"x={tmp_path}/y.npy") == (
        "--input: file 'y.npy' does not exist"
    )


def test_a_file_of_several_arrays(fails, library, tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros(3), b=np.zeros(3))
    assert fails("run", library, "--input", f"x={tmp_path}/x.npz") == (
        "x.npz: must be a .npy file of one array, got a, b; write it with numpy.save"
    )


def test_inputs_larger_than_memory():
    with pytest.raises(UserError, match="inputs must fit in memory: Unable to allocate"):
        inputs_of([("x", "float32", (1 << 23, 1 << 23))])
