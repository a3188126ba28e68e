"""The wheel is complete: installed alone, it runs, and compiles a model from somewhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tyc.tools.dev import project


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tracked files as a release would be."""
    source = tmp_path_factory.mktemp("source")
    for path in project.tracked_files():
        copy = source / path.relative_to(project.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(source)])
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel's contents and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    command = ["install", "-q", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    _run([sys.executable, "-m", "pip", *command])
    return target


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """y = relu(x @ w), as ONNX."""
    w = np.ones((4, 3), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["xw"]),
            helper.make_node("Relu", ["xw"], ["y"]),
        ],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
        [onnx.numpy_helper.from_array(w, "w")],
    )
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def test_wheel_holds_every_tracked_source(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = set()
    for package, folder in project.package_folders().items():
        for path in project.tracked_files(f"{folder.name}/*.py", f"{folder.name}/*.[ch]"):
            wanted.add("/".join([*package.split("."), *path.relative_to(folder).parts]))
    assert not wanted - held


def test_wheel_holds_no_test_and_the_licence(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in held if "tests/" in name or name.endswith((".so", ".o"))]
    assert any(name.endswith("LICENSE") for name in held)


def test_runtime_needs_only_numpy(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    site = Path(np.__file__).parents[1]
    for entry in (*site.glob("numpy"), *site.glob("numpy.libs"), *site.glob("numpy-*")):
        (packages / entry.name).symlink_to(entry)
    python = environment / "bin" / "python"
    program = "import tyc, tyc.runtime; print(tyc.runtime.__file__)"
    assert str(packages) in _run([str(python), "-c", program], cwd=tmp_path)


def test_installed_command_compiles_and_runs_a_model(
    installed: Path, model: Path, tmp_path: Path
) -> None:
    library = tmp_path / "small.so"
    _tyc(installed, "compile", str(model), "-o", str(library), cwd=tmp_path)
    assert library.exists()
    assert library.with_suffix(".h").exists()
    shown = _tyc(installed, "run", str(library), "--input", "x=random", cwd=tmp_path)
    assert "y" in shown


def _tyc(installed: Path, *arguments: str, cwd: Path) -> str:
    """The command of the installed wheel: its folder is searched before the editable install."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    shown = _run(
        [sys.executable, "-c", "import tyc; print(tyc.__file__)"], cwd=cwd, env=environment
    )
    assert shown.startswith(str(installed)), f"not the wheel's tyc: {shown}"
    return _run([str(installed / "bin" / "tyc"), *arguments], cwd=cwd, env=environment)


def _run(command: list[str], **options) -> str:
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout}{run.stderr}"
    return run.stdout
