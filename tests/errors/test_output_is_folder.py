# made: output must be a file, got a folder
from __future__ import annotations


def test_an_output_that_is_a_folder(fails, model, output):
    wanted = "made: output must be a file, got a folder"
    assert fails("compile", model, "-o", output.parent) == wanted
    assert fails("compile", model, "--emit", "fuse", "-o", output.parent) == wanted


def test_no_output(fails, model):
    assert fails("compile", model) == "--output: an output must be given; write -o OUT.so"
