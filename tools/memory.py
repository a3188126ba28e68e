"""`tyc memory`: the workspace's peak against the arithmetic that is done again for it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tyc.tools.arguments import Json, ShapeList, parse_shapes
from tyc.tools.memory_study import Optimizer, Study, load_model, study

SWEEP = tuple(f"{share}%" for share in range(100, 5, -5))
"""The budgets of `--budgets sweep`."""


def memory_command(
    model: Annotated[str, typer.Argument(help="An ONNX model, or a name of tyc.hub.models.")],
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="The batch size; of a name 8 unless told.")
    ] = None,
    train: Annotated[
        bool | None,
        typer.Option("--train/--infer", help="Plan a training step; the default for names."),
    ] = None,
    budgets: Annotated[
        str, typer.Option("--budgets", help="40%,30%, 256MiB, auto or sweep.")
    ] = "sweep",
    optimizer: Annotated[
        Optimizer, typer.Option("--optimizer", help="What a training step updates with.")
    ] = "sgd",
    shape: ShapeList = [],  # noqa: B006
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the figures to this page.")
    ] = None,
    json: Json = False,
) -> None:
    """Plans a model under memory budgets: peak bytes against FLOPs that run again."""
    from tyc.tools.console import Progress, show_json

    texts = parse_budgets(budgets)
    if html is not None:
        from tyc.tools.profile_page import require_plotly

        require_plotly()
    with Progress("planning") as progress:
        progress.step("import")
        program = load_model(model, batch, parse_shapes(shape), train, optimizer)
        found = study(program, texts, progress.step)
    if html is not None:
        from tyc.tools.memory_page import page

        html.write_text(page(found), encoding="utf-8")
    if json:
        show_json(asdict(found))
    else:
        _show(found)


def parse_budgets(text: str) -> list[int | float | str]:
    """`"40%,1MiB"` as `[0.4, 1048576]`; `"sweep"` as the shares of `SWEEP`."""
    from tyc.compiler.options import parse_budget

    parts = SWEEP if text.strip() == "sweep" else text.split(",")
    return [parse_budget(part) for part in parts]


def _show(found: Study) -> None:
    from tyc.tools.console import size_text

    print(
        f"{found.name}: {found.kernels} kernels, workspace {size_text(found.free_peak)}; beside it"
        f" parameters {size_text(found.parameter_bytes)}, state {size_text(found.state_bytes)}"
    )
    print(f"{'budget':>12} {'peak':>12} {'of free':>8} {'FLOPs':>8} {'time':>8} {'again':>6}")
    for p in found.points:
        share = p.peak / max(found.free_peak, 1)
        print(
            f"{size_text(p.budget):>12} {size_text(p.peak):>12} {share:8.1%}"
            f" {p.extra_flops / max(p.step_flops, 1):+8.2%}"
            f" {p.extra_seconds / max(p.step_seconds, 1e-12):+8.2%} {p.recomputed:6}"
            + ("" if p.feasible else f"  does not fit: {p.limit}")
        )
