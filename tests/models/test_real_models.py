"""Real models by others, compiled and run beside onnxruntime."""

from __future__ import annotations

import pytest
import zoo

import tyc.onnx
from tyc.compiler.pipeline import compile_program
from tyc.runtime import load

BOUND = 1e-4
MODELS = [*zoo.package_models(), *zoo.torch_models()]


@pytest.mark.parametrize("model", MODELS, ids=[m.name for m in MODELS])
def test_agrees_with_onnxruntime(model, tmp_path):
    if not model.exists:
        assert model.path.is_relative_to(zoo.EXPORTED), f"{model.path} is missing: run make test"
        pytest.skip("exported by make bench")
    library = tmp_path / f"{model.name}.so"
    compile_program(tyc.onnx.load(model.path, model.shapes or None), library)
    loaded = load(library, threads=2)
    arrays = zoo.inputs_of([(s.name, s.numpy_dtype, s.shape) for s in loaded.inputs])
    result = loaded(**arrays)
    got = list(result) if isinstance(result, tuple) else [result]
    for ours, theirs in zip(got, zoo.reference(model.path, arrays), strict=True):
        assert zoo.relative_error(ours, theirs) <= BOUND
        assert zoo.argmax_agrees(ours, theirs, BOUND)
