"""`tyc opt`: IR in, passes over it, IR out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tyc.runtime.errors import UserError

if TYPE_CHECKING:
    from tyc.compiler.options import Options
    from tyc.dialects.program import Program


def opt_command(
    file: Annotated[str, typer.Argument(help="Textual IR; - is standard input.")] = "-",
    passes: Annotated[str, typer.Option("--passes", help="Passes in order: cse,fuse.")] = "",
    pipeline: Annotated[
        str | None,
        typer.Option("--pipeline", help="All stages up to this: simplify, expand, outputs, fuse."),
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Change no rounding.")] = False,
    level: Annotated[int, typer.Option("-O", help="How much to optimise.", min=0, max=3)] = 3,
    locations: Annotated[bool, typer.Option("--locations", help="Print locations.")] = False,
) -> None:
    """Runs passes over textual IR and prints what comes out; without passes, the IR as read."""
    from mlir import ir

    from tyc.compiler.options import Options
    from tyc.tools.textual import give_parameters, parse, verify, with_locations

    label, text = _read(file)
    program = parse(text, label)
    give_parameters(program, Path(file).parent)
    options = Options(exact, level)
    with program.module.context, ir.Location.unknown():
        _run(program, label, passes, pipeline, options)
        program.module.operation.verify()
        verify(program.module, "result")
    print(with_locations(program.module) if locations else program.module, end="")
    print()


def _read(file: str) -> tuple[str, str]:
    if file == "-":
        return "stdin", sys.stdin.read()
    try:
        return Path(file).name, Path(file).read_text()
    except FileNotFoundError:
        raise UserError(f"file {file!r} does not exist", node=Path(file).name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"must be text, got: {error}", node=file) from None


def _run(program: Program, label: str, passes: str, pipeline: str | None, options: Options) -> None:
    from tyc.compiler.pipeline import PROGRAM_STAGES, internal_errors
    from tyc.compiler.targets import host
    from tyc.tools.compiling import known_stage
    from tyc.tools.passes import find_passes
    from tyc.tools.textual import require_main

    chosen = find_passes(passes)
    if pipeline is not None:
        stages = tuple(name for name, _ in PROGRAM_STAGES)
        last = stages.index(known_stage(pipeline, stages, "--pipeline"))
        target = host()
        chosen += [
            (name, lambda program, options, stage=stage: stage(program, options, target))
            for name, stage in PROGRAM_STAGES[: last + 1]
        ]
    if any(name != "lower-to-linalg" for name, _ in chosen):
        require_main(program, label)
    for name, function in chosen:
        with internal_errors(program, name):
            function(program, options)
