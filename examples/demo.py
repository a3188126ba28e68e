"""Compiles two real models that packages ship, runs them, and shows onnxruntime's answer beside.

    make demo

magika says what a file holds, from its bytes; PP-OCRv4 reads a line of text in a picture.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageFont

import tyc
from tyc import runtime

ROOT = Path(__file__).resolve().parents[1]
TEXT = "Deep learning 2026"
RUNS = 20


def package_file(package: str, *parts: str) -> Path:
    """A file of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"demo: the package {package} is missing; make demo installs it")
    return Path(next(iter(spec.submodule_search_locations))).joinpath(*parts)


def compiled(model: Path, shapes: dict[str, tuple[int, ...]]) -> runtime.Module:
    """The model as a library on one thread."""
    print(f"\ncompiling {model.parent.name}/{model.name} ...", flush=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "model.so"
        tyc.compile(tyc.load_onnx(model, shapes), library)
        size = library.stat().st_size / 2**20
        module = runtime.load(library, threads=1)
    print(f"  {time.perf_counter() - start:.1f} s, a library of {size:.1f} MiB")
    return module


def session(model: Path) -> onnxruntime.InferenceSession:
    """The model in onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def milliseconds(call: Callable[[], Any]) -> float:
    """The least time of some calls."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def show(
    what: str,
    module: runtime.Module,
    reference: onnxruntime.InferenceSession,
    given: np.ndarray,
    answer: Callable[[np.ndarray], str],
) -> None:
    """Both answers with both times. Ends the demo where the answers differ."""
    feed = {module.inputs[0].name: given}
    ours, theirs = answer(module(given)), answer(np.asarray(reference.run(None, feed)[0]))
    print(f"  {what}")
    print(f"    tyc          {ours:24} {milliseconds(lambda: module(given)):8.2f} ms")
    times = milliseconds(lambda: reference.run(None, feed))
    print(f"    onnxruntime  {theirs:24} {times:8.2f} ms")
    if ours != theirs:
        raise SystemExit("demo: the answers differ")


def file_bytes(path: Path, config: dict[str, Any]) -> np.ndarray:
    """What magika reads of a file: its first and last bytes, the rest padded."""
    block, pad = config["block_size"], config["padding_token"]
    data = path.read_bytes()
    head = data[:block].lstrip()[: config["beg_size"]]
    tail = data[-block:].rstrip()[-config["end_size"] :]
    first = [*head] + [pad] * (config["beg_size"] - len(head))
    last = [pad] * (config["end_size"] - len(tail)) + [*tail]
    return np.array([[*first, *last]], np.int32)


def recognise_files() -> None:
    """What is in this README, and in this program?"""
    folder = package_file("magika", "models", "standard_v3_3")
    config = json.loads((folder / "config.min.json").read_text())
    labels = config["target_labels_space"]
    module = compiled(folder / "model.onnx", {"bytes": (1, 2048)})
    reference = session(folder / "model.onnx")

    def answer(scores: np.ndarray) -> str:
        return f"{labels[int(scores.argmax())]} ({scores.max():.0%} sure)"

    for path in (ROOT / "README.md", Path(__file__), ROOT / "runtime" / "native" / "tyc.h"):
        show(path.name, module, reference, file_bytes(path, config), answer)


def picture(text: str) -> Image.Image:
    """A line of text, black on white, as high as the model wants it."""
    font = ImageFont.load_default(30)
    image = Image.new("RGB", (320, 48), "white")
    ImageDraw.Draw(image).text((10, 6), text, "black", font)
    return image


def read_text() -> None:
    """What does a picture of a line of text say?"""
    model = package_file("rapidocr_onnxruntime", "models", "ch_PP-OCRv4_rec_infer.onnx")
    module = compiled(model, {"x": (1, 3, 48, 320)})
    reference = session(model)
    metadata = reference.get_modelmeta().custom_metadata_map
    characters = ["", *metadata["character"].splitlines(), " "]
    pixels = np.asarray(picture(TEXT), np.float32)
    given = np.ascontiguousarray((pixels / 127.5 - 1).transpose(2, 0, 1)[None])

    def answer(scores: np.ndarray) -> str:
        best = scores[0].argmax(-1)
        fresh = np.diff(best, prepend=-1) != 0
        return "".join(characters[i] for i in best[fresh]).strip()

    show(f"a picture of {TEXT!r}", module, reference, given, answer)


if __name__ == "__main__":
    print("tyc: two models that packages ship, beside onnxruntime, both on one thread")
    recognise_files()
    read_text()
