"""What ops lack is declared, and nothing else is lacking."""

from __future__ import annotations

import re

import pytest

from tyc.compiler.lowering import families
from tyc.compiler.lowering.registry import LINALG, LOOPS
from tyc.dialects import holes, ty
from tyc.dialects.ods import REGISTRY


def test_holes_are_those_declared() -> None:
    families.load()
    found = holes.undeclared(set(LINALG) | set(LOOPS))
    assert not found, f"write the rule, or say in dialects/holes.py why there is none: {found}"


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_class_and_builder_are_named_alike(name: str) -> None:
    op = REGISTRY[name]
    assert op.__name__ == "".join(part.capitalize() for part in name.split("_")) + "Op"
    assert getattr(ty, op.__name__) is op
    assert getattr(ty, name).__name__ == name
    assert {name, op.__name__} <= set(ty.__all__)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_docstring_opens_with_a_fact(name: str) -> None:
    doc = REGISTRY[name].__doc__ or ""
    assert doc and not re.match(r"This (op|class|function)", doc)
