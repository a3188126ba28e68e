"""`tyc tune`: searches the schedules of a model's kernels on this machine, by measuring."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tyc.runtime.errors import UserError
from tyc.tools.arguments import Json, Model, ShapeList, parse_shapes, parse_threads

if TYPE_CHECKING:
    from tyc.compiler.pipeline import Compilation
    from tyc.compiler.targets import Target
    from tyc.compiler.tuning.session import Session, Tuned
    from tyc.tools.console import Progress

INTERRUPTED = 130
MODEL_SECONDS = 3.0
"""How long the model is measured, before and after, for each thread count."""


def _option(*names: str, help: str, **rest: Any) -> Any:
    return typer.Option(*names, help=help, **rest)


def tune_command(
    model: Model,
    output: Annotated[
        Path | None, _option("--output", "-o", help="The file of choices; MODEL.tuned by default.")
    ] = None,
    seconds: Annotated[
        float | None, _option("--seconds", help="Begin no new trial after so long.", min=0.0)
    ] = None,
    trials: Annotated[int, _option("--trials", help="Choices of a kernel to try.", min=1)] = 32,
    threads: Annotated[
        str | None, _option("--threads", help="Thread counts to be fast with: 1,2.")
    ] = None,
    cpu: Annotated[str, _option("--cpu", help="The CPU that will be compiled for.")] = "native",
    shape: ShapeList = [],  # noqa: B006
    exact: Annotated[bool, _option("--exact", help="Change no rounding.")] = False,
    resume: Annotated[
        bool, _option("--resume/--again", help="Go on, or search known kernels again.")
    ] = True,
    json: Json = False,
) -> int:
    """Finds fast schedules for a model's kernels and keeps them in a file.

    What was found is written after each kernel: stop with Ctrl-C, go on by the same command.
    """
    from tyc.compiler.options import Options
    from tyc.compiler.tuning.database import read
    from tyc.compiler.tuning.search import Settings

    counts = _counts(threads)
    path = output or Path(f"{model.stem}.tuned")
    _check_output(path)
    if path.exists():
        read(path)  # a damaged file is told of now, not after the first kernel
    deadline = float("inf") if seconds is None else time.monotonic() + seconds
    settings = Settings(_runnable(cpu), Options(exact), counts, trials, deadline)
    with tempfile.TemporaryDirectory(prefix="tyc-") as folder:
        run = _Tuning(model, parse_shapes(shape), settings, path, resume, Path(folder))
        report = run.report()
    _show(report, json)
    return INTERRUPTED if report["interrupted"] else 0


def _counts(text: str | None) -> tuple[int, ...]:
    """One thread, and all that there are."""
    if text is not None:
        return tuple(dict.fromkeys(parse_threads(text)))
    return tuple(dict.fromkeys((1, len(os.sched_getaffinity(0)))))


def _check_output(path: Path) -> None:
    from tyc.compiler.artifact import check_output

    check_output(path)


def _runnable(cpu: str) -> Target:
    """The target of a CPU name, if this machine can run its code."""
    from tyc.compiler import targets

    target, host = targets.find("host", cpu), targets.host()
    missing = sorted(set(target.features) - set(host.features))
    if missing:
        raise UserError(
            f"code for {cpu} must run on this machine to be measured, which lacks"
            f" {', '.join(missing)}",
            node="--cpu",
            hint="tune on a machine that has them",
        )
    return target


class _Tuning:
    """One run of the command: the model as it was, its kernels, the model with what was found."""

    def __init__(
        self, model: Path, shapes: Any, settings: Any, path: Path, resume: bool, folder: Path
    ) -> None:
        self.model, self.shapes, self.settings = model, shapes, settings
        self.path, self.resume, self.folder = path, resume, folder
        self.done: list[Tuned] = []

    def report(self) -> dict[str, Any]:
        """Tunes, measures the model, and says what came of it."""
        from tyc.compiler.tuning.session import gain
        from tyc.tools.console import Progress

        with Progress("tuning") as progress:
            before, kernels = self._compile(progress, "before", None)
            session = self._session(kernels, progress)
            interrupted = self._tune(session, progress, len(kernels))
            rows = []
            if not interrupted and any(t.record and t.record.choice for t in self.done):
                progress.step("the model")
                after, _ = self._compile(progress, "after", self.path)
                rows = _measure(before, after, self.settings.threads)
        return {
            "file": str(self.path),
            "kernels": [_row(t) for t in self.done],
            "left": len(kernels) - len(self.done),
            "kernels_gain": gain(self.done),
            "model": rows,
            "interrupted": interrupted,
        }

    def _session(self, kernels: list, progress: Progress) -> Session:
        from tyc.compiler.tuning.session import Session

        def told(name: str, done: int, total: int) -> None:
            progress.step(f"{name}, choice {done} of {total}", len(self.done), len(kernels))

        return Session(kernels, self.settings, self.path, self.resume, told)

    def _tune(self, session: Session, progress: Progress, total: int) -> bool:
        """Goes through the kernels; true where it was interrupted."""
        try:
            for tuned in session.run():
                self.done.append(tuned)
                progress.step(tuned.source.name, len(self.done), total)
        except KeyboardInterrupt:
            return True
        return False

    def _compile(self, progress: Progress, name: str, tuned: Path | None) -> tuple[Path, list]:
        """A library of the model, and its kernels with how often each is called."""
        from tyc.compiler import pipeline
        from tyc.compiler.tuning.database import read
        from tyc.tools.compiling import load_program

        settings = self.settings
        progress.step("import")
        program, stage = load_program(self.model, self.shapes)
        choices = None if tuned is None else read(tuned)
        run = pipeline.Compilation(
            program, settings.target, settings.options, progress=progress.step, tuned=choices
        )
        run.run_program_stages(stage)
        run.compile_kernels()
        run.plan_memory()
        path = self.folder / f"{name}.so"
        run.write(path)
        return path, _calls(run)


def _calls(run: Compilation) -> list:
    from tyc.compiler.pipeline import kernel_sources

    calls: dict[str, int] = {}
    for step in run.plan.steps:
        calls[step.kernel] = calls.get(step.kernel, 0) + 1
    with run.program.module.context:
        sources = kernel_sources(run.program)
    return [(s, calls[s.name]) for s in sources if s.name in calls]


def _row(tuned: Tuned) -> dict[str, Any]:
    record = tuned.record
    row = {"kernel": tuned.source.name, "origin": tuned.source.origin, "calls": tuned.calls}
    if record is None:
        return {**row, "note": tuned.note}
    return {
        **row,
        "default_us": record.default_nanoseconds / 1e3,
        "best_us": record.nanoseconds / 1e3,
        "gain": record.gain,
        "trials": record.trials,
        "choice": record.choice.to_json() if record.choice else None,
        "known": tuned.was_known,
    }


def _measure(before: Path, after: Path, counts: tuple[int, ...]) -> list[dict[str, Any]]:
    """The least milliseconds of a call of two libraries, in turns, for each thread count."""
    from tyc.runtime import load
    from tyc.tools.arrays import inputs_of, specs_of

    rows = []
    for threads in counts:
        modules = [load(path, threads) for path in (before, after)]
        given = inputs_of(specs_of(modules[0].inputs))
        # One thread's own time is what it would take on a quiet machine.
        clock = time.thread_time if threads == 1 else time.perf_counter
        best = [float("inf"), float("inf")]
        end = time.perf_counter() + MODEL_SECONDS
        rounds = 0
        while rounds < 5 or time.perf_counter() < end:
            for i, module in enumerate(modules):
                module(**given)
                for _ in range(3):
                    start = clock()
                    module(**given)
                    best[i] = min(best[i], clock() - start)
            rounds += 1
        first, second = best
        rows.append({
            "threads": threads, "before_ms": first * 1e3, "after_ms": second * 1e3,
            "gain": first / second,
        })  # fmt: skip
    return rows


def _show(report: dict[str, Any], json: bool) -> None:
    from tyc.tools.console import show_json, show_table

    if json:
        show_json(report)
        return
    columns = ["kernel", "calls", "default us", "best us", "gain", "trials", "family"]
    cells = []
    for row in report["kernels"]:
        if "note" in row:
            cells.append([row["kernel"], row["calls"], 0.0, 0.0, 1.0, 0, row["note"]])
            continue
        family = row["choice"]["family"] if row["choice"] else "default"
        cells.append([row["kernel"], row["calls"], row["default_us"], row["best_us"],
                      row["gain"], row["trials"], family])  # fmt: skip
    show_table("", columns, cells)
    print(f"kernels together {report['kernels_gain']:.3f}x, in {report['file']}")
    for row in report["model"]:
        times = f"{row['before_ms']:.3f} ms -> {row['after_ms']:.3f} ms"
        print(f"model, {row['threads']} threads: {times}, {row['gain']:.3f}x")
    if report["left"]:
        print(f"{report['left']} kernels left: the same command goes on")
