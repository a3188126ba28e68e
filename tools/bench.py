"""`tyc bench`: how long a call takes, beside onnxruntime in the same minutes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tyc.runtime.errors import UserError
from tyc.tools.arguments import Json, LibraryOrModel, ShapeList, parse_shapes, parse_threads

if TYPE_CHECKING:
    import numpy as np

SETTLE_SECONDS, BLOCK_SECONDS, LEAST_RUNS = 0.1, 0.25, 5


def bench_command(
    file: LibraryOrModel,
    against: Annotated[
        str | None, typer.Option("--against", help="onnxruntime: measured in turns with ours.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="The ONNX model of a library, for --against.")
    ] = None,
    shape: ShapeList = [],  # noqa: B006
    threads: Annotated[str, typer.Option("--threads", help="Thread counts: 1,2.")] = "1",
    seconds: Annotated[
        float, typer.Option("--seconds", help="How long to measure each count.", min=0.01)
    ] = 3.0,
    json: Json = False,
) -> None:
    """Measures minimum and median time of a call. A model is compiled first."""
    from tyc.tools.compiling import compile_to, is_library

    counts = parse_threads(threads)
    if against not in (None, "onnxruntime"):
        raise UserError(f"must be onnxruntime, got {against!r}", node="--against")
    if not is_library(file):
        with tempfile.TemporaryDirectory(prefix="tyc-") as folder:
            library = Path(folder) / f"{file.stem}.so"
            compile_to(file, library, parse_shapes(shape))
            rows = _measure(library, file if against else None, counts, seconds)
    else:
        if against and model is None:
            message = "a library is measured beside its model, got no --model"
            raise UserError(message, node="--against", hint="add --model MODEL.onnx")
        rows = _measure(file, model if against else None, counts, seconds)
    _show(file.name, rows, json)


def _measure(
    library: Path, model: Path | None, counts: list[int], seconds: float
) -> list[dict[str, Any]]:
    from tyc.runtime import load
    from tyc.tools.arrays import inputs_of, specs_of
    from tyc.tools.console import Progress

    rows = []
    with Progress("measuring") as progress:
        for done, count in enumerate(counts):
            progress.step(f"{count} threads", done, len(counts))
            module = load(library, count)
            given = inputs_of(specs_of(module.inputs))
            runs: dict[str, Callable[[], Any]] = {"tyc": lambda m=module, g=given: m(**g)}
            if model is not None:
                session = _session(model, count)
                runs["onnxruntime"] = lambda s=session, g=given: s.run(None, g)
            rows.append({"threads": count, **_times(runs, seconds)})
            if model is not None:
                rows[-1]["error"] = _error(runs)
                rows[-1]["ratio"] = rows[-1]["tyc"]["min_ms"] / rows[-1]["onnxruntime"]["min_ms"]
    return rows


def _session(model: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        message = "needs the package onnxruntime, which is not installed"
        raise UserError(message, node="--against", hint="pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        reason = " ".join(str(error).split())
        raise UserError(
            f"onnxruntime must load the model, got: {reason}", node=model.name
        ) from None


def interleaved_times(runs: dict[str, Callable[[], Any]], seconds: float) -> dict[str, list[float]]:
    """Seconds of each run, the engines taking turns in short blocks: all meet the same noise.

    A thread pool spins for a while after its last call and would take a core from the engine that
    is timed next, so each block begins with calls that are not timed.
    """
    taken: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds * len(runs)
    while time.perf_counter() < end or min(map(len, taken.values())) < LEAST_RUNS:
        for name, run in runs.items():
            start = time.perf_counter()
            while time.perf_counter() < start + SETTLE_SECONDS:
                run()
            start = begin = time.perf_counter()
            while start < begin + BLOCK_SECONDS:
                run()
                taken[name].append(time.perf_counter() - start)
                start = time.perf_counter()
    return taken


def _times(runs: dict[str, Callable[[], Any]], seconds: float) -> dict[str, Any]:
    return {
        name: {
            "min_ms": min(times) * 1e3,
            "median_ms": statistics.median(times) * 1e3,
            "runs": len(times),
        }
        for name, times in interleaved_times(runs, seconds).items()
    }


def _error(runs: dict[str, Callable[[], Any]]) -> float:
    """The greatest relative error of an output."""
    from tyc.tools.arrays import relative_error

    ours, theirs = runs["tyc"](), runs["onnxruntime"]()
    mine: list[np.ndarray] = list(ours) if isinstance(ours, tuple) else [ours]
    return max((relative_error(a, b) for a, b in zip(mine, theirs)), default=0.0)


def _show(name: str, rows: list[dict[str, Any]], json: bool) -> None:
    from tyc.tools.console import show_json, show_table

    if json:
        show_json({"name": name, "rows": rows})
        return
    columns = ["threads", "tyc min ms", "median", "runs"]
    if "onnxruntime" in rows[0]:
        columns += ["onnxruntime min ms", "median", "ratio", "max error"]
    cells = []
    for row in rows:
        cells.append([row["threads"], *row["tyc"].values()])
        if "onnxruntime" in row:
            theirs = row["onnxruntime"]
            cells[-1] += [theirs["min_ms"], theirs["median_ms"], row["ratio"], row["error"]]
    show_table(name, columns, cells)
