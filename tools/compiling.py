"""From the file that a command is given to a program, and from that to a library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tyc.compiler import pipeline
from tyc.compiler.artifact import Artifact
from tyc.compiler.options import Options
from tyc.compiler.targets import Target
from tyc.dialects.program import Program
from tyc.runtime.errors import UserError
from tyc.tools.console import Progress

Shapes = Mapping[str, tuple[int, ...]]


def is_library(path: Path) -> bool:
    """True for a file that begins as a shared library does."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        # A missing library must not be read as a model.
        return path.suffix == ".so"


def load_program(path: Path, shapes: Shapes, name: str | None = None) -> tuple[Program, str]:
    """The program of an ONNX model or of a dump, and the stage that it has behind it."""
    if path.suffix == ".mlir":
        from tyc.tools.textual import read_dump

        if shapes:
            raise UserError("shapes are fixed in a dump, got --shape", node=path.name)
        program, stage = read_dump(path)
        program.name = name or program.name
        return program, stage
    from tyc.onnx.importer import load

    return load(path, dict(shapes), name), "import"


def known_stage(stage: str, stages: tuple[str, ...], option: str) -> str:
    """The stage, if it is one; raises `UserError` otherwise."""
    if stage not in stages:
        raise UserError(f"stage must be one of {', '.join(stages)}, got {stage!r}", node=option)
    return stage


def compile_to(
    model: Path,
    output: Path,
    shapes: Shapes,
    target: Target | None = None,
    options: Options | None = None,
) -> Artifact:
    """Compiles a model file to a library, with progress shown."""
    with Progress("compiling") as progress:
        progress.step("import")
        program, stage = load_program(model, shapes)

        def observe(done: str, _: Program) -> None:
            progress.step(following(done))

        return pipeline.compile_program(
            program, output, target, options, observe, progress.step, stage
        )


def following(stage: str) -> str:
    """The stage after a stage."""
    stages = pipeline.STAGES
    return stages[min(stages.index(stage) + 1, len(stages) - 1)]
