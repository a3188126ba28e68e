"""Functions, the model's own and ONNX's, are walked in place of their calls."""

from __future__ import annotations

import numpy as np

OWN = ', "my" : 1'

SCALE = """
g (float[3] x) => (float[3] y) { y = my.Scale<factor = 3.0>(x) }
<domain: "my", opset_import: ["" : 17]>
Scale<factor>(a) => (b) {
    f = Constant<value_float : float = @factor>()
    b = Mul(a, f)
}
"""

NESTED = """
g (float[3] x) => (float[3] y) { y = my.Twice(x) }
<domain: "my", opset_import: ["" : 17, "my" : 1]>
Twice(a) => (c) { b = my.Next(a) c = my.Next(b) }
<domain: "my", opset_import: ["" : 17]>
Next(a) => (b) { one = Constant<value_float = 1.0>() b = Add(a, one) }
"""


def test_own_function_with_attribute(run):
    np.testing.assert_array_equal(run(SCALE, [1, 2, 3], extra=OWN), [3, 6, 9])


def test_nested_functions(run, imported):
    np.testing.assert_array_equal(run(NESTED, [1, 2, 3], extra=OWN), [3, 4, 5])
    last = [str(op.location) for op in imported(NESTED, extra=OWN).operations()][-1]
    assert last == 'loc("onnx:y/c/b:Add")'


def test_default_of_a_function_attribute(run):
    text = SCALE.replace("<factor = 3.0>", "").replace(
        "Scale<factor>", "Scale<factor: float = 2.0>"
    )
    np.testing.assert_array_equal(run(text, [1, 2, 3], extra=OWN), [2, 4, 6])


def test_optional_input_of_a_function(run):
    text = """
    g (float[3] x) => (float[3] y) { y = my.Limit(x) }
    <domain: "my", opset_import: ["" : 17]>
    Limit(a, low) => (b) { b = Clip(a, low) }
    """
    np.testing.assert_array_equal(run(text, [-1, 2, 3], extra=OWN), [-1, 2, 3])


def test_unknown_function(message):
    assert message("g (float[3] x) => (float[3] y) { y = my.Scale(x) }", extra=OWN) == (
        "node 'y' (Scale): operator my.Scale is not supported"
    )


def test_domain_not_imported(message):
    assert message("g (float[3] x) => (float[3] y) { y = your.Scale(x) }") == (
        "node 'y' (Scale): operator set 'your' is not imported by the model"
    )


def test_standard_function(run):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
    text = "g (float[2,3,4,4] x) => (float[2,3,4,4] y) { y = MeanVarianceNormalization(x) }"
    axes = (0, 2, 3)
    expected = (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)
    np.testing.assert_allclose(run(text, x), expected, rtol=1e-4, atol=1e-5)


def test_standard_function_that_depends_on_types(run):
    text = """g (float[1,3,3] x) => (float[1,5,3] y) {
        s = Constant<value_ints = [1, 5, 3]>()
        y = CenterCropPad(x, s)
    }"""
    x = np.ones((1, 3, 3))
    np.testing.assert_array_equal(run(text, x, opset=18), np.pad(x, [(0, 0), (1, 1), (0, 0)]))


def test_error_within_a_function(message):
    text = NESTED.replace("b = Add(a, one)", "b = Unique(a)")
    assert message(text, extra=OWN) == (
        "node 'y/b/b' (Unique): operator Unique is not supported; "
        "its output's shape depends on data"
    )
