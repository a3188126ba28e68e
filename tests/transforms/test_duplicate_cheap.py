"""Cheap ops are computed where they are read, and only where that saves a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from programs import names, program, random_inputs

from tyc.compiler.transforms.duplicate_cheap import duplicate_cheap
from tyc.dialects import interpreter, ty


def after(body: Any, *inputs: Any) -> list[str]:
    """The ops after the pass, which must not change a bit."""
    with program(body, *inputs) as made:
        arrays = random_inputs(made)
        want = interpreter.run(made, arrays)
        duplicate_cheap(made)
        assert made.module.operation.verify()
        for a, b in zip(interpreter.run(made, arrays), want, strict=True):
            np.testing.assert_array_equal(a, b)
        return names(made)


def test_each_reader_subtracts_the_mean() -> None:
    def body(x: Any, mean: Any, scale: Any) -> Any:
        centered = ty.subtract(x, mean)
        variance = ty.reduce_mean(ty.square(centered), axes=[0])
        return [variance, ty.multiply(centered, scale)]

    found = after(body, (64, 32), (32,), (32,))
    assert found == ["subtract", "square", "reduce_mean", "subtract", "multiply"]


def test_dear_ops_are_computed_once() -> None:
    def body(x: Any) -> Any:
        e = ty.exp(x)
        return [ty.reduce_sum(e, axes=[0]), ty.square(e)]

    assert after(body, (64, 32)).count("exp") == 1


def test_two_whole_operands_are_read_once() -> None:
    def body(x: Any, y: Any) -> Any:
        total = ty.add(x, y)
        return [ty.square(total), ty.negative(total)]

    assert after(body, (64, 32), (64, 32)).count("add") == 1


def test_a_reader_that_needs_it_in_memory_keeps_it() -> None:
    def body(x: Any, b: Any, w: Any) -> Any:
        shifted = ty.add(x, b)
        return [ty.matmul(shifted, w), ty.square(shifted)]

    assert after(body, (64, 32), (32,), (32, 8)).count("add") == 1


def test_what_no_one_else_reads_is_no_reason_to_keep_its_operand() -> None:
    def body(x: Any, w: Any) -> Any:
        y = ty.relu(ty.matmul(x, w))
        return [ty.square(y), ty.negative(y)]

    assert after(body, (64, 32), (32, 8)).count("relu") == 1
