# made/nope/small.so: output folder must exist, got made/nope; create it first
from __future__ import annotations

import os

import pytest


def test_a_folder_that_is_not_there(fails, model, output):
    path = output.parent / "nope" / "small.so"
    assert fails("compile", model, "-o", path) == (
        "made/nope/small.so: output folder must exist, got made/nope; create it first"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_ours(fails, model, output):
    output.parent.chmod(0o555)
    assert "output folder must be writable" in fails("compile", model, "-o", output)


def test_a_dump_into_a_file(fails, model, output):
    message = fails("compile", model, "-o", output, "--dump", model)
    assert message.startswith("small.onnx: must be a folder that can be written, got: ")
