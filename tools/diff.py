"""`tyc diff`: every kernel beside the reference, and the first one that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tyc.tools.arguments import Json, Model, ShapeList, parse_shapes

if TYPE_CHECKING:
    from tyc.compiler.pipeline import Compilation


def diff_command(
    model: Model,
    shape: ShapeList = [],  # noqa: B006
    input: Annotated[
        list[str], typer.Option("--input", metavar="NAME=FILE.npy", help="Or random, or zeros.")
    ] = [],  # noqa: B006
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Of the greatest value, in f32; others scale.")
    ] = 1e-4,
    all_kernels: Annotated[
        bool, typer.Option("--all", help="Do not stop at the first that differs.")
    ] = False,
    json: Json = False,
) -> None:
    """Compares each compiled kernel with the NumPy reference on the same inputs, in program order.

    Exit code 0 means that none differs, 1 that one does.
    """
    from tyc.tools.comparison import compare
    from tyc.tools.console import show_json

    rows = compare(_compilation(model, shape), input, tolerance, all_kernels)
    differing = [r for r in rows if r["differs"]]
    if json:
        show_json({"equal": not differing, "kernels": rows})
    else:
        _show(rows, differing)
    if differing:
        raise typer.Exit(1)


def _compilation(model: Any, shape: list[str]) -> Compilation:
    from tyc.compiler import targets
    from tyc.compiler.options import Options
    from tyc.compiler.pipeline import Compilation
    from tyc.tools.compiling import load_program
    from tyc.tools.console import Progress

    with Progress("compiling") as progress:
        progress.step("import")
        program, stage = load_program(model, parse_shapes(shape))
        run = Compilation(program, targets.host(), Options(), progress=progress.step)
        run.run_program_stages(stage)
        run.compile_kernels()
    return run


def _show(rows: list[dict[str, Any]], differing: list[dict[str, Any]]) -> None:
    for row in differing:
        print(f"kernel {row['kernel']} differs, call {row['call']} of {len(rows)} compared")
        print(f"  from       {row['origin'] or 'unknown'}")
        print(f"  ops        {', '.join(row['ops'])}")
        print(f"  output     {row['output']}: {row['type']}")
        print(f"  error      {row['absolute']:.3g} absolute, {row['relative']:.3g} relative")
        print(f"  first at   {row['index']}: got {row['got']}, reference {row['want']}")
    if not differing:
        worst = max((r["relative"] for r in rows), default=0.0)
        print(f"all {len(rows)} kernel calls agree with the reference; worst {worst:.2g} relative")
