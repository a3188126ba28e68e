"""`tyc compile`: a model becomes a library, or the text of any stage on the way there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tyc.runtime.errors import UserError
from tyc.tools.arguments import Json, Model, ShapeList, parse_shapes

if TYPE_CHECKING:
    import numpy as np

    from tyc.compiler.artifact import Artifact
    from tyc.compiler.pipeline import Compilation
    from tyc.compiler.targets import Target
    from tyc.dialects.program import Program
    from tyc.tools.console import Progress


def _option(*names: str, help: str, **rest: Any) -> Any:
    return typer.Option(*names, help=help, **rest)


Output = Annotated[
    Path | None,
    _option("--output", "-o", help="The library; header and manifest stand beside it."),
]
Emit = Annotated[
    str | None,
    _option(
        "--emit",
        help="Print the IR of a stage instead: import, simplify, expand, outputs, fuse, linalg,"
        " scheduled, llvm, asm, kernels, plan.",
    ),
]
Dump = Annotated[Path | None, _option("--dump", help="Write every stage's IR into this folder.")]
From = Annotated[
    str | None, _option("--from", help="The stage that MODEL, the .mlir of a dump, has behind.")
]
Tuned = Annotated[
    list[Path], _option("--tuned", metavar="DB", help="Choices of tyc tune; may be given again.")
]
Budget = Annotated[
    str | None,
    _option("--memory-budget", help="The most that the workspace may be: 256KiB, 4MiB, 50%, auto."),
]
Cpu = Annotated[
    str,
    _option(
        "--cpu",
        help="The CPU, or several for one library: baseline,avx2,avx512; tyc targets lists them.",
    ),
]
Strip = Annotated[bool, _option("--strip", help="Leave out symbols and debug information.")]
Level = Annotated[int, _option("-O", help="How much to optimise.", min=0, max=3)]


def compile_command(
    model: Model,
    output: Output = None,
    target: Annotated[
        str, _option("--target", help="The platform; tyc targets lists them.")
    ] = "host",
    cpu: Cpu = "native",
    features: Annotated[str, _option("--features", help="As LLVM says: +avx2,-fma.")] = "",
    shape: ShapeList = [],  # noqa: B006
    emit: Emit = None,
    dump: Dump = None,
    start: From = None,
    name: Annotated[str | None, _option("--name", help="The prefix of the C functions.")] = None,
    exact: Annotated[bool, _option("--exact", help="Change no rounding.")] = False,
    level: Level = 3,
    weights: Annotated[str, _option("--weights", help="embed, or external: beside it.")] = "embed",
    tuned: Tuned = [],  # noqa: B006
    budget: Budget = None,
    strip: Strip = False,
    json: Json = False,
) -> None:
    """Compiles a model to OUT.so, OUT.h and OUT.json."""
    from tyc.compiler import targets
    from tyc.compiler.options import Options, parse_budget

    if weights not in ("embed", "external"):
        raise UserError(f"weights must be embed or external, got {weights!r}", node="--weights")
    chosen = targets.find_all(target, cpu, features)
    _check_alone(chosen, {"--emit": emit, "--dump": dump, "--tuned": tuned})
    limit = None if budget is None else parse_budget(budget)
    options = Options(exact, level, weights, limit, strip)
    shapes = parse_shapes(shape)
    if emit is not None and emit != "library":
        _emit(model, shapes, name, start, emit, output, chosen[0], options, tuned)
        return
    if output is None:
        raise UserError("an output must be given", node="--output", hint="write -o OUT.so")
    run = _Run(model, output, shapes, name, start, dump, chosen, options, tuned)
    written = run.compile()
    report = _report(run, written)
    _show(report, json)


def _check_alone(chosen: list[Target], given: dict[str, Any]) -> None:
    """Raises `UserError` for what is of one version, where there are several."""
    for option, value in given.items():
        if value and len(chosen) > 1:
            names = ", ".join(t.cpu for t in chosen)
            raise UserError(f"is for one cpu, got {names}", node=option, hint="give --cpu one name")


def _begin(model: Path, shapes: Any, name: str | None, start: str | None) -> tuple[Program, str]:
    from tyc.tools.compiling import known_stage, load_program
    from tyc.tools.emission import PROGRAM_STAGES

    if start is not None:
        known_stage(start, PROGRAM_STAGES, "--from")
        if model.suffix != ".mlir":
            message = f"--from takes the .mlir of a dump, got {model.name}"
            raise UserError(message, node="--from", hint="tyc compile --dump DIR writes one")
    program, stage = load_program(model, shapes, name)
    return program, start or stage


def _emit(
    model: Path, shapes: Any, name: str | None, start: str | None, stage: str,
    output: Path | None, target: Target, options: Any, tuned: list[Path],
) -> None:  # fmt: skip
    from tyc.compiler.artifact import check_output
    from tyc.compiler.pipeline import Compilation
    from tyc.compiler.tuning.database import read_all
    from tyc.tools.compiling import known_stage
    from tyc.tools.console import Progress
    from tyc.tools.emission import EMITTED, PROGRAM_STAGES, emit

    known_stage(stage, (*EMITTED, "library"), "--emit")
    if output is not None:
        check_output(output)
    with Progress("compiling") as progress:
        progress.step("import")
        program, begun = _begin(model, shapes, name, start)
        if stage in PROGRAM_STAGES and PROGRAM_STAGES.index(stage) < PROGRAM_STAGES.index(begun):
            message = f"stage {stage} is before {begun}, which the program has behind it"
            raise UserError(message, node="--emit")
        choices = read_all(tuned, target)
        run = Compilation(program, target, options, progress=progress.step, tuned=choices)
        text = emit(run, stage, begun)
    if output is None:
        print(text, end="")
    else:
        write_whole(output, text.encode())


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that it is there whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".tyc-", delete=False) as file:
        file.write(data)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


class _Run:
    """One compilation with its dump: the program after each stage, weights once, the plan."""

    def __init__(
        self, model: Path, output: Path, shapes: Any, name: str | None, start: str | None,
        dump: Path | None, targets: list[Target], options: Any, tuned: list[Path],
    ) -> None:  # fmt: skip
        from tyc.compiler.artifact import check_output

        check_output(output)
        if dump is not None:
            make_folder(dump)
        self.model, self.output, self.shapes, self.name = model, output, shapes, name
        self.start, self.dump, self.targets, self.options = start, dump, targets, options
        self.tuned = tuned
        self.arrays: dict[str, np.ndarray] = {}

    def compile(self) -> Artifact:
        """Runs all stages, once a target; the artifact that was written."""
        from time import perf_counter

        from tyc.compiler.pipeline import write_library
        from tyc.tools.console import Progress

        with Progress("compiling") as progress:
            progress.step("import")
            began = perf_counter()
            program, stage = _begin(self.model, self.shapes, self.name, self.start)
            seconds = perf_counter() - began
            self._write(stage, program)
            last = self.targets[-1]
            runs = [
                self._version(program if t is last else program.copy(), stage, t, progress)
                for t in self.targets
            ]
            runs[0].seconds = {"import": seconds, **runs[0].seconds}
            progress.step("library")
            return write_library(runs, self.output)

    def _version(
        self, program: Program, stage: str, target: Target, progress: Progress
    ) -> Compilation:
        """The compilation for one target, all but the library."""
        from tyc.compiler.pipeline import Compilation
        from tyc.compiler.tuning.database import read_all
        from tyc.tools.compiling import following

        def observe(done: str, program: Program) -> None:
            progress.step(following(done))
            self._write(done, program)

        tuned = read_all(self.tuned, target)
        run = Compilation(program, target, self.options, observe, progress.step, tuned)
        run.run_program_stages(stage)
        run.compile_kernels()
        progress.step("plan")
        run.plan_memory()
        self._write_plan(run)
        return run

    def _write(self, stage: str, program: Program) -> None:
        if self.dump is None:
            return
        from tyc.tools.emission import PROGRAM_STAGES
        from tyc.tools.textual import text_of

        self.arrays.update(program.parameters)
        number = PROGRAM_STAGES.index(stage)
        (self.dump / f"{number:02}-{stage}.mlir").write_text(text_of(program, stage))

    def _write_plan(self, run: Compilation) -> None:
        if self.dump is None:
            return
        import json

        from safetensors.numpy import save_file

        from tyc.tools.textual import WEIGHTS, contiguous

        (self.dump / "plan.json").write_text(json.dumps(run.plan.to_json(), indent=1) + "\n")
        self.arrays.update(run.program.parameters)
        save_file(contiguous(self.arrays), self.dump / WEIGHTS)


def make_folder(path: Path) -> None:
    """Makes a folder where it is missing; raises `UserError` where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise UserError(
            f"must be a folder that can be written, got: {reason}", node=str(path)
        ) from (None)
    if not os.access(path, os.W_OK):
        raise UserError("folder must be writable", node=str(path))


def _report(run: _Run, written: Artifact) -> dict[str, Any]:
    manifest = written.manifest
    kernels = manifest["kernels"]
    return {
        "name": manifest["name"],
        "library": str(written.library),
        "header": str(written.header),
        "manifest": str(written.manifest_file),
        "library_bytes": written.library.stat().st_size,
        "memory": manifest["memory"],
        "target": manifest["target"]["cpu"],
        "versions": manifest.get("versions", []),
        "kernels": len(kernels),
        "tuned": sum(k["tuned"] for k in kernels),
        "unfit": written.unfit,
        "calls": sum(k["count"] for k in kernels),
        "flops": sum(k["flops"] * k["count"] for k in kernels),
        "seconds": {k: round(v, 3) for k, v in written.seconds.items()},
    }


def _show(report: dict[str, Any], json: bool) -> None:
    from tyc.tools.console import show_json, size_text

    if json:
        show_json(report)
        return
    memory, seconds = report["memory"], report["seconds"]
    cpus = ", ".join(v["cpu"] for v in report["versions"]) or report["target"]
    print(f"{report['library']}  {size_text(report['library_bytes'])} for {cpus}")
    print(f"  workspace  {size_text(memory['workspace_bytes'])}")
    print(f"  weights    {size_text(memory['weights_bytes'])}")
    tuned = f", {report['tuned']} tuned" if report["tuned"] else ""
    print(f"  kernels    {report['kernels']}, called {report['calls']} times{tuned}")
    if report["unfit"]:
        print(f"  default    {len(report['unfit'])} tuned choices no longer fit: tune again")
    print(f"  seconds    {', '.join(f'{k} {v:.2f}' for k, v in seconds.items())}")
