"""The README's examples, run exactly as it shows them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zoo

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader would be: with the model that the README speaks of."""
    path = tmp_path_factory.mktemp("readme")
    (magika,) = [m.path for m in zoo.package_models() if m.name == "magika"]
    shutil.copy(magika, path / "magika.onnx")
    return path


def shell(command: str, folder: Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euc", command], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PATH": path}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_of_the_readme_are_the_files_of_the_repository():
    c, python = ["classify.c", "train.c"], ["python_example.py", "train.py"]
    assert blocks("c") == [(ROOT / "examples" / name).read_text() for name in c]
    assert blocks("python") == [(ROOT / "examples" / name).read_text() for name in python]


def test_the_commands_and_the_c_program_run(folder):
    (folder / "classify.c").write_text(blocks("c")[0])
    commands = [text for text in blocks("sh") if "magika" in text or "classify" in text]
    outputs = [shell(text, folder) for text in commands]
    assert "target_label" in outputs[0] and "onnxruntime" in outputs[0]
    assert re.fullmatch(r"label 17 with \d+%\n", outputs[1])  # 17 is C


def test_the_python_program_runs(folder):
    (folder / "example.py").write_text(blocks("python")[0])
    assert shell("python example.py", folder) == "(8, 3)\n(8, 3)\n(8, 3)\n"


def test_a_step_of_training_gives_the_same_losses_in_c(folder):
    (folder / "train.py").write_text(blocks("python")[1])
    (folder / "train.c").write_text(blocks("c")[1])
    (command,) = [text for text in blocks("sh") if "train.c" in text]
    lines = shell(command, folder).splitlines()
    assert len(lines) == 6 and lines[:3] == lines[3:]
    assert float(lines[2].split()[1]) < 0.2
