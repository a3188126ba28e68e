"""ONNX Runtime's own operators give its own results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

import tyc.onnx
from tyc.dialects import interpreter

ort = pytest.importorskip("onnxruntime")
RNG = np.random.default_rng(3)


def f32(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (RNG.normal(size=shape) * scale).astype(np.float32)


def u8(*shape: int) -> np.ndarray:
    return RNG.integers(0, 255, shape, endpoint=True).astype(np.uint8)


def i8(*shape: int) -> np.ndarray:
    # Seven bits: without VNNI the runtime's u8 x i8 products of pairs saturate at 16 bits.
    return RNG.integers(-63, 63, shape, endpoint=True).astype(np.int8)


def q(scale: float, zero: int, kind: Any = np.uint8) -> list[np.ndarray]:
    return [np.array(scale, np.float32), np.array(zero, kind)]


MASK = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], np.int32)
IDS = np.array([[1, 2, 3], [4, 0, 1]], np.int32)

CASES: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    # name: (operator, inputs: run-time ones first, attributes); `None` is an absent input
    "gelu": ("Gelu", [f32(2, 5)], {}),
    "fast gelu": ("FastGelu", [f32(2, 5), f32(5)], {}),
    "quick gelu": ("QuickGelu", [f32(2, 5)], {"alpha": 1.5}),
    "bias gelu": ("BiasGelu", [f32(2, 5), f32(5)], {}),
    "skip layer norm": ("SkipLayerNormalization", [f32(2, 3, 8), f32(2, 3, 8), f32(8), f32(8),
                                                   f32(8)], {"epsilon": 1e-5}),
    "skip rms norm": ("SkipSimplifiedLayerNormalization",
                      [f32(2, 3, 8), f32(2, 3, 8), f32(8)], {"epsilon": 1e-5}),
    "fused matmul": ("FusedMatMul", [f32(2, 4, 3), f32(2, 5, 4)],
                     {"transA": 1, "transB": 1, "alpha": 0.5}),
    "fused conv": ("FusedConv", [f32(1, 3, 6, 6), f32(4, 3, 3, 3), f32(4)],
                   {"activation": "Relu", "pads": [1, 1, 1, 1]}),
    "fused conv with sum": ("FusedConv", [f32(1, 3, 4, 4), f32(4, 3, 1, 1), f32(4),
                                          f32(1, 4, 4, 4)], {"activation": "Relu"}),
    "fused gemm": ("FusedGemm", [f32(2, 3), f32(4, 3), f32(4)],
                   {"activation": "LeakyRelu", "activation_alpha": 0.2, "transB": 1}),
    "qlinear add": ("QLinearAdd", [u8(2, 9), *q(0.1, 128), u8(9), *q(0.2, 100), *q(0.25, 120)], {}),
    "qlinear mul": ("QLinearMul", [u8(2, 9), *q(0.1, 128), u8(9), *q(0.2, 100), *q(0.9, 120)], {}),
    "qlinear sigmoid": ("QLinearSigmoid", [u8(2, 9), *q(0.05, 128), *q(1 / 256, 0)], {}),
    "qlinear leaky relu": ("QLinearLeakyRelu", [u8(2, 9), *q(0.05, 128), *q(0.05, 60)],
                           {"alpha": 0.1}),
    "qlinear pool": ("QLinearGlobalAveragePool", [u8(2, 3, 4, 4), *q(0.05, 128), *q(0.03, 120)],
                     {}),
    "qlinear average pool": ("QLinearAveragePool",
                             [u8(1, 3, 4, 4), *q(0.05, 128), *q(0.03, 120)],
                             {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "qgemm": ("QGemm", [u8(3, 8), *q(0.1, 128), i8(5, 8), *q(0.02, 0, np.int8),
                        np.arange(5, dtype=np.int32) * 100, *q(0.3, 128)], {"transB": 1}),
    "qgemm to float": ("QGemm", [u8(3, 8), *q(0.1, 128), i8(5, 8), *q(0.02, 0, np.int8)],
                       {"transB": 1}),
    "integer product to float": ("MatMulIntegerToFloat",
                                 [u8(3, 8), i8(8, 5), np.float32([0.1]), f32(5, scale=0.01),
                                  np.uint8([128]), np.zeros(5, np.int8), f32(5)], {}),
    "4-bit product": ("MatMulNBits", [f32(3, 64), u8(5, 2, 16), f32(10, scale=0.1)],
                      {"N": 5, "K": 64, "bits": 4, "block_size": 32}),
    "4-bit product with zeros": ("MatMulNBits",
                                 [f32(3, 64), u8(5, 2, 16), f32(10, scale=0.1), u8(5)],
                                 {"N": 5, "K": 64, "bits": 4, "block_size": 32}),
    "attention": ("Attention", [f32(2, 5, 8), f32(8, 24), f32(24)], {"num_heads": 2}),
    "attention with mask": ("Attention", [f32(2, 5, 8), f32(8, 24), f32(24), MASK],
                            {"num_heads": 2}),
    "causal attention": ("Attention", [f32(2, 5, 8), f32(8, 24), f32(24)],
                         {"num_heads": 2, "unidirectional": 1}),
    "multi-head attention": ("MultiHeadAttention", [f32(2, 5, 8), f32(2, 5, 8), f32(2, 5, 8),
                                                    f32(24)], {"num_heads": 2}),
    "embeddings": ("EmbedLayerNormalization", [IDS, IDS % 2, f32(5, 8), f32(6, 8), f32(2, 8),
                                               f32(8), f32(8)], {"epsilon": 1e-5}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_against_its_own_runtime(name: str):
    op, inputs, attributes = CASES[name]
    given = {f"x{i}": v for i, v in enumerate(inputs) if v is not None}
    names = [f"x{i}" if v is not None else "" for i, v in enumerate(inputs)]
    node = helper.make_node(op, names, ["y"], domain="com.microsoft", **attributes)
    if op == "EmbedLayerNormalization":
        node.output.append("mask_index")
    # The first input comes at run time, with the second where both are data.
    live = [k for k, v in list(given.items())[:2] if v.ndim > 1 and op != "MatMulNBits"]
    live = live or ["x0"]
    code = {k: helper.np_dtype_to_tensor_dtype(v.dtype) for k, v in given.items()}
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(k, code[k], given[k].shape) for k in live],
        [helper.make_tensor_value_info("y", 0, None)],
        [numpy_helper.from_array(v, k) for k, v in given.items() if k not in live],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = ort.InferenceSession(_typed(model), providers=["CPUExecutionProvider"])
    expected = session.run(["y"], {k: given[k] for k in live})[0]
    del node.output[1:]
    model.graph.node[0].CopyFrom(node)
    program = tyc.onnx.load(model)
    with program.module.context:
        program.module.operation.verify()
        (y,) = interpreter.run(program, [given[k] for k in live])
    assert y.dtype == expected.dtype
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(y, expected, rtol=2e-4, atol=2e-5)
    else:
        # A tie may fall to either side: one step at most.
        np.testing.assert_allclose(y.astype(int), expected.astype(int), atol=1)


def _typed(model: Any) -> bytes:
    """The model with its output's type left to the runtime."""
    copy = type(model)()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.add(name="y")
    return copy.SerializeToString()
