"""Dead code, equal expressions, constants: what is left, and that outputs stay the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from programs import check, names, program

from tyc.compiler.options import Options
from tyc.compiler.transforms.cse import cse
from tyc.compiler.transforms.dce import dce
from tyc.compiler.transforms.fold_constants import fold_constants
from tyc.compiler.transforms.simplify import simplify
from tyc.dialects import ty

WEIGHT = np.arange(200, dtype=np.float32).reshape(10, 20)


def test_dead_ops_and_parameters_leave() -> None:
    def body(x: Any, w: Any) -> Any:
        ty.exp(ty.add(x, w))
        return ty.relu(x)

    with program(body, (10, 20), w=WEIGHT) as made:
        assert check(made, dce, exact=True) == ["relu"]
        assert made.parameters == {}


def test_equal_ops_are_one() -> None:
    def body(x: Any) -> Any:
        left, right = ty.exp(ty.negative(x)), ty.exp(ty.negative(x))
        return ty.add(left, ty.multiply(right, ty.exp(x)))

    with program(body, (2, 3)) as made:
        assert check(made, cse, exact=True) == ["negative", "exp", "exp", "multiply", "add"]


def test_attributes_tell_ops_apart() -> None:
    def body(x: Any) -> Any:
        return ty.add(ty.reshape(x, shape=[3, 1]), ty.reshape(x, shape=[1, 3]))

    with program(body, (3,)) as made:
        assert check(made, cse, exact=True) == ["reshape", "reshape", "add"]


def test_equal_parameters_are_one() -> None:
    def body(x: Any, a: Any, b: Any, c: Any) -> Any:
        return ty.add(ty.add(x, a), ty.add(b, c))

    other = WEIGHT.copy()
    other[5, 5] = -0.0
    with program(body, (10, 20), a=WEIGHT, b=WEIGHT.copy(), c=other) as made:
        check(made, cse, dce, exact=True)
        assert sorted(made.parameters) == ["a", "c"]


def test_zeros_of_two_signs_are_two() -> None:
    def body(x: Any, a: Any, b: Any) -> Any:
        return ty.divide(ty.add(x, a), b)

    with program(body, (3,), a=np.zeros(70, np.float32)[:3], b=-np.zeros(3, np.float32)) as made:
        check(made, cse, dce, exact=True)
        assert len(made.parameters) == 2


def test_movement_of_weights_is_done_once() -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.add(x, ty.reshape(ty.transpose(w, perm=[1, 0]), shape=[200]))

    with program(body, (200,), w=WEIGHT) as made:
        assert check(made, fold_constants, dce, exact=True) == ["add"]
        assert list(made.parameters) == ["w~2"]


def test_small_results_stand_in_the_ir() -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.add(x, ty.slice(w, starts=[0, 0], sizes=[1, 3], steps=[1, 1]))

    with program(body, (1, 3), w=WEIGHT) as made:
        assert check(made, fold_constants, dce, exact=True) == ["add"]
        assert made.parameters == {}


def test_arithmetic_is_folded_unless_exact() -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.add(x, ty.exp(ty.multiply(w, w)))

    with program(body, (10, 20), w=WEIGHT / 200) as made:
        assert check(made, fold_constants, exact=True) == ["multiply", "exp", "add"]
        assert check(made, fold_constants, dce, tolerance=1e-6) == ["add"]


def test_whole_numbers_are_always_folded() -> None:
    def body(x: Any) -> Any:
        count = ty.iota(shape=[5], axis=0, element="i64")
        positions = ty.add(count, ty.constant(value=np.int64(3)))
        return ty.add(x, ty.cast(positions, to="f64"))

    with program(body, ((5,), "f64")) as made:
        # Not all of i64 is in f64, so in exact mode the cast stays.
        assert check(made, fold_constants, exact=True) == ["cast", "add"]
        assert check(made, fold_constants, dce, tolerance=0) == ["add"]


def test_large_broadcasts_stay() -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.add(x, ty.broadcast_to(w, shape=[100, 10, 20]))

    with program(body, (100, 10, 20), w=WEIGHT) as made:
        assert check(made, fold_constants, exact=True) == ["broadcast_to", "add"]


def test_transpose_for_matmul_costs_no_copy() -> None:
    def body(x: Any, w: Any, i: Any) -> Any:
        rows = ty.gather(w, i, axis=0)
        return ty.matmul(ty.add(x, rows), ty.transpose(w, perm=[1, 0]))

    with program(body, (2, 20), w=WEIGHT, i=np.array([1, 2])) as made:
        check(made, simplify)
        assert names(made) == ["add", "matmul"]
        assert sorted(made.parameters) == ["w"]


def test_simplify_is_stable() -> None:
    def body(x: Any, w: Any) -> Any:
        return ty.relu(ty.matmul(ty.reshape(x, shape=[4, 10]), w))

    with program(body, (2, 20), w=WEIGHT) as made:
        simplify(made, Options())
        once = str(made.module)
        simplify(made, Options())
        assert str(made.module) == once
