"""What is known is computed while importing, and weights stay outside of the IR."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

import tyc.onnx


def test_shape_arithmetic_disappears(imported, op_names):
    text = """g (float[2,3,4] x) => (float[2,12] y) {
        s = Shape(x)
        zero = Constant<value_ints = [0]>()
        one = Constant<value_ints = [1]>()
        three = Constant<value_ints = [3]>()
        batch = Gather(s, zero)
        rest = Slice(s, one, three)
        product = ReduceProd<keepdims = 1>(rest)
        as_float = Cast<to = 1>(product)
        half = Constant<value_float = 0.5>()
        halved = Mul(as_float, half)
        doubled = Add(halved, halved)
        width = Cast<to = 7>(doubled)
        shape = Concat<axis = 0>(batch, width)
        y = Reshape(x, shape)
    }"""
    program = imported(text)
    assert op_names(program) == ["reshape"]
    assert str(program.outputs[0][1]) == "f32[2,12]"


def test_known_range_and_condition(run, op_names, imported):
    text = """g (int64[3] x) => (int64[3] y) {
        start = Constant<value_int = 0>()
        limit = Constant<value_int = 6>()
        step = Constant<value_int = 2>()
        r = Range(start, limit, step)
        two = Constant<value_int = 2>()
        c = Less(r, two)
        w = Where(c, two, r)
        y = Add(x, w)
    }"""
    assert op_names(imported(text)) == ["add"]
    np.testing.assert_array_equal(run(text, [0, 0, 0]), [2, 2, 4])


def weighted(op: str, *weights: np.ndarray) -> onnx.ModelProto:
    names = [f"w{i}" for i in range(len(weights))]
    nodes = [
        helper.make_node(op, names, ["t"], name="first"),
        helper.make_node("Add", ["x", "t"], ["y"], name="second"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", 1, [1])],
        [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(w, n) for n, w in zip(names, weights)],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_large_float_results_are_left_to_the_compiler(op_names):
    w = np.ones((200, 200), np.float32)
    w[0, 0] = 2
    program = tyc.onnx.load(weighted("Transpose", w))
    assert op_names(program) == ["transpose", "add"]
    assert list(program.parameters) == ["w0"]
    assert "dense" not in str(program.module)


def test_small_float_results_are_computed(op_names):
    w = np.arange(4, dtype=np.float32)
    assert op_names(tyc.onnx.load(weighted("Add", w, w))) == ["add"]


def test_weights_are_not_copied():
    w = np.arange(200, dtype=np.float32)
    program = tyc.onnx.load(weighted("Identity", w))
    assert program.parameters["w0"].base is not None


def test_one_value_everywhere_is_no_parameter(imported, op_names):
    text = """g (float[1] x) => (float[1000,1000] y) {
        s = Constant<value_ints = [1000, 1000]>()
        w = ConstantOfShape<value = float[1] {0.5}>(s)
        y = Add(x, w)
    }"""
    program = imported(text)
    assert program.parameters == {}
    assert [op.name for op in program.operations()] == ["ty.full", "ty.add"]


def test_a_weight_used_twice_is_one_parameter(imported):
    text = """g (float[1] x) => (float[70] y) {
        w = Constant<value_floats = [WEIGHTS]>()
        a = Add(x, w)
        y = Mul(a, w)
    }""".replace("WEIGHTS", ", ".join(f"{i}.5" for i in range(70)))
    program = imported(text)
    assert [op.name for op in program.operations()] == ["ty.parameter", "ty.add", "ty.multiply"]
    assert list(program.parameters) == ["w"]


def test_locations_name_the_node(imported):
    program = imported("g (float[2] x) => (float[2] y) { t = Relu(x) y = Neg(t) }")
    places = [str(op.location) for op in program.operations()]
    assert places == ['loc("onnx:t:Relu")', 'loc("onnx:y:Neg")']


def test_an_output_may_be_known(run):
    text = "g (float[2,3] x) => (int64[2] y) { y = Shape(x) }"
    np.testing.assert_array_equal(run(text, np.zeros((2, 3))), [2, 3])


def test_an_output_may_be_an_input(run):
    np.testing.assert_array_equal(run("g (float[1] x) => (float[1] y) { y = Identity(x) }", [3]), 3)
