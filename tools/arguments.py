"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from tyc.runtime.errors import UserError

Model = Annotated[Path, typer.Argument(help="An ONNX model, or the .mlir of a dump.")]
LibraryOrModel = Annotated[Path, typer.Argument(help="A compiled library, or an ONNX model.")]
ShapeList = Annotated[
    list[str],
    typer.Option(
        "--shape", metavar="NAME=1x3x224x224", help="The shape of an input that is left open."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Threads = Annotated[
    int, typer.Option("--threads", min=0, help="Threads of a call; 0 is all that there are.")
]

_SHAPE = re.compile(r"(?P<name>.+)=(?P<sizes>\d+(?:[x,]\d+)*)")


def parse_shapes(texts: list[str]) -> dict[str, tuple[int, ...]]:
    """`["x=1x3x224x224"]` as `{"x": (1, 3, 224, 224)}`; a scalar's shape is `x=`."""
    shapes = {}
    for text in texts:
        found = _SHAPE.fullmatch(text)
        if text.endswith("=") and len(text) > 1:
            shapes[text[:-1]] = ()
        elif found is None:
            raise UserError(
                f"shape must read NAME=SIZExSIZE, got {text!r}",
                node="--shape",
                hint="write for example --shape images=1x3x224x224",
            )
        else:
            sizes = re.split("[x,]", found["sizes"])
            shapes[found["name"]] = tuple(map(int, sizes))
    return shapes


def parse_threads(text: str) -> list[int]:
    """`"1,2"` as `[1, 2]`."""
    parts = text.split(",")
    if not all(p.strip().isdigit() and int(p) > 0 for p in parts):
        raise UserError(
            f"threads must be positive numbers with commas between, got {text!r}",
            node="--threads",
            hint="write for example --threads 1,2",
        )
    return [int(p) for p in parts]
