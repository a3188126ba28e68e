"""`check` reports every node and goes on after one that is unsupported."""

from __future__ import annotations

import tyc.onnx

TEXT = """g (float[2,3] x) => (float[2,3] y) {
    a = Relu(x)
    b = Bernoulli(a)
    c = Neg(b)
    d = Unique(c)
    e = Neg(d)
    y = Add(a, b)
}"""


def test_report(model):
    reports = tyc.onnx.check(model(TEXT))
    assert [(r.name, r.op, r.supported) for r in reports] == [
        ("a", "Relu", True),
        ("b", "Bernoulli", False),
        ("c", "Neg", True),
        ("d", "Unique", False),
        ("e", "Neg", False),
        ("y", "Add", True),
    ]
    assert reports[0].shapes == ("f32[2,3]", "f32[2,3]")
    assert reports[1].reason.endswith("operator RandomUniformLike is not supported")
    assert reports[1].alternative == "pass the random numbers as an input"
    assert reports[3].reason == "operator Unique is not supported"
    assert reports[4].reason == "input 'd' comes from node 'd', which is unsupported"
    assert reports[4].shapes == ("unknown", "unknown")


def test_report_of_a_good_model(model):
    reports = tyc.onnx.check(model("g (float[N] x) => (float[N] y) { y = Relu(x) }"), {"x": (3,)})
    assert reports == [tyc.onnx.NodeReport("y", "Relu", ("f32[3]", "f32[3]"), True)]
