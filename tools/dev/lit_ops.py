"""One function for each op, read and printed twice, in `tests/lit/ops`: `python -m
tyc.tools.dev.lit_ops` writes the files anew.

In: the smallest example of every op. Out: a `.mlir` file for each group of families, whose CHECK
lines are the ops as MLIR prints them.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from mlir import ir
from mlir.dialects import func

import tyc.dialects.ty  # noqa: F401  (its import fills REGISTRY)
from tyc.dialects import building, registration
from tyc.dialects.ods import REGISTRY, Example, Op
from tyc.dialects.types import type_of_array
from tyc.tools.dev import project
from tyc.tools.dev.readme import GROUPS

FOLDER = project.ROOT / "tests" / "lit" / "ops"
COLUMNS = 88
_HEAD = "// RUN: %roundtrip\n// Written by `python -m tyc.tools.dev.lit_ops`.\n"


def files() -> dict[str, str]:
    """The text of each file by its name."""
    families = {op.__module__.rpartition(".")[2] for op in REGISTRY.values()}
    others = families - {f for members in GROUPS.values() for f in members}
    groups = {**GROUPS, **({"others": tuple(others)} if others else {})}
    found = {}
    for group, members in groups.items():
        ops = [
            op for _, op in sorted(REGISTRY.items()) if op.__module__.rpartition(".")[2] in members
        ]
        text = "\n".join(_function(op) for op in ops if op.examples)
        found[f"{group.split(',')[0]}.mlir"] = f"{_HEAD}\n{text}"
    return found


def _function(op: type[Op]) -> str:
    """A function that holds the op, after its CHECK lines."""
    text = min((_printed(op, e) for e in op.examples), key=len)
    line = next(line for line in text.splitlines() if f'"ty.{op.NAME}"' in line)
    shown = line.partition(" = ")[2].strip()[:COLUMNS].rstrip()
    return f"// CHECK-LABEL: func.func @{op.NAME}(\n// CHECK{{LITERAL}}: {shown}\n{text}\n"


def _printed(op: type[Op], example: Example) -> str:
    arrays = [a for o in example.operands for a in (o if isinstance(o, list) else [o])]
    with registration.context(), ir.Location.unknown():
        module = ir.Module.create()
        kinds = [building.mlir_type(type_of_array(np.asarray(a))) for a in arrays if a is not None]
        with ir.InsertionPoint(module.body):
            function = func.FuncOp(op.NAME, (kinds, []))
            block = function.add_entry_block()
        with ir.InsertionPoint(block):
            values = iter(block.arguments)
            operands: list[Any] = [
                [next(values) for _ in o] if isinstance(o, list) else None if o is None
                else next(values)
                for o in example.operands
            ]  # fmt: skip
            made = building.build(op, *operands, **example.attributes)
            results = list(made) if isinstance(made, list) else [made]
            func.ReturnOp(results)
        kind = ir.FunctionType.get(kinds, [r.type for r in results])
        function.attributes["function_type"] = ir.TypeAttr.get(kind)
        return str(function)


def main() -> int:
    """Writes the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
