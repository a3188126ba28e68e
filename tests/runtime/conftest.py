"""Builds fake libraries and test programs from C, once a session."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tyc import runtime
from tyc.runtime import native

HERE = Path(__file__).parent
STRICT = [*native.CFLAGS, "-Werror", f"-I{native.folder()}"]

MANIFEST = {
    "abi_version": 1,
    "tyc_version": "0.1.0",
    "target": {"triple": "x86_64-linux-gnu", "cpu": "x86-64", "features": []},
    "inputs": [
        {"name": "x", "dtype": "f32", "shape": [10, 100]},
        {"name": "bias", "dtype": "f32", "shape": []},
    ],
    "outputs": [
        {"name": "y", "dtype": "f32", "shape": [10, 100]},
        {"name": "sum", "dtype": "i64", "shape": []},
    ],
    "memory": {"workspace_bytes": 4000, "weights_bytes": 64, "stack_bytes": 0},
    "weights": {"kind": "embedded"},
    "kernels": [],
    "steps": [{"kernel": "scale", "origin": "", "inputs": [], "outputs": []}],
}


def compile_c(arguments: list[str]) -> None:
    """Runs the C compiler with the strict flags."""
    result = subprocess.run(["cc", *STRICT, *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="session")
def objects(tmp_path_factory) -> list[str]:
    """The runtime's objects, as a model library links them."""
    folder = tmp_path_factory.mktemp("objects")
    made = []
    for source in native.sources():
        made.append(str(folder / f"{source.stem}.o"))
        compile_c(["-c", str(source), "-o", made[-1]])
    return made


@pytest.fixture(scope="session")
def build(objects, tmp_path_factory):
    """build(name, manifest entries, C macros) makes a fake library and gives its path."""

    def make(name: str, manifest: dict | None = None, **macros: object) -> Path:
        folder = tmp_path_factory.mktemp(name)
        text = json.dumps({"name": name, **MANIFEST, **(manifest or {})})
        (folder / "manifest.h").write_text(f"#define MANIFEST {json.dumps(text)}\n")
        defines = [f"-D{key}={value}" for key, value in {"NAME": name, **macros}.items()]
        path = folder / f"{name}.so"
        sources = ["-include", str(folder / "manifest.h"), str(HERE / "fake_model.c"), *objects]
        compile_c([*defines, *sources, "-shared", "-o", str(path), "-lpthread"])
        return path

    return make


@pytest.fixture(scope="session")
def fake(build) -> Path:
    """A library that fits this machine."""
    return build("fake")


@pytest.fixture
def module(fake) -> runtime.Module:
    """The fake library, loaded to run on two threads."""
    return runtime.load(fake, threads=2)
