"""`import tyc` is light, and all it names is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tyc

HEAVY = ("mlir", "onnx", "llvmlite", "numpy")


def _loaded(program: str, folder: Path) -> set[str]:
    code = f"import sys\n{program}\nprint(*{{m.split('.')[0] for m in sys.modules}} & set({HEAVY}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_import_loads_nothing_heavy(tmp_path: Path) -> None:
    assert _loaded("import tyc", tmp_path) == set()


def test_element_types_and_errors_load_no_compiler(tmp_path: Path) -> None:
    assert _loaded("import tyc; tyc.float32; tyc.UserError", tmp_path) <= {"numpy"}


@pytest.mark.parametrize("name", tyc.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(tyc, name) is not None
    assert name in dir(tyc)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'tyc' has no attribute 'tensors_'"):
        tyc.tensors_  # noqa: B018


def test_every_public_function_has_a_docstring() -> None:
    from tyc import functional, nn

    for module in (functional, nn):
        for name in module.__all__:
            text = getattr(module, name).__doc__
            assert text and not text.startswith("This"), name
