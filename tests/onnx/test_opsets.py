"""Operators whose meaning or form changed between opsets."""

from __future__ import annotations

import numpy as np
import pytest

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def softmax(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    e = np.exp(x - x.max(axes, keepdims=True))
    return e / e.sum(axes, keepdims=True)


@pytest.mark.parametrize(
    ("opset", "axis", "axes"),
    [(11, "", (1, 2)), (11, "<axis = 2>", (2,)), (11, "<axis = 0>", (0, 1, 2)), (13, "", (2,)),
     (13, "<axis = 1>", (1,))],
)  # fmt: skip
def test_softmax(run, opset: int, axis: str, axes: tuple[int, ...]):
    text = f"g (float[2,3,4] x) => (float[2,3,4] y) {{ y = Softmax{axis}(x) }}"
    np.testing.assert_allclose(run(text, X, opset=opset), softmax(X, axes), rtol=1e-6)


@pytest.mark.parametrize(("opset", "expected"), [(12, [[0, 0], [0, 1]]), (13, [[0, 0], [1, 1]])])
def test_hardmax(run, opset: int, expected: list):
    text = "g (float[2,2] x) => (float[2,2] y) { y = Hardmax<axis = 0>(x) }"
    np.testing.assert_array_equal(run(text, [[1, 2], [3, 4]], opset=opset), expected)


FORMS = [
    # (opset, graph body with x, expected)
    (11, "y = Unsqueeze<axes = [0, -1]>(x)", X[None, ..., None]),
    (13, "a = Constant<value_ints = [0, -1]>() y = Unsqueeze(x, a)", X[None, ..., None]),
    (11, "t = Unsqueeze<axes = [0]>(x) y = Squeeze<axes = [0]>(t)", X),
    (13, "a = Constant<value_ints = [0]>() t = Unsqueeze(x, a) y = Squeeze(t)", X),
    (9, "y = Slice<starts = [1, -3], ends = [9, -1], axes = [1, 2]>(x)", X[:, 1:, 1:-1]),
    (11, "a = Constant<value = int64[1] {-1}>() b = Constant<value = int64[1] {-100}>() "
         "c = Constant<value = int64[1] {2}>() d = Constant<value = int64[1] {-2}>() "
         "y = Slice(x, a, b, c, d)", X[:, :, ::-2]),
    (10, "y = Clip<min = 3.0, max = 7.0>(x)", X.clip(3, 7)),
    (11, "a = Constant<value = float {3.0}>() y = Clip(x, a)", X.clip(3, None)),
    (10, "y = Pad<pads = [0, 0, 1, 0, -1, 0], value = 5.0>(x)",
     np.pad(X[:, :2], [(0, 0), (0, 0), (1, 0)], constant_values=5)),
    (18, "p = Constant<value_ints = [1, 2]>() a = Constant<value_ints = [-1]>() "
         "y = Pad<mode = \"edge\">(x, p, , a)", np.pad(X, [(0, 0), (0, 0), (1, 2)], mode="edge")),
    (11, "y = ReduceSum<axes = [0, -1], keepdims = 0>(x)", X.sum((0, 2))),
    (13, "a = Constant<value_ints = [0]>() y = ReduceSum(x, a)", X.sum(0, keepdims=True)),
    (13, "y = ReduceSum<noop_with_empty_axes = 1>(x)", X),
    (18, "a = Constant<value_ints = [1]>() y = ReduceMax<keepdims = 0>(x, a)", X.max(1)),
    (17, "y = ReduceMean<axes = [1]>(x)", X.mean(1, keepdims=True)),
    (11, "y, z = Split<axis = 2, split = [1, 3]>(x)", X[..., :1]),
    (13, "s = Constant<value_ints = [3, 1]>() y, z = Split<axis = 2>(x, s)", X[..., :3]),
    (18, "z, y = Split<axis = 2, num_outputs = 2>(x)", X[..., 2:]),
    (18, "z, y = Split<axis = 1, num_outputs = 2>(x)", X[:, 2:]),
    (7, "y = Dropout(x)", X),
    (13, "y, m = Dropout(x)", X),
    (9, "y, i = TopK<k = 2>(x)", X[..., :1:-1]),
    (11, "k = Constant<value = int64[1] {2}>() y, i = TopK<largest = 0>(x, k)", X[..., :2]),
    (8, "y = Flatten<axis = 2>(x)", X.reshape(6, 4)),
    (13, "y = Flatten<axis = -1>(x)", X.reshape(6, 4)),
    (13, "s = Constant<value_ints = [0, -1]>() y = Reshape(x, s)", X.reshape(2, 12)),
    (7, "y = Transpose(x)", X.T),
    (8, "s = Constant<value = int64[4] {2, 1, 1, 4}>() y = Expand(x, s)",
     np.broadcast_to(X, (2, 2, 3, 4))),
    (13, "r = Constant<value_ints = [1, 2, 1]>() y = Tile(x, r)", np.tile(X, (1, 2, 1))),
    (8, "y = Sum(x, x, x)", 3 * X),
    (13, "y = Mean(x, x)", X),
    (12, "i = Constant<value = int32 {2}>() y = Pow(x, i)", X**2),
]  # fmt: skip


@pytest.mark.parametrize(("opset", "body", "expected"), FORMS, ids=range(len(FORMS)))
def test_form(imported, opset: int, body: str, expected: np.ndarray):
    text = f"g (float[2,3,4] x) => (float y) {{ {body} }}"
    from tyc.dialects import interpreter

    program = imported(text, opset)
    with program.module.context:
        program.module.operation.verify()
        y = interpreter.run(program, [X])[0]
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert y.shape == expected.shape


@pytest.mark.parametrize("opset", [7, 9])
def test_upsample(run, opset: int):
    scales = "s = Constant<value = float[4] {1, 1, 2, 2}>() y = Upsample(x, s)"
    body = scales if opset == 9 else "y = Upsample<scales = [1.0, 1.0, 2.0, 2.0]>(x)"
    x = np.arange(4).reshape(1, 1, 2, 2)
    y = run(f"g (float[1,1,2,2] x) => (float[1,1,4,4] y) {{ {body} }}", x, opset=opset)
    np.testing.assert_array_equal(y, x.repeat(2, 2).repeat(2, 3))
