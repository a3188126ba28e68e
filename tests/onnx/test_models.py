"""Whole models: all import and verify, the small ones agree with ONNX Runtime.

Models come from packages (onnx itself, and others where they are installed) and from the folder
that `TYC_MODELS` names.
"""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tyc.onnx
from tyc.dialects import interpreter

PACKAGED: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    # (package, file, shapes, constants)
    *(
        ("onnx", f"backend/test/data/light/light_{name}.onnx", {}, {})
        for name in ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50",
                     "shufflenet", "squeezenet", "vgg19", "zfnet512")
    ),
    ("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
     {"x": (1, 3, 48, 192)}, {}),
    ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx", {"x": (1, 3, 160, 160)}, {}),
    ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx", {"x": (1, 3, 48, 320)}, {}),
    ("silero_vad", "data/silero_vad_openvino_16k.onnx", {}, {}),
    ("silero_vad", "data/silero_vad_16k_op15.onnx",
     {"input": (1, 576), "state": (2, 1, 128)}, {"sr": 16000}),
    ("silero_vad", "data/silero_vad.onnx",
     {"input": (1, 576), "state": (2, 1, 128)}, {"sr": 16000}),
    ("silero_vad", "data/silero_vad_half.onnx", {"input": (1, 576), "state": (2, 1, 128)}, {}),
    ("magika", "models/standard_v3_3/model.onnx", {"bytes": (1, 2048)}, {}),
]  # fmt: skip

SMALL = ("squeezenet", "_cls_", "openvino", "op15", "silero_vad.onnx", "model.onnx")


def packaged(package: str, file: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"package {package} is not installed")
    path = Path(spec.origin).parent / file
    if not path.is_file():
        pytest.skip(f"package {package} has no {file}")
    return path


NAMES = [row[1].rpartition("/")[2] for row in PACKAGED]


@pytest.mark.parametrize(("package", "file", "shapes", "constants"), PACKAGED, ids=NAMES)
def test_packaged_model(package: str, file: str, shapes: dict, constants: dict):
    path = packaged(package, file)
    program = tyc.onnx.load(path, shapes, constants=constants)
    with program.module.context:
        assert program.module.operation.verify()
    if any(part in path.name for part in SMALL):
        compare(path, program, constants)


def compare(path: Path, program: Any, constants: dict[str, Any]) -> None:
    """The interpreter's outputs against ONNX Runtime's."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.normal(size=t.shape).astype(t.dtype.numpy)
        if t.dtype.is_float
        else rng.integers(0, 256, t.shape).astype(t.dtype.numpy)
        for name, t in program.inputs
    }
    fixed = {name: np.array(value) for name, value in constants.items()}
    expected = session.run(None, {**inputs, **fixed})
    with program.module.context:
        got = interpreter.run(program, list(inputs.values()))
    for y, want in zip(got, expected):
        np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-4)


FOLDER = os.environ.get("TYC_MODELS")


@pytest.mark.parametrize("path", sorted(Path(FOLDER).glob("*.onnx")) if FOLDER else [], ids=str)
def test_model_of_the_folder(path: Path):
    started = time.perf_counter()
    program = tyc.onnx.load(path)
    seconds = time.perf_counter() - started
    with program.module.context:
        assert program.module.operation.verify()
    # Reading is bound by the disk; what comes on top of it must be about a second at most.
    assert seconds < 10
    # Weights stay outside of the IR.
    assert len(str(program.module)) < 4_000_000


def test_check_takes_about_a_second():
    path = packaged("onnx", "backend/test/data/light/light_densenet121.onnx")
    started = time.perf_counter()
    reports = tyc.onnx.check(path)
    assert all(r.supported for r in reports)
    assert time.perf_counter() - started < 5
