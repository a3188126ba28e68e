"""Libraries of models for other machines run under emulation, alone and on threads."""

from __future__ import annotations

from pathlib import Path

import emulator
import numpy as np
import pytest
import zoo
from artifact_models import MODELS, compile_model
from tolerances import assert_close

import tyc.onnx
from tyc.compiler.pipeline import compile_program
from tyc.compiler.targets import Target, find

BOUND = 1e-4
REAL = [m for m in zoo.package_models() if m.name in ("ppocr_cls", "magika")]
REAL += [m for m in zoo.torch_models() if m.name in ("mobilenet_v2", "resnet18")]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_small_models_on_threads(name: str, target: Target, tmp_path: Path) -> None:
    built = compile_model(name, tmp_path / f"{name}.so", target=target)
    outputs = [(np.shape(w), np.asarray(w).dtype) for w in built.wanted]
    cases = [
        emulator.Case(built.path, built.name, built.inputs, outputs, threads)
        for threads in (0, 1, 3)
    ]
    assert emulator.run(target, cases, tmp_path) == ""
    for case in cases:
        assert case.message == "ok"
        for actual, wanted, first in zip(case.results, built.wanted, cases[0].results):
            assert_close(actual, np.asarray(wanted))
            assert actual.tobytes() == first.tobytes(), "the result depends on the threads"


def test_a_library_for_android_names_its_libraries_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linux = find("aarch64-linux-gnu")
    machine = emulator.MACHINES[linux.platform.name]
    if reason := machine.missing():
        pytest.skip(reason)
    built = compile_model("vision", tmp_path / "vision.so", target=find("aarch64-linux-android"))
    data = built.path.read_bytes()
    assert b"libc.so\0" in data and b"libc.so.6" not in data and b"GLIBC" not in data
    # Bionic is not here; alone, without threads, what the library calls is the same in glibc.
    for name in ("libc", "libm"):
        (tmp_path / f"{name}.so").symlink_to(f"{machine.sysroot}/lib/{name}.so.6")
    monkeypatch.setenv("QEMU_SET_ENV", f"LD_LIBRARY_PATH={tmp_path}")
    outputs = [(np.shape(w), np.asarray(w).dtype) for w in built.wanted]
    case = emulator.Case(built.path, built.name, built.inputs, outputs)
    assert emulator.run(linux, [case], tmp_path) == ""
    assert_close(case.results[0], np.asarray(built.wanted[0]))


@pytest.mark.parametrize("model", REAL, ids=[m.name for m in REAL])
def test_real_models_agree_with_onnxruntime(
    model: zoo.Model, target: Target, tmp_path: Path
) -> None:
    if not model.exists:
        assert model.path.is_relative_to(zoo.EXPORTED), f"{model.path} is missing: run make test"
        pytest.skip("exported by make bench")
    if target.pointer_bits == 32 and model.name == "magika":
        pytest.skip("one real model is enough here")
    program = tyc.onnx.load(model.path, model.shapes or None)
    inputs, outputs = list(program.inputs), list(program.outputs)
    written = compile_program(program, tmp_path / "model.so", target)
    arrays = zoo.inputs_of([(n, t.dtype.numpy, t.shape) for n, t in inputs])
    case = emulator.Case(
        written.library, written.manifest["name"], [arrays[n] for n, _ in inputs],
        [(tuple(t.shape), np.dtype(t.dtype.numpy)) for _, t in outputs],
    )  # fmt: skip
    assert emulator.run(target, [case], tmp_path) == ""
    assert case.message == "ok"
    for ours, theirs in zip(case.results, zoo.reference(model.path, arrays), strict=True):
        assert zoo.relative_error(ours, theirs) <= BOUND
        assert zoo.argmax_agrees(ours, theirs, BOUND)
