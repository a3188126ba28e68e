"""Branches are chosen and loops unrolled; sequences are lists while importing."""

from __future__ import annotations

import numpy as np

BRANCH = """g (float[2] x, bool c) => (float[2] y) {
    y = If<then_branch = t () => (float[2] a) { a = Neg(x) },
           else_branch = e () => (float[2] b) { b = Abs(x) }>(c)
}"""


def test_known_condition_leaves_one_branch(imported, run, op_names):
    assert op_names(imported(BRANCH, constants={"c": True})) == ["negative"]
    np.testing.assert_array_equal(run(BRANCH, [-1, 2], constants={"c": False}), [1, 2])


def test_run_time_condition_selects(run):
    np.testing.assert_array_equal(run(BRANCH, [-1, 2], True), [1, -2])
    np.testing.assert_array_equal(run(BRANCH, [-1, 2], False), [1, 2])


def test_branches_of_two_types(message):
    text = BRANCH.replace("b = Abs(x)", "i = Constant<value_ints = [0]>() b = Gather(x, i)")
    assert message(text) == (
        "node 'y' (If): both branches must yield one type where the condition is known only at "
        "run time, got f32[2] and f32[1]"
    )


LOOP = """g (float[2] x) => (float[2] y, float[3,2] all) {
    n = Constant<value_int = 3>()
    go = Constant<value = bool {1}>()
    y, all = Loop<body = b (int64 i, bool c, float[2] a) => (bool d, float[2] e, float[2] s) {
        d = Identity(c)
        e = Add(a, x)
        s = Identity(e)
    }>(n, go, x)
}"""


def test_loop_is_unrolled(run, imported, op_names):
    y, stacked = run(LOOP, [1, 2])
    np.testing.assert_array_equal(y, [4, 8])
    np.testing.assert_array_equal(stacked, [[2, 4], [3, 6], [4, 8]])
    assert op_names(imported(LOOP)).count("add") == 3


def test_loop_ends_by_its_condition(run):
    text = LOOP.replace(
        "d = Identity(c)", "two = Constant<value_int = 1>() d = Less(i, two)"
    ).replace("float[3,2] all", "float[2,2] all")
    np.testing.assert_array_equal(run(text, [1, 2])[0], [3, 6])


def test_loop_with_run_time_trip_count(message):
    text = LOOP.replace("(float[2] x)", "(float[2] x, int64 n)")
    text = text.replace("n = Constant<value_int = 3>()", "")
    assert message(text).startswith(
        "node 'y' (Loop): M must be known at compile time, got the graph input 'n'; "
    )


def test_loop_with_run_time_condition(message):
    text = LOOP.replace("d = Identity(c)", "t = ReduceSum<keepdims = 0>(a) d = Less(t, t)")
    assert message(text) == (
        "node 'y' (Loop): the condition to go on must be known at compile time, "
        "got a run-time value"
    )


def test_long_loop(message):
    assert message(LOOP.replace("value_int = 3", "value_int = 100000")) == (
        "node 'y' (Loop): loops must end within 1024 steps"
    )


def test_scan(run):
    text = """g (float[2] start, float[3,2] x) => (float[2] y, float[3,2] z) {
        y, z = Scan<num_scan_inputs = 1, scan_output_directions = [1],
            body = b (float[2] a, float[2] r) => (float[2] s, float[2] o) {
                s = Add(a, r)
                o = Identity(s)
            }>(start, x)
    }"""
    y, z = run(text, [0, 0], [[1, 2], [3, 4], [5, 6]])
    np.testing.assert_array_equal(y, [9, 12])
    np.testing.assert_array_equal(z, [[9, 12], [4, 6], [1, 2]])


def test_sequences(run):
    text = """g (float[4,2] x) => (float[3,2] y, int64 n) {
        s = SplitToSequence(x)
        zero = Constant<value_int = 0>()
        t = SequenceErase(s, zero)
        n = SequenceLength(t)
        y = ConcatFromSequence<axis = 0>(t)
    }"""
    x = np.arange(8).reshape(4, 2)
    y, n = run(text, x)
    np.testing.assert_array_equal(y, x[1:])
    assert n == 3


def test_sequence_as_output(message):
    text = "g (float[4] x) => (seq(float[1]) s) { s = SplitToSequence(x) }"
    assert message(text) == "output 's': must be a tensor, got a sequence"


def test_sequence_as_tensor(message):
    text = "g (float[4] x) => (float[4] y) { s = SequenceConstruct(x) y = Relu(s) }"
    assert message(text) == "node 'y' (Relu): input 'X' must be a tensor, got a sequence"
