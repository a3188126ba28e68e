# input 'x': shape must agree with the declared [2, 3], got [2, 4]; only open ...
from __future__ import annotations


def test_a_shape_that_the_model_does_not_have(fails, model, output):
    assert fails("compile", model, "-o", output, "--shape", "x=2x4") == (
        "input 'x': shape must agree with the declared [2, 3], got [2, 4]; only open dimensions can"
        " be given"
    )
    assert fails("compile", model, "-o", output, "--shape", "x=2") == (
        "input 'x': shape must have rank 2, got [2]; the model declares [2, 3]"
    )
