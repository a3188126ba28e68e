"""Every op has its lines in tests/lit/ops."""

from __future__ import annotations

import re

import tyc.dialects.ty  # noqa: F401  (its import fills REGISTRY)
from tyc.dialects.ods import REGISTRY
from tyc.tools.dev import lit_ops


def test_every_op_is_printed_and_read() -> None:
    text = "".join(path.read_text() for path in lit_ops.FOLDER.glob("*.mlir"))
    shown = set(re.findall(r"CHECK-LABEL: func.func @(\w+)\(", text))
    wanted = {name for name, op in REGISTRY.items() if op.examples}
    assert shown == wanted, "run python -m tyc.tools.dev.lit_ops"
