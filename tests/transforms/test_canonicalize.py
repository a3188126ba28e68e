"""Canonical forms: what each pattern leaves, and that the outputs stay the same bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from programs import check, names, only, program

from tyc.compiler.transforms.canonicalize import canonicalize
from tyc.compiler.transforms.simplify import simplify
from tyc.dialects import interpreter, ty


def number(value: float, shape: tuple[int, ...] = ()) -> Any:
    return ty.constant(value=np.full(shape, value, np.float32))


def left(body: Any, *inputs: Any, tolerance: float | None = None, **parameters: Any) -> list[str]:
    """The names of the ops that canonicalize leaves of a body."""
    with program(body, *inputs, **parameters) as made:
        return check(made, canonicalize, exact=tolerance is None, tolerance=tolerance)


MOVEMENT = {
    "identity reshape": (lambda x: ty.reshape(x, shape=[2, 3]), (2, 3), []),
    "two reshapes": (
        lambda x: ty.reshape(ty.reshape(x, shape=[6]), shape=[3, 2]), (2, 3), ["reshape"],
    ),
    "reshape and back": (
        lambda x: ty.reshape(ty.reshape(x, shape=[6]), shape=[2, 3]), (2, 3), [],
    ),
    "two transposes": (
        lambda x: ty.transpose(ty.transpose(x, perm=[1, 2, 0]), perm=[0, 2, 1]),
        (2, 3, 4), ["transpose"],
    ),
    "transpose and back": (
        lambda x: ty.transpose(ty.transpose(x, perm=[1, 2, 0]), perm=[2, 0, 1]), (2, 3, 4), [],
    ),
    "transpose of ones": (lambda x: ty.transpose(x, perm=[0, 2, 1]), (3, 1, 4), ["reshape"]),
    "broadcast to itself": (lambda x: ty.broadcast_to(x, shape=[2, 3]), (2, 3), []),
    "broadcast by ones": (lambda x: ty.broadcast_to(x, shape=[1, 2, 3]), (2, 3), ["reshape"]),
    "broadcast of broadcast": (
        lambda x: ty.broadcast_to(ty.broadcast_to(x, shape=[2, 3]), shape=[4, 2, 3]),
        (3,), ["broadcast_to"],
    ),
    "whole slice": (
        lambda x: ty.slice(x, starts=[0, 0], sizes=[1, 3], steps=[5, 1]), (1, 3), [],
    ),
    "slice of slice": (
        lambda x: ty.slice(
            ty.slice(x, starts=[8], sizes=[4], steps=[-2]), starts=[1], sizes=[2], steps=[2]
        ),
        (9,), ["slice"],
    ),
    "slice of one part": (
        lambda x: ty.slice(
            ty.concat([x, ty.exp(x)], axis=-1), starts=[0, 4], sizes=[2, 2], steps=[1, 1]
        ),
        (2, 3), ["exp", "slice"],
    ),
    "concat of one": (lambda x: ty.concat([x], axis=0), (2, 3), []),
    "concat of concats": (
        lambda x: ty.concat([ty.concat([x, x], axis=0), x], axis=-2), (2, 3), ["concat"],
    ),
    "parts joined": (
        lambda x: ty.concat(
            [ty.slice(x, starts=[b, 0], sizes=[2, 3], steps=[1, 1]) for b in (0, 2)], axis=0
        ),
        (4, 3), [],
    ),
    "parts swapped stay": (
        lambda x: ty.concat(
            [ty.slice(x, starts=[b, 0], sizes=[2, 3], steps=[1, 1]) for b in (2, 0)], axis=0
        ),
        (4, 3), ["slice", "slice", "concat"],
    ),
    "no padding": (lambda x: ty.pad(x, low=[0, 0], high=[0, 0]), (2, 3), []),
    "pad of pad": (
        lambda x: ty.pad(ty.pad(x, low=[1, 0], high=[0, 2]), low=[0, 1], high=[1, 1]),
        (2, 3), ["pad"],
    ),
    "tile once": (lambda x: ty.tile(x, repeats=[1, 1]), (2, 3), []),
    "reverse of one": (lambda x: ty.reverse(x, axes=[0]), (1, 3), []),
    "cast to itself": (lambda x: ty.cast(x, to="f32"), (2, 3), []),
    "cast there and back": (
        lambda x: ty.cast(ty.cast(x, to="f64"), to="f32"), (2, 3), [],
    ),
    "lossy cast stays": (
        lambda x: ty.cast(ty.cast(x, to="f16"), to="f32"), (2, 3), ["cast", "cast"],
    ),
    "sum over ones": (
        lambda x: ty.reduce_sum(x, axes=[1], keepdims=False), (2, 1, 3), ["reshape"],
    ),
    "sum and kept dimensions": (
        lambda x: ty.reshape(ty.reduce_sum(x, axes=[-1], keepdims=False), shape=[2, 1]),
        (2, 3), ["reduce_sum"],
    ),
    "place and dropped dimensions": (
        lambda x: ty.reshape(ty.argmax(x, axis=0, keepdims=True), shape=[3]), (2, 3), ["argmax"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MOVEMENT)
def test_movement(case: str) -> None:
    body, shape, expected = MOVEMENT[case]
    assert left(body, shape) == expected


EXACT = {
    "times one": (lambda x: ty.multiply(number(1), x), []),
    "minus zero": (lambda x: ty.subtract(x, number(0, (1, 3))), []),
    "plus zero stays": (lambda x: ty.add(x, number(0)), ["add"]),
    "by one": (lambda x: ty.divide(x, number(1)), []),
    "growing one stays": (lambda x: ty.multiply(x, number(1, (4, 2, 3))), ["multiply"]),
    "by four": (lambda x: ty.divide(x, number(4)), ["multiply"]),
    "by three stays": (lambda x: ty.divide(x, number(3)), ["divide"]),
    "first power": (lambda x: ty.power(x, number(1)), []),
    "own product": (lambda x: ty.multiply(x, x), ["square"]),
    "relu": (lambda x: ty.maximum(number(0), x), ["relu"]),
    "relu6": (lambda x: ty.minimum(ty.maximum(x, number(0)), number(6)), ["clip"]),
    "clip of relu": (lambda x: ty.clip(ty.relu(x), low=-1.0, high=2.0), ["clip"]),
    "relu of clip": (lambda x: ty.relu(ty.clip(x, low=-1.0, high=2.0)), ["clip"]),
    "clip of clip": (
        lambda x: ty.clip(ty.clip(x, low=-1.0, high=0.5), low=0.75, high=2.0), ["clip"],
    ),
    "open clip": (lambda x: ty.clip(x, low=-math.inf, high=math.inf), []),
    "minus minus": (lambda x: ty.negative(ty.negative(x)), []),
    "where true": (
        lambda x: ty.where(ty.constant(value=np.ones((2, 3), bool)), x, number(7)), [],
    ),
    "spread operand": (lambda x: ty.add(x, number(2, (2, 3))), ["add"]),
    "power stays": (lambda x: ty.power(x, number(2)), ["power"]),
}  # fmt: skip


@pytest.mark.parametrize("case", EXACT)
def test_exact_arithmetic(case: str) -> None:
    body, expected = EXACT[case]
    assert left(body, (2, 3)) == expected


FAST = {
    "plus zero": (lambda x: ty.add(x, number(0)), []),
    "square": (lambda x: ty.power(x, number(2)), ["square"]),
    "cube": (lambda x: ty.power(x, number(3)), ["square", "multiply"]),
    "root": (lambda x: ty.power(ty.absolute(x), number(0.5)), ["absolute", "sqrt"]),
    "fourth root": (
        lambda x: ty.power(ty.absolute(x), number(0.25)), ["absolute", "sqrt", "sqrt"]
    ),
    "three quarters": (
        lambda x: ty.power(ty.absolute(x), number(0.75)), ["absolute", "sqrt", "sqrt", "multiply"]
    ),
    "three halves": (
        lambda x: ty.power(ty.absolute(x), number(1.5)), ["absolute", "sqrt", "multiply"]
    ),
    "inverse": (lambda x: ty.power(x, number(-1)), ["reciprocal"]),
    "inverse root": (lambda x: ty.divide(number(1), ty.sqrt(ty.exp(x))), ["exp", "rsqrt"]),
    "by three": (lambda x: ty.divide(x, number(3)), ["multiply"]),
    "minus two": (lambda x: ty.subtract(x, number(2)), ["add"]),
    "sums": (lambda x: ty.add(ty.add(number(1), x), number(2)), ["add"]),
    "products": (
        lambda x: ty.multiply(number(2), ty.multiply(x, number(3, (3,)))), ["multiply"],
    ),
    "outer product stays": (
        lambda x: ty.multiply(ty.multiply(x, number(2, (2, 1))), number(3, (3,))), ["multiply"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAST)
def test_fast_arithmetic(case: str) -> None:
    body, expected = FAST[case]
    assert left(body, (2, 3), tolerance=1e-6) == expected


def test_broadcast_operand_is_read_small() -> None:
    def body(x: Any, y: Any) -> Any:
        return ty.add(x, ty.broadcast_to(y, shape=[2, 3]))

    assert left(body, (2, 3), (3,)) == ["add"]


def test_broadcast_that_gives_the_shape_stays() -> None:
    def body(x: Any, y: Any) -> Any:
        return ty.add(x, ty.broadcast_to(y, shape=[2, 3]))

    assert left(body, (3,), (3,)) == ["broadcast_to", "add"]


def test_transposes_become_flags_of_matmul() -> None:
    def body(x: Any, y: Any) -> Any:
        return ty.matmul(ty.transpose(x, perm=[0, 2, 1]), ty.transpose(y, perm=[1, 0]))

    with program(body, (2, 3, 4), (5, 3)) as made:
        # Exact programs keep the form of a product, which decides the order of its sums.
        assert check(made, canonicalize, exact=True) == ["transpose", "transpose", "matmul"]
        assert check(made, canonicalize, tolerance=1e-6) == ["matmul"]
        product = only(made, "matmul")
        assert product.transpose_a and product.transpose_b


def test_batch_becomes_rows_and_reshapes_sink() -> None:
    def body(x: Any, w: Any, b: Any, v: Any) -> Any:
        return ty.matmul(ty.gelu(ty.add(ty.matmul(x, w), b)), v)

    weights = {"w": np.ones((4, 5), np.float32), "b": np.arange(5.0).astype(np.float32)}
    expected = ["reshape", "matmul", "add", "gelu", "matmul", "reshape"]
    found = left(body, (2, 3, 4), tolerance=1e-5, **weights, v=np.ones((5, 6), np.float32))
    assert found == expected


def test_reshape_sinks_below_a_sum_of_two() -> None:
    def body(x: Any, y: Any) -> Any:
        return ty.add(ty.reshape(ty.exp(x), shape=[2, 6]), y)

    assert left(body, (2, 2, 3), (2, 6)) == ["exp", "reshape", "add", "reshape"]


def test_padding_goes_into_windows() -> None:
    def body(x: Any, w: Any) -> Any:
        attributes = {"strides": [1, 1], "dilations": [1, 1]}
        padded = ty.pad(x, low=[0, 0, 1, 0], high=[0, 0, 0, 1])
        low = ty.pad(x, low=[0, 0, 1, 0], high=[0, 0, 0, 1], value=-math.inf)
        positive = ty.pad(ty.relu(x), low=[0, 0, 1, 0], high=[0, 0, 0, 1])
        pool = {"kernel": [2, 2], "padding": [0] * 4, **attributes}
        return [
            ty.conv(padded, w, None, padding=[1, 1, 1, 1], **attributes),
            ty.average_pool(padded, **pool),
            ty.max_pool(low, **pool),
            ty.max_pool(positive, **pool),
        ]

    expected = ["relu", "conv", "average_pool", "max_pool", "max_pool"]
    with program(body, (1, 2, 5, 5), w=np.ones((3, 2, 3, 3), np.float32)) as made:
        found = check(made, canonicalize, exact=True)
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("low", [[0, 1, 0, 0], [1, 0, 0, 0]])
def test_padding_of_channels_stays(low: list[int]) -> None:
    def body(x: Any, w: Any) -> Any:
        padded = ty.pad(x, low=low, high=[0] * 4)
        attributes = {"strides": [1, 1], "padding": [0] * 4, "dilations": [1, 1]}
        return ty.conv(padded, w, None, **attributes)

    weight = np.ones((3, 2 + low[1], 3, 3), np.float32)
    assert left(body, (1, 2, 5, 5), w=weight) == ["pad", "conv"]


def test_heads_of_keys_become_one_transpose_and_a_flag() -> None:
    def body(x: Any, w: Any, v: Any) -> Any:
        q, k = (ty.reshape(ty.matmul(x, m), shape=[1, 6, 2, 4]) for m in (w, v))
        q, k = (ty.transpose(h, perm=[0, 2, 1, 3]) for h in (q, k))
        k = ty.transpose(ty.reshape(k, shape=[2, 6, 4]), perm=[0, 2, 1])
        k = ty.reshape(ty.multiply(k, number(0.5)), shape=[1, 2, 4, 6])
        return ty.matmul(ty.multiply(q, number(0.5)), k)

    weights = {k: np.arange(64.0).reshape(8, 8).astype(np.float32) for k in "wv"}
    with program(body, (1, 6, 8), **weights) as made:
        heads = ["matmul", "multiply", "reshape", "transpose"]
        found = check(made, canonicalize, exact=True)
        assert sorted(found) == sorted([*heads, *heads, "matmul"])
        # The factors then go into the weights.
        found = check(made, simplify, tolerance=1e-4)
        assert sorted(set(found)) == ["matmul", "reshape", "transpose"]


def test_transpose_sinks_below_numbers_and_equals() -> None:
    def body(x: Any, y: Any) -> Any:
        a, b = (ty.transpose(ty.exp(v), perm=[1, 0]) for v in (x, y))
        return ty.relu(ty.add(a, ty.multiply(b, number(2))))

    expected = ["exp", "exp", "multiply", "add", "relu", "transpose"]
    assert left(body, (2, 3), (2, 3)) == expected


@pytest.mark.parametrize("value", [-math.inf, -3e38])
@pytest.mark.parametrize("known", [False, True])
def test_nan_guard_of_a_mask_that_leaves_something(value: float, known: bool) -> None:
    mask = np.where(np.tri(4, dtype=bool), 0, value).astype(np.float32)

    def body(x: Any, y: Any, c: Any, m: Any) -> Any:
        if not known:
            m = ty.where(c, number(0), number(value))
        y = ty.softmax(ty.add(ty.matmul(x, y), m), axis=-1)
        return ty.where(ty.is_nan(y), number(0), y)

    with program(body, (4, 3), (3, 4), ((4, 4), "i1"), m=mask) as made:
        found = check(made, canonicalize, tolerance=1e-6)
        assert ("is_nan" in found) == (not known and value == -math.inf)


def test_nan_guard_of_an_input_stays() -> None:
    def body(x: Any, m: Any) -> Any:
        y = ty.softmax(ty.add(ty.square(x), m), axis=-1)
        return ty.where(ty.is_nan(y), number(0), y)

    assert "is_nan" in left(body, (4, 4), (4, 4), tolerance=1e-6)


@pytest.mark.parametrize("offset", [0, 1])
def test_one_hot_product_reads_a_table(offset: int) -> None:
    def body(i: Any, table: Any, counter: Any) -> Any:
        hot = ty.cast(ty.equal(ty.reshape(i, shape=[2, 5, 1]), counter), to="f32")
        return ty.matmul(hot, table)

    table = np.arange(70.0).reshape(7, 10).astype(np.float32)
    counter = np.arange(7, dtype=np.int32).reshape(1, 1, 7) + offset
    with program(body, ((2, 5), "i32"), table=table, counter=counter) as made:
        indices = np.array([[0, 1, 6, 7, -1], [3, 3, 100, -9, 5]], np.int32)
        (before,) = interpreter.run(made, [indices])
        found = check(made, canonicalize, tolerance=0)
        assert ("gather" in found) == (offset == 0)
        np.testing.assert_array_equal(interpreter.run(made, [indices])[0], before)


@pytest.mark.parametrize("flag", [False, True])
def test_parts_of_a_product_are_products(flag: bool) -> None:
    def body(x: Any, w: Any, b: Any) -> Any:
        y = ty.reshape(ty.add(ty.matmul(x, w, transpose_b=flag), b), shape=[1, 5, 3, 2, 4])
        y = ty.transpose(y, perm=[2, 0, 3, 1, 4])
        q, k, v = (
            ty.slice(y, starts=[i, 0, 0, 0, 0], sizes=[1, 1, 2, 5, 4], steps=[1] * 5)
            for i in range(3)
        )
        return [ty.reshape(q, shape=[2, 5, 4]), ty.exp(k), ty.multiply(v, number(2))]

    w = np.arange(6 * 24.0).reshape(6, 24).astype(np.float32) / 100
    b = np.arange(24.0).astype(np.float32)
    with program(body, (1, 5, 6), w=w.T.copy() if flag else w, b=b) as made:
        assert names(made).count("matmul") == 1
        found = check(made, simplify, exact=True)
        assert found.count("matmul") == 3 and "slice" not in found


def test_overlapping_parts_stay() -> None:
    def body(x: Any, w: Any) -> Any:
        y = ty.matmul(x, w)
        return [ty.slice(y, starts=[0, b], sizes=[2, 3], steps=[1, 1]) for b in (0, 1)]

    with program(body, (2, 4), w=np.ones((4, 5), np.float32)) as made:
        assert check(made, canonicalize, exact=True) == ["matmul", "slice", "slice"]


def test_scale_of_a_scale_and_shift_is_one():
    """A batch norm before a scale: ((x * a + b) * c) + d."""

    def body(x: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        return ty.add(ty.multiply(ty.add(ty.multiply(x, a), b), c), d)

    rng = np.random.default_rng(4)
    factors = {k: rng.uniform(0.5, 2, 6).astype(np.float32) for k in "abcd"}
    assert left(body, (5, 6), tolerance=1e-5, **factors) == ["multiply", "add"]


def test_scale_of_a_lone_sum_stays():
    def body(x: Any, b: Any, c: Any) -> Any:
        return ty.multiply(ty.add(x, b), c)

    factors = {k: np.arange(6, dtype=np.float32) + 1.5 for k in "bc"}
    assert left(body, (5, 6), tolerance=1e-5, **factors) == ["add", "multiply"]
