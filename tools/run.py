"""`tyc run`: a library on arrays from files, or on random ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from tyc.tools.arguments import Json, Threads


def run_command(
    library: Annotated[Path, typer.Argument(help="A library that tyc compile wrote.")],
    input: Annotated[
        list[str],
        typer.Option(
            "--input",
            metavar="NAME=FILE.npy",
            help="Or NAME=random, NAME=zeros; otherwise random.",
        ),
    ] = [],  # noqa: B006
    output: Annotated[
        Path | None, typer.Option("--output", help="A folder for the outputs as .npy files.")
    ] = None,
    threads: Threads = 0,
    json: Json = False,
) -> None:
    """Runs a library and says what its outputs are."""
    from tyc.runtime import load
    from tyc.tools import arrays
    from tyc.tools.compile import make_folder

    module = load(library, threads or None)
    given = arrays.given_inputs(arrays.specs_of(module.inputs), input)
    if output is not None:
        make_folder(output)
    results = arrays.by_name(module(**given), [s.name for s in module.outputs])
    rows = []
    for (name, array), spec in zip(results.items(), module.outputs):
        row: dict[str, Any] = {"name": name, "dtype": spec.dtype, "shape": list(spec.shape)}
        rows.append({**row, **arrays.statistics(array)})
        if output is not None:
            import numpy as np

            np.save(output / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.npy", array)
    _show(module, rows, json)


def _show(module: Any, rows: list[dict[str, Any]], json: bool) -> None:
    from tyc.tools.console import show_json, show_table

    if json:
        show_json({"name": module.name, "outputs": rows})
        return
    columns = ["output", "type", "min", "max", "mean", "argmax"]
    cells = [
        [r["name"], f"{r['dtype']}{r['shape']}", r["min"], r["max"], r["mean"], r["argmax"]]
        for r in rows
    ]
    show_table("", columns, cells)
