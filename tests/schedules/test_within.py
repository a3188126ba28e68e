"""Kernels whose arguments and results lie in larger tensors: the same values in their places, and
nothing else is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from mlir import ir
from single_op import arrays, attributes, program, replaced
from tolerances import assert_close

from tyc.compiler.codegen import jit
from tyc.compiler.kernels import KernelSource, compile_kernel, examine_kernel
from tyc.compiler.options import Options
from tyc.compiler.schedules.kernel import WITHIN, memory_shapes
from tyc.compiler.targets import host
from tyc.dialects import registration
from tyc.dialects.interpreter import evaluate
from tyc.dialects.ods import REGISTRY

registration.dialect_text()  # fills the registry
NAMES = [
    "add", "gelu", "matmul", "conv", "conv_weight_gradient", "max_pool", "average_pool",
    "reduce_sum", "reduce_max", "argmax", "softmax", "layer_norm", "concat", "transpose", "slice",
    "pad", "resize", "gather", "cast",
]  # fmt: skip
MORE = {"columns": lambda shape, d: 5 if d == len(shape) - 1 else 0, "all": lambda shape, d: d + 1}


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[ir.Context]:
    with registration.context() as ctx, ir.Location.unknown():
        yield ctx


def larger(shape: Sequence[int], how: str) -> tuple[int, ...]:
    return tuple(n + MORE[how](shape, d) for d, n in enumerate(shape))


def source(name: str, number: int, how: str) -> tuple[KernelSource, list[tuple[int, ...]]]:
    """The kernel of an example whose arguments and results all lie in larger tensors."""
    made = program(REGISTRY[name], REGISTRY[name].examples[number])
    wholes = [larger(shape, how) for shape in memory_shapes(made.main)]
    made.main.attributes[WITHIN] = ir.ArrayAttr.get([ir.DenseI64ArrayAttr.get(s) for s in wholes])
    return KernelSource("main", str(made.module)), wholes


@pytest.mark.parametrize("how", MORE)
@pytest.mark.parametrize("name", NAMES)
def test_parts_of_larger_tensors_hold_the_same_values(name: str, how: str) -> None:
    op = REGISTRY[name]
    for number in range(min(len(op.examples), 3)):
        example = op.examples[number]
        given = arrays(example)
        if not all(a.size and a.ndim for a in given):
            continue
        wanted = evaluate(op, replaced(example, given), attributes(op, example))
        text, wholes = source(name, number, how)
        kernel = compile_kernel(text, host(), Options())
        places = [np.full(s, 77, a.dtype) for s, a in zip(wholes, [*given, *wanted], strict=True)]
        for place, array in zip(places, given):
            place[tuple(map(slice, array.shape))] = array
        jit.Task(kernel.code, kernel.name)(places, 0, kernel.count)
        for place, array in zip(places[len(given) :], wanted):
            inside = tuple(map(slice, array.shape))
            assert_close(place[inside], array, example.tolerance)
            place[inside] = 77
            assert (place == np.full((), 77, place.dtype)).all()


def test_a_tuner_measures_such_kernels_on_the_larger_tensors() -> None:
    text, wholes = source("conv", 2, "all")
    facts = examine_kernel(text, host(), Options(), 4)
    assert [s for _, s in (*facts.inputs, *facts.outputs)] == wholes
