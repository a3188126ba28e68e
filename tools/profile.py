"""`tyc profile`: the time of each kernel beside what this machine can do at most."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from tyc.runtime.errors import UserError
from tyc.tools.arguments import Json, LibraryOrModel, ShapeList, Threads, parse_shapes


def profile_command(
    file: LibraryOrModel,
    shape: ShapeList = [],  # noqa: B006
    threads: Threads = 0,
    seconds: Annotated[
        float, typer.Option("--seconds", help="How long to measure.", min=0.01)
    ] = 2.0,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write one page with timeline, roofline, memory and graph."),
    ] = None,
    json: Json = False,
) -> None:
    """Times each kernel of a library. A model is compiled first."""
    from tyc.tools.compiling import compile_to, is_library

    if html is not None:
        _check_page(html)
    if is_library(file):
        if shape:
            raise UserError("shapes are fixed in a library, got --shape", node=file.name)
        facts = _measure(file, threads, seconds)
    else:
        with tempfile.TemporaryDirectory(prefix="tyc-") as folder:
            library = Path(folder) / f"{file.stem}.so"
            compile_to(file, library, parse_shapes(shape))
            facts = _measure(library, threads, seconds)
    if html is not None:
        from tyc.tools.profile_page import write_page

        write_page(facts, html)
    _show(facts, json)


def _check_page(html: Path) -> None:
    """Raises `UserError` before anything is measured where the page cannot be made."""
    from tyc.compiler.artifact import check_output
    from tyc.tools.profile_page import require_plotly

    require_plotly()
    check_output(html)


def _measure(library: Path, threads: int, seconds: float) -> dict[str, Any]:
    """All that is shown: the module's signature and plan, the rows, the totals, the limits."""
    from tyc.runtime import load
    from tyc.runtime.profile import measure
    from tyc.tools.arrays import inputs_of, specs_of
    from tyc.tools.console import Progress
    from tyc.tools.profiling import kernel_rows, step_rows
    from tyc.tools.roofline import roofline

    module = load(library, threads or None)
    with Progress("measuring") as progress:
        progress.step("this machine's limits")
        limits = roofline(module.threads)
        progress.step("kernels")
        profile = measure(module, inputs_of(specs_of(module.inputs)), seconds)
    steps = step_rows(module.manifest, profile, limits)
    return {
        "manifest": module.manifest,
        "profile": profile,
        "limits": limits,
        "steps": steps,
        "kernels": kernel_rows(steps),
    }


def _report(facts: dict[str, Any]) -> dict[str, Any]:
    profile = facts["profile"]
    return {
        "name": facts["manifest"]["name"],
        "threads": profile.threads,
        "runs": profile.runs,
        "run_seconds": profile.run_seconds,
        "kernel_seconds": float(profile.seconds.sum()),
        "overhead_seconds": profile.overhead_seconds,
        "noise_seconds": profile.noise_seconds,
        "flops": sum(r.flops for r in facts["steps"]),
        "limits": facts["limits"].to_json(),
        "kernels": [r.to_json() for r in facts["kernels"]],
        "steps": [r.to_json() for r in facts["steps"]],
    }


def _show(facts: dict[str, Any], json: bool) -> None:
    from tyc.tools.console import show_json, show_table
    from tyc.tools.profiling import origin_text, time_text

    report = _report(facts)
    if json:
        show_json(report)
        return
    limits, total, run = facts["limits"], report["kernel_seconds"], report["run_seconds"]
    levels = ", ".join(f"{v.name} {v.bytes_per_second / 1e9:.0f}" for v in limits.levels)
    rate = report["flops"] / max(total, 1e-12) / 1e9
    plural = "thread" if limits.threads == 1 else "threads"
    print(f"{report['name']}  {limits.threads} {plural}, least of {report['runs']} runs")
    print(f"  machine   {limits.flops_per_second / 1e9:.0f} GFLOP/s; GB/s of {levels}")
    print(f"  run       {time_text(run)}")
    print(f"  kernels   {time_text(total)} in {len(report['steps'])} calls, {rate:.1f} GFLOP/s")
    for key, what in (("overhead", "beside the kernels"), ("noise", "of what else ran")):
        lost = report[f"{key}_seconds"]
        print(f"  {key:9} {time_text(lost)}, {lost / run * 100:.1f} % of the run, {what}")
    print()
    cells = [
        [
            r.kernel, r.calls, f"{r.seconds * 1e6:,.1f}", f"{r.share * 100:.1f}",
            f"{r.flops_per_second / 1e9:.1f}", f"{r.bytes_per_second / 1e9:.1f}",
            f"{r.of_limit * 100:.0f}", r.level, origin_text(r.origins),
        ]
        for r in facts["kernels"]
    ]  # fmt: skip
    columns = ["kernel", "calls", "µs", "% of time", "GFLOP/s", "GB/s", "% of roof", "in", "from"]
    show_table("", columns, cells)
