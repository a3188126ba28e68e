"""Files become models, or one clear message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tyc.onnx
from tyc.runtime.errors import UserError

TEXT = "g (float[2,2] x) => (float[2,2] y) <float[2,2] w> { y = MatMul(x, w) }"


def failure(source: object) -> str:
    with pytest.raises(UserError) as error:
        tyc.onnx.load(source)
    return str(error.value)


def test_missing_file(tmp_path: Path):
    path = tmp_path / "m.onnx"
    assert failure(path) == f"m.onnx: file '{path}' does not exist"


def test_folder(tmp_path: Path):
    assert failure(tmp_path).endswith(f"file '{tmp_path}' cannot be read: is a directory")


def test_empty_file(tmp_path: Path):
    (tmp_path / "m.onnx").write_bytes(b"")
    assert failure(tmp_path / "m.onnx") == "m.onnx: must be an ONNX model, got an empty file"


def test_another_format():
    assert failure(b"PK\x03\x04 a zip file") == (
        "model: must be an ONNX model, got 15 bytes that begin with b'PK\\x03\\x04 a z'; "
        "the file is truncated or of another format"
    )


def test_no_graph():
    assert failure(onnx.ModelProto()) == (
        "model: must hold a graph with outputs, got 0 nodes and 0 outputs; "
        "the file is truncated or of another format"
    )


def test_truncated_file(model, tmp_path: Path):
    data = model("g (float[2] x) => (float[2] y) { y = Relu(x) }").SerializeToString()
    for size in range(0, len(data), 7):
        assert failure(data[:size]).startswith("model: ")


def test_old_opset(message):
    assert message("g (float[2] x) => (float[2] y) { y = Relu(x) }", opset=6) == (
        "model: opset must be at least 7, got 6; "
        "convert it with onnx.version_converter.convert_version(model, 7)"
    )


def test_future_opset(message):
    newest = onnx.defs.onnx_opset_version()
    assert message("g (float[2] x) => (float[2] y) { y = Relu(x) }", opset=newest + 1) == (
        f"model: opset must be at most {newest}, got {newest + 1}; install a newer onnx package"
    )


def with_weight(model, tensor: onnx.TensorProto) -> onnx.ModelProto:
    made = model("g (float[2,64] x) => (float[2,2] y) { y = MatMul(x, w) }")
    made.graph.initializer.append(tensor)
    return made


def external(offset: int = 0, **entries: str) -> onnx.TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[64, 2])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "w.bin", "offset": str(offset), **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def test_external_data_is_a_memory_map(model, tmp_path: Path):
    w = np.arange(128, dtype=np.float32).reshape(64, 2)
    (tmp_path / "w.bin").write_bytes(b"12345678" + w.tobytes())
    onnx.save(with_weight(model, external(8, length="512")), tmp_path / "m.onnx")
    program = tyc.onnx.load(tmp_path / "m.onnx")
    assert isinstance(program.parameters["w"], np.memmap)
    np.testing.assert_array_equal(program.parameters["w"], w)


@pytest.mark.parametrize(
    ("tensor", "problem"),
    [
        (external(location="gone.bin"), "external data file '{folder}/gone.bin' does not exist; "
         "put the file beside the model"),
        (external(location="../w.bin"), "external data must lie beside the model, "
         "got location '../w.bin'"),
        (external(4), "external data ends at byte 516, file 'w.bin' has 512; "
         "the data file is truncated"),
        (external(length="100"), "shape [64, 2] of f32 takes 512 bytes, got 100; "
         "the model is truncated or damaged"),
    ],
)  # fmt: skip
def test_bad_external_data(model, tmp_path: Path, tensor: onnx.TensorProto, problem: str):
    (tmp_path / "w.bin").write_bytes(bytes(512))
    onnx.save(with_weight(model, tensor), tmp_path / "m.onnx")
    expected = "node 'y' (MatMul): tensor 'w': " + problem.format(folder=tmp_path)
    assert failure(tmp_path / "m.onnx") == expected


def test_raw_data_too_short(model):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[64, 2], raw_data=bytes(8))
    assert failure(with_weight(model, tensor)) == (
        "node 'y' (MatMul): tensor 'w': shape [64, 2] of f32 takes 512 bytes, got 8; "
        "the model is truncated or damaged"
    )


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int8, np.uint16, np.int64])
@pytest.mark.parametrize("raw", [True, False])
def test_initialisers_of_every_form(model, kind, raw: bool):
    w = (np.arange(128) % 100).astype(kind)
    code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    made = helper.make_tensor("w", code, [128], w.tobytes() if raw else w, raw=raw)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["y"])], "g", [],
        [helper.make_tensor_value_info("y", code, [128])], [made],
    )  # fmt: skip
    program = tyc.onnx.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    np.testing.assert_array_equal(program.parameters["w"], w)
    assert program.parameters["w"].dtype == w.dtype


def test_int4_weights_are_widened(model):
    text = """g (float[1] x) => (float[4] y) {
        s = Constant<value = float {0.5}>()
        w = DequantizeLinear(q, s)
        y = Add(x, w)
    }"""
    made = model(text, opset=21)
    made.graph.initializer.append(helper.make_tensor("q", TensorProto.INT4, [4], [-8, -1, 0, 7]))
    program = tyc.onnx.load(made)
    from tyc.dialects import interpreter

    with program.module.context:
        (y,) = interpreter.run(program, [np.zeros(1, np.float32)])
    np.testing.assert_array_equal(y, [-4, -0.5, 0, 3.5])


def test_sparse_initialiser(run, model):
    made = model("g (float[4] x) => (float[4] y) { y = Add(x, w) }")
    values = numpy_helper.from_array(np.array([5, 7], np.float32), "w")
    indices = numpy_helper.from_array(np.array([1, 3], np.int64))
    made.graph.sparse_initializer.append(
        onnx.SparseTensorProto(values=values, indices=indices, dims=[4])
    )
    program = tyc.onnx.load(made)
    from tyc.dialects import interpreter

    with program.module.context:
        (y,) = interpreter.run(program, [np.zeros(4, np.float32)])
    np.testing.assert_array_equal(y, [0, 5, 0, 7])


def test_program_name(tmp_path: Path, model):
    made = model("the_graph (float[2] x) => (float[2] y) { y = Relu(x) }")
    assert tyc.onnx.load(made).name == "the_graph"
    onnx.save(made, tmp_path / "3 Nets-v2.onnx")
    assert tyc.onnx.load(tmp_path / "3 Nets-v2.onnx").name == "model_3_nets_v2"
    assert tyc.onnx.load(made, name="mine").name == "mine"
