"""Every dimension of every input needs a number."""

from __future__ import annotations

import numpy as np

ADD = "g (float[N,3] a, float[N,3] b) => (float[N,3] y) { y = Add(a, b) }"
ONE = "g (float[batch,3,?] x) => (float[batch,3,?] y) { y = Relu(x) }"


def test_open_dimensions_of_one_input(message):
    assert message(ONE) == (
        "input 'x': every dimension must be a number, got [batch, 3, ?]; "
        "give the shape with --shape x=?x3x? (a number for each ?)"
    )


def test_open_dimensions_of_two_inputs(message):
    assert message(ADD) == (
        "inputs: every dimension must be a number, got 'a' [N, 3], 'b' [N, 3]; "
        "give the shape with --shape a=?x3 --shape b=?x3 (a number for each ?)"
    )


def test_shape_by_input(imported):
    program = imported(ONE, shapes={"x": (2, 3, 5)})
    assert [(n, str(t)) for n, t in program.inputs] == [("x", "f32[2,3,5]")]
    assert [(n, str(t)) for n, t in program.outputs] == [("y", "f32[2,3,5]")]


def test_one_shape_settles_a_shared_dimension(imported):
    program = imported(ADD, shapes={"a": (4, 3)})
    assert [str(t) for _, t in program.inputs] == ["f32[4,3]", "f32[4,3]"]


def test_shape_by_dimension_name(imported):
    program = imported(ADD, shapes={"N": (4,)})
    assert [str(t) for _, t in program.inputs] == ["f32[4,3]", "f32[4,3]"]


def test_unknown_input(message):
    assert message(ADD, shapes={"c": (4, 3)}) == (
        "shape names no input of the model, got 'c'; the inputs are a, b"
    )


def test_wrong_rank(message):
    assert message(ADD, shapes={"a": (3,)}) == (
        "input 'a': shape must have rank 2, got [3]; the model declares [N, 3]"
    )


def test_fixed_dimension(message):
    assert message(ADD, shapes={"a": (1, 4)}) == (
        "input 'a': shape must agree with the declared [N, 3], got [1, 4]; "
        "only open dimensions can be given"
    )


def test_negative_size(message):
    assert message(ADD, shapes={"a": (-1, 3)}) == (
        "input 'a': sizes must not be negative, got [-1, 3]"
    )


def test_string_input(message):
    assert message("g (string[2] x) => (string[2] y) { y = Identity(x) }") == (
        "input 'x': element type string is not supported; "
        "use one of f16, bf16, f32, f64, bool, int8..int64, uint8..uint64"
    )


def test_sequence_input(message):
    assert message("g (seq(float[2]) x) => (int64 y) { y = SequenceLength(x) }") == (
        "input 'x': must be a tensor, got a sequence"
    )


RESHAPE = "g (float[2,3] x, int64[2] shape) => (float[a,b] y) { y = Reshape(x, shape) }"


def test_run_time_shape(message):
    assert message(RESHAPE) == (
        "node 'y' (Reshape): shape must be known at compile time, got the graph input 'shape'; "
        "make it an initializer, or fix the graph input that it comes from "
        "(load(..., constants={name: array}))"
    )


def test_run_time_shape_behind_other_nodes(message):
    text = """g (float[2,3] x, int64[2] a, int64[2] b) => (float[c,d] y) {
        s = Add(a, b)
        y = Reshape(x, s)
    }"""
    assert "got a value computed from the graph inputs 'a', 'b'; make it" in message(text)


def test_input_fixed_at_compile_time(run, imported):
    x = np.arange(6).reshape(2, 3)
    y = run(RESHAPE, x, constants={"shape": np.array([3, 2])})
    np.testing.assert_array_equal(y, x.reshape(3, 2))
    assert [n for n, _ in imported(RESHAPE, constants={"shape": [3, 2]}).inputs] == ["x"]


def test_unknown_constant(message):
    assert message(RESHAPE, constants={"size": [1]}) == (
        "constant names no input of the model, got 'size'; the inputs are shape, x"
    )


def test_old_models_list_initialisers_as_inputs(imported):
    text = "g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"
    assert [n for n, _ in imported(text).inputs] == ["x"]
