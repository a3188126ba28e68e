"""Fusion: which ops share a kernel, and that the compiled program agrees with the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import program, random_inputs

from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.targets import host
from tyc.dialects import interpreter, ty
from tyc.runtime import load

RNG = np.random.default_rng(8)
W = RNG.uniform(-1, 1, (6, 8, 3, 3)).astype(np.float32)
V = RNG.uniform(-1, 1, (24, 16, 1, 1)).astype(np.float32)
SAME = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1], "layout": "NXC"}
POINT = {"strides": [1, 1], "padding": [0] * 4, "dilations": [1, 1], "layout": "NXC"}
IMAGE = (1, 12, 16, 8)


def kernels(body: Any, tmp_path: Path, *inputs: Sequence[int], **parameters: np.ndarray) -> list:
    """The ops of each kernel in order; compares the compiled library with the interpreter."""
    with program(body, *inputs, **parameters) as made:
        arrays = random_inputs(made)
        want = interpreter.run(made, arrays)
        run = Compilation(made, host(), Options())
        run.run_program_stages()
        called = [str(o.attributes["callee"])[1:] for o in made.operations() if "call" in o.name]
        functions = {f.name.value: f.regions[0].blocks[0] for f in made.module.body.operations}
        found = [
            [o.operation.name[3:] for o in functions[name].operations if "ty." in o.operation.name]
            for name in called
        ]
        run.compile_kernels()
        run.plan_memory()
        run.write(tmp_path / "model.so")
    got = load(tmp_path / "model.so", threads=1)(*arrays)
    for a, b in zip(got if isinstance(got, tuple) else [got], want, strict=True):
        # Winograd's products lose a digit of the largest value.
        np.testing.assert_allclose(a, b, rtol=0, atol=5e-5 * max(float(np.abs(b).max()), 1))
    return [[n for n in names if n not in ("constant", "reshape")] for names in found]


def upsampled(x: Any) -> Any:
    _, h, w, c = x.type.shape
    return ty.resize(x, sizes=[1, 2 * h, 2 * w, c], mode="nearest", coordinates="asymmetric",
                     nearest="floor")  # fmt: skip


def test_value_that_is_read_twice_in_one_kernel_is_no_kernel(tmp_path):
    def body(x: Any, y: Any) -> Any:
        total = ty.add(x, y)
        return ty.multiply(ty.tanh(total), ty.negative(total))

    assert kernels(body, tmp_path, (3, 40), (3, 40)) == [["add", "tanh", "negative", "multiply"]]


def test_contraction_is_in_the_kernel_of_a_diamond(tmp_path):
    def body(x: Any, w: Any) -> Any:
        y = ty.matmul(x, w)
        return ty.multiply(ty.tanh(y), ty.negative(y))

    matrix = RNG.uniform(-1, 1, (16, 24)).astype(np.float32)
    assert kernels(body, tmp_path, (5, 16), w=matrix) == [
        ["matmul", "tanh", "negative", "multiply"]
    ]


def test_value_that_others_read_keeps_its_kernel(tmp_path):
    def body(x: Any, y: Any) -> Any:
        total = ty.add(x, y)
        return ty.tanh(total), ty.softmax(total, axis=1)

    assert kernels(body, tmp_path, (3, 40), (3, 40)) == [["add"], ["tanh"], ["softmax"]]


def test_result_that_one_kernel_reads_is_a_result_of_that_kernel(tmp_path):
    def body(x: Any, g: Any, v: Any) -> Any:
        moved = ty.add(ty.multiply(v, ty.constant(value=np.float32(0.9))), g)
        return ty.subtract(x, moved), moved

    assert kernels(body, tmp_path, (3, 40), (3, 40), (3, 40)) == [["multiply", "add", "subtract"]]


def test_result_that_two_kernels_read_has_its_own(tmp_path):
    def body(x: Any, y: Any) -> Any:
        total = ty.add(x, y)
        return ty.tanh(total), total, ty.reduce_sum(total, axes=[0], keepdims=False)

    assert kernels(body, tmp_path, (3, 40), (3, 40)) == [["add"], ["tanh"], ["reduce_sum"]]


def test_movement_is_in_the_kernel_that_reads_it(tmp_path):
    def body(x: Any, small: Any) -> Any:
        return ty.add(x, upsampled(small))

    assert kernels(body, tmp_path, IMAGE, (1, 6, 8, 8)) == [["resize", "add"]]


def test_what_a_concatenation_reads_is_in_its_kernel(tmp_path):
    def body(x: Any, y: Any) -> Any:
        return ty.concat([ty.relu(x), ty.tanh(y)], axis=3)

    assert kernels(body, tmp_path, IMAGE, (1, 12, 16, 5)) == [["relu", "tanh", "concat"]]


def test_softmax_does_not_read_a_transpose(tmp_path):
    def body(x: Any) -> Any:
        return ty.softmax(ty.transpose(x, perm=[1, 0]), axis=1)

    assert kernels(body, tmp_path, (24, 30)) == [["transpose"], ["softmax"]]


@pytest.mark.parametrize("channels", [(3, 5), (8, 8), (16, 0)])
def test_convolution_reads_two_tensors(channels, tmp_path):
    """Vectors that lie in one operand are read at once, others element by element."""
    shapes = [(1, 12, 16, c) for c in channels if c]
    weight = RNG.uniform(-1, 1, (6, sum(channels), 3, 3)).astype(np.float32)

    def body(*xs: Any, w: Any) -> Any:
        return ty.relu(ty.conv(ty.concat([*xs, xs[0]][: len(channels)], axis=3), w, None, **SAME))

    if not channels[1]:
        weight = RNG.uniform(-1, 1, (6, 32, 3, 3)).astype(np.float32)
    assert kernels(body, tmp_path, *shapes, w=weight) == [["concat", "conv", "relu"]]


def test_factor_a_channel_is_in_the_convolution(tmp_path):
    """Squeeze and excite: x * s, s a number a channel."""

    def body(x: Any, s: Any, v: Any) -> Any:
        return ty.conv(ty.multiply(x, s), v, None, **POINT)

    assert kernels(body, tmp_path, (1, 12, 16, 16), (1, 1, 1, 16), v=V) == [["multiply", "conv"]]


def test_pixels_are_scaled_once_where_weights_are_many(tmp_path):
    weight = RNG.uniform(-0.05, 0.05, (600, 520, 1, 1)).astype(np.float32)

    def body(x: Any, s: Any, v: Any) -> Any:
        return ty.conv(ty.multiply(x, s), v, None, **POINT)

    found = kernels(body, tmp_path, (1, 12, 12, 520), (1, 1, 1, 520), v=weight)
    assert found == [["multiply"], ["conv"]]


def test_few_pixels_are_scaled_once(tmp_path):
    def body(x: Any, s: Any, v: Any) -> Any:
        return ty.conv(ty.multiply(x, s), v, None, **POINT)

    assert kernels(body, tmp_path, (1, 7, 7, 16), (1, 1, 1, 16), v=V) == [["multiply"], ["conv"]]


def test_dear_functions_are_computed_once(tmp_path):
    def body(x: Any, w: Any) -> Any:
        return ty.conv(ty.tanh(x), w, None, **SAME)

    assert kernels(body, tmp_path, IMAGE, w=W) == [["tanh"], ["conv"]]


@pytest.mark.parametrize("windows, apart", [(POINT, False), (SAME, True)])
def test_arithmetic_is_not_repeated_where_windows_overlap(windows, apart, tmp_path):
    size = 3 if apart else 1
    weight = RNG.uniform(-1, 1, (6, 8, size, size)).astype(np.float32)

    def body(x: Any, s: Any, w: Any) -> Any:
        return ty.conv(ty.add(ty.multiply(x, s), s), w, None, **windows)

    found = kernels(body, tmp_path, IMAGE, (1, 1, 1, 8), w=weight)
    assert (len(found) == 2) == apart


@pytest.mark.parametrize("channels, together", [(3, True), (16, False)])
def test_image_of_few_channels_is_read_as_it_was(channels, together, tmp_path):
    weight = RNG.uniform(-1, 1, (6, channels, 3, 3)).astype(np.float32)
    windows = {**SAME, "strides": [2, 1], "padding": [1, 0, 0, 2]}

    def body(x: Any, w: Any) -> Any:
        return ty.conv(ty.transpose(x, perm=[0, 2, 3, 1]), w, None, **windows)

    found = kernels(body, tmp_path, (2, channels, 13, 18), w=weight)
    assert (found == [["transpose", "conv"]]) == together


def test_gradient_of_a_weight_takes_arithmetic_and_no_relayout(tmp_path):
    def body(x: Any, grad: Any, weight: Any) -> Any:
        found = ty.conv_weight_gradient(x, grad, kernel=[3, 3], **SAME)
        scaled = ty.multiply(found, ty.constant(value=np.float32(0.5)))
        return ty.subtract(weight, ty.transpose(scaled, perm=[3, 2, 0, 1]))

    found = kernels(body, tmp_path, (2, 6, 5, 8), (2, 6, 5, 16), (16, 8, 3, 3))
    assert found == [["conv_weight_gradient", "multiply"], ["transpose", "subtract"]]
