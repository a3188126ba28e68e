"""Gradients of every op against central finite differences, both through the interpreter in f64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from mlir import ir
from single_op import arrays, cases, program, replaced

from tyc.compiler.transforms.differentiate import gradients
from tyc.dialects import interpreter, registration
from tyc.dialects.ods import Example, Op
from tyc.dialects.program import Program
from tyc.dialects.types import dtype
from tyc.runtime.errors import UserError

registration.dialect_text()  # fills the registry
STEP = 1e-5


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[ir.Context]:
    with registration.context() as ctx, ir.Location.unknown():
        yield ctx


def _in_f64(op: type[Op], example: Example) -> Example:
    """The example with all floats, operands and element attributes, in f64."""
    values = [a.astype(np.float64) if dtype(a.dtype).is_float else a for a in arrays(example)]
    kinds = {f.name for f in op.attribute_fields() if f.kind == "Element"}
    attributes = {
        k: "f64" if k in kinds and dtype(v).is_float else v for k, v in example.attributes.items()
    }
    return replace(example, operands=tuple(replaced(example, values)), attributes=attributes)


def _differentiable(op: type[Op], example: Example) -> bool:
    floats = any(dtype(a.dtype).is_float and a.size for a in arrays(example))
    return example.gradient and floats and (op.gradient or op.expand) is not None


CASES = [(name, op, _in_f64(op, e)) for name, op, e in cases() if _differentiable(op, e)]


@pytest.mark.parametrize(("op", "example"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_gradient_is_the_slope(op: type[Op], example: Example) -> None:
    forward = program(op, example)
    if not any(t.dtype.is_float for _, t in forward.outputs):
        pytest.skip("no result is a float")
    inputs = arrays(example)
    floats = [i for i, a in enumerate(inputs) if dtype(a.dtype).is_float]
    rng = np.random.default_rng(5)
    seeds = [rng.uniform(-1, 1, t.shape) for _, t in forward.outputs if t.dtype.is_float]
    backward = program(op, example)
    gradients(backward, [f"x{i}" for i in floats], seeds=True)
    assert backward.module.operation.verify()
    grads = interpreter.run(backward, [*inputs, *seeds])
    for index, grad in zip(floats, grads):
        assert (grad.shape, grad.dtype) == (inputs[index].shape, inputs[index].dtype)
        for _ in range(2):
            direction = rng.uniform(-1, 1, grad.shape)
            slope = _slope(forward, inputs, index, direction, seeds)
            np.testing.assert_allclose(np.sum(grad * direction), slope, rtol=2e-5, atol=2e-7)


def _slope(
    forward: Program,
    inputs: list[np.ndarray],
    index: int,
    direction: np.ndarray,
    seeds: list[np.ndarray],
) -> float:
    """The derivative of `sum(output * seed)` along `direction` from input `index`."""
    values = []
    for sign in (1, -1):
        moved = [a + sign * STEP * direction if i == index else a for i, a in enumerate(inputs)]
        outputs = [y for y in interpreter.run(forward, moved) if dtype(y.dtype).is_float]
        # Infinite constants among the outputs have no slope.
        terms = [np.where(np.isfinite(y), y, 0) * s for y, s in zip(outputs, seeds)]
        values.append(sum(float(np.sum(term)) for term in terms))
    return (values[0] - values[1]) / (2 * STEP)


def _parse(body: str) -> Program:
    return Program(ir.Module.parse(body))


NAMES = 'arg_attrs = [{ty.name = "x"}], res_attrs = [{ty.name = "y"}]'


def _program(body: str) -> Program:
    return _parse(f"""
    "func.func"() <{{function_type = (tensor<3xf64>) -> tensor<3xf64>, sym_name = "main", {NAMES}}}>
    ({{ ^bb0(%x: tensor<3xf64>):
        {body}
        "func.return"(%y) : (tensor<3xf64>) -> () }}) : () -> ()""")


BINARY = ": (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>"


def test_several_uses_of_a_value_add_up() -> None:
    made = _program(f'%a = "ty.multiply"(%x, %x) {BINARY} %y = "ty.multiply"(%a, %x) {BINARY}')
    gradients(made, ["x"], keep_outputs=True)
    assert [n for n, _ in made.outputs] == ["y", "gradient.x"]
    x = np.array([1.0, -2.0, 3.0])
    y, grad = interpreter.run(made, [x])
    np.testing.assert_allclose(y, x**3)
    np.testing.assert_allclose(grad, 3 * x**2)


def test_an_operand_that_stands_twice_in_a_composite_counts_twice() -> None:
    from tyc.dialects import ty

    made = _program('%y = "ty.negative"(%x) : (tensor<3xf64>) -> tensor<3xf64>')
    terminator = made.terminator
    with ir.InsertionPoint(terminator):
        x = ty.reshape(made.block.arguments[0], shape=[1, 3])
        y = ty.attention(x, x, x, scale=1.0)
        terminator.operands[0] = ty.reshape(y, shape=[3])
    gradients(made, ["x"])
    # One key: the result is x itself, whatever the scores are.
    np.testing.assert_allclose(interpreter.run(made, [np.arange(3.0)])[0], np.ones(3))


def test_the_gradient_of_an_unused_input_is_zero() -> None:
    made = _program('%y = "ty.full"() {shape = array<i64: 3>, value = 1.0 : f64, element = f64}'
                    " : () -> tensor<3xf64>")  # fmt: skip
    gradients(made, ["x"])
    np.testing.assert_array_equal(interpreter.run(made, [np.ones(3)])[0], np.zeros(3))


def test_new_values_of_inputs_have_no_gradient() -> None:
    from tyc.dialects.program import named

    made = _program(f'%y = "ty.multiply"(%x, %x) {BINARY}')
    made.main.attributes["res_attrs"] = named(["new.x"], {"new.x": "x"})
    gradients(made, ["x"], keep_outputs=True)
    assert made.updates == {"new.x": "x"}
    new, grad = interpreter.run(made, [np.arange(3.0)])
    np.testing.assert_array_equal(new, [0, 1, 4])
    np.testing.assert_array_equal(grad, np.zeros(3))


def test_a_wrong_name_is_the_users_error() -> None:
    made = _program('%y = "ty.negative"(%x) : (tensor<3xf64>) -> tensor<3xf64>')
    with pytest.raises(UserError, match="wrt must name inputs or parameters, got w"):
        gradients(made, ["w"])
