"""`tyc check`: is every node of a model supported, and if not, why, and what to use instead."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from tyc.tools.arguments import Json, Model, ShapeList, parse_shapes


def check_command(model: Model, shape: ShapeList = [], json: Json = False) -> None:  # noqa: B006
    """Says of every node of an ONNX model whether tyc can compile it, without compiling it."""
    from tyc.onnx.report import check
    from tyc.tools.console import show_json

    reports = check(model, parse_shapes(shape))
    failed = [r for r in reports if not r.supported]
    if json:
        nodes = [asdict(r) for r in reports]
        show_json({"supported": not failed, "nodes": nodes})
    else:
        _show(model.name, reports, failed)
    if failed:
        raise typer.Exit(2)


def _show(name: str, reports: list[Any], failed: list[Any]) -> None:
    from tyc.tools.console import show_table

    counts: dict[str, int] = {}
    for r in reports:
        counts[r.op] = counts.get(r.op, 0) + 1
    if not failed:
        ops = ", ".join(f"{op} {count}" for op, count in sorted(counts.items()))
        print(f"{name}: all {len(reports)} nodes are supported")
        print(f"  {ops}")
        return
    print(f"{name}: {len(failed)} of {len(reports)} nodes are not supported")
    rows = [[r.name, r.op, " ".join(r.shapes), r.reason, r.alternative] for r in failed]
    show_table("", ["node", "op", "types", "reason", "instead"], rows)
