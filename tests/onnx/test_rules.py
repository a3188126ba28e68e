"""The table of rules as a whole."""

from __future__ import annotations

import ast
from pathlib import Path

import onnx
import pytest

import tyc.onnx
from tyc.dialects import ty  # noqa: F401  (fills the registry)
from tyc.dialects.ods import REGISTRY
from tyc.onnx import families
from tyc.onnx.graph import Graph
from tyc.onnx.rules import RULES

families.load()

FILES = [Path(tyc.onnx.__path__[0]) / f"{name}.py" for name in families.FAMILIES]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_rules_name_ops_that_exist(path: Path):
    """`g.name` in a family file is an op of ty or a method of the graph."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "g":
            assert node.attr in REGISTRY or hasattr(Graph, node.attr), node.attr


def test_standard_rules_are_of_standard_operators():
    known = {s.name for s in onnx.defs.get_all_schemas_with_history() if s.domain == ""}
    ours = {op for domain, op in RULES if domain == ""}
    assert ours - known == {"SimplifiedLayerNormalization"}


def test_most_operators_have_a_rule():
    assert len(RULES) >= 150
