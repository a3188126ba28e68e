# --shape: shape must read NAME=SIZExSIZE, got 'x'; write for example --shape images=1x3x224x224
from __future__ import annotations

import pytest


@pytest.mark.parametrize("text", ["x", "x=2xa", "=2x3", "x=2x", "x=-1x3"])
def test_a_shape_that_cannot_be_read(fails, model, output, text):
    assert fails("compile", model, "-o", output, "--shape", text) == (
        f"--shape: shape must read NAME=SIZExSIZE, got {text!r}; write for example --shape"
        " images=1x3x224x224"
    )
