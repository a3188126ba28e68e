"""`tyc memory`: the workspace's peak against the arithmetic that is done again for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tyc.runtime.errors import UserError
from tyc.tools.arguments import Json, ShapeList, parse_shapes

if TYPE_CHECKING:
    from tyc.compiler.planning.budget import Fitted, Placer
    from tyc.compiler.planning.plan import Plan
    from tyc.dialects.program import Program

SWEEP = tuple(f"{share}%" for share in range(100, 5, -5))
"""The budgets of `--budgets sweep`."""


@dataclass(frozen=True)
class Point:
    """One budget and its plan: bytes, FLOPs, seconds on this target's cost model.

    `peak` is the workspace of the plan; without `feasible` it is the least that was found, and
    `limit` names the op that sets it.
    """

    budget: int
    peak: int
    feasible: bool
    extra_flops: int
    step_flops: int
    plan_seconds: float
    extra_seconds: float
    step_seconds: float
    recomputed: int
    limit: str = ""


@dataclass
class Study:
    """A model's plans at several budgets, and bytes in use at each step of some of them."""

    name: str
    kernels: int
    free_peak: int
    points: list[Point] = field(default_factory=list)
    timelines: dict[str, list[tuple[str, int]]] = field(default_factory=dict)


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
        program = load_model(model, batch, parse_shapes(shape), train)
        found = study(program, texts, lambda n, total: progress.step("kernels", n, total))
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


def load_model(
    model: str, batch: int | None, shapes: dict[str, tuple[int, ...]], train: bool | None
) -> Program:
    """The program to plan: a hub model's training step or forward pass, or those of a file."""
    from tyc.hub import models

    if model in models.list():
        return _from_hub(model, batch or 8, train is not False)
    path = Path(model)
    if path.suffix not in (".onnx", ".mlir"):
        raise UserError(
            f"model must be an ONNX file or one of {', '.join(models.list())}, got {model!r}"
        )
    from tyc.tools.compiling import load_program

    program, _ = load_program(path, {**_batched(path, batch), **shapes})
    if train:
        from tyc.compiler.transforms.differentiate import gradients

        names = [n for n, array in program.parameters.items() if array.dtype.kind == "f"]
        with program.module.context:
            gradients(program, names, keep_outputs=True)
    return program


def _from_hub(name: str, batch: int, train: bool) -> Program:
    from tyc.hub.models import steps

    if train:
        return steps.gradient_program(name, batch)
    from tyc.tracing import trace

    step = steps.loss_function(name, batch)
    step.model.eval()
    return trace(step.model).program(step.arguments[0])


def _batched(path: Path, batch: int | None) -> dict[str, tuple[int, ...]]:
    """The inputs of an ONNX file whose first dimension is open, with the batch for it."""
    if batch is None or path.suffix != ".onnx":
        return {}
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    given = {tensor.name for tensor in graph.initializer}
    found = {}
    for value in graph.input:
        sizes = value.type.tensor_type.shape.dim
        if value.name not in given and sizes and not sizes[0].HasField("dim_value"):
            rest = [d.dim_value for d in sizes[1:]]
            if all(rest):
                found[value.name] = (batch, *rest)
    return found


def study(program: Program, budgets: Sequence[int | float | str], progress: Any = None) -> Study:
    """Plans a program at each budget."""
    from tyc.compiler.kernels import schedule_kernel
    from tyc.compiler.options import Options
    from tyc.compiler.pipeline import Compilation
    from tyc.compiler.planning.budget import Placer
    from tyc.compiler.planning.plan import graph_of
    from tyc.compiler.targets import host
    from tyc.compiler.transforms.plan_memory import facts_of, steps_of

    run = Compilation(program, host(), Options())
    run.run_program_stages(stop="fuse")
    sources = run.kernel_sources()
    kernels = {}
    for i, source in enumerate(sources):
        if progress is not None:
            progress(i, len(sources))
        kernels[source.name] = schedule_kernel(source, run.target, run.options)
    with program.module.context:
        plan, _ = steps_of(program, kernels)
    graph = graph_of(plan, facts_of(plan, kernels, run.target))
    flops = [kernels[s.kernel].flops for s in plan.steps]
    placer = Placer(graph)
    found = Study(program.name, len(plan.steps), placer.free.arena_bytes)
    limits, seconds = _search(placer, budgets)
    for limit, spent in zip(limits, seconds):
        fitted = placer.within(limit) or placer.smallest()
        found.points.append(_point(placer, fitted, limit, spent, plan, flops))
    found.timelines = _timelines(placer, found.points, plan)
    return found


def _search(placer: Placer, budgets: Sequence[int | float | str]) -> tuple[list[int], list[float]]:
    """The budgets in bytes and the seconds to plan each; the largest are planned first."""
    limits = [placer.bytes_of(b) for b in budgets]
    seconds = [0.0] * len(limits)
    for i in sorted(range(len(limits)), key=lambda i: -limits[i]):
        start = time.perf_counter()
        placer.place(limits[i])
        seconds[i] = time.perf_counter() - start
    return limits, seconds


def _point(
    placer: Placer, fitted: Fitted, limit: int, spent: float, plan: Plan, flops: Sequence[int]
) -> Point:
    runs = fitted.expanded.kernels
    costs = [kernel.cost for kernel in placer.graph.kernels]
    fits = fitted.arena_bytes <= limit
    return Point(
        budget=limit,
        peak=fitted.arena_bytes,
        feasible=fits,
        extra_flops=sum(flops[k] for k in runs) - sum(flops),
        step_flops=sum(flops),
        plan_seconds=spent,
        extra_seconds=fitted.extra / 1e9,
        step_seconds=sum(costs) / 1e9,
        recomputed=len(runs) - len(plan.steps),
        limit="" if fits else _limit(fitted, plan),
    )


def _limit(fitted: Fitted, plan: Plan) -> str:
    """The op at which the most bytes are in use."""
    used = fitted.profile()
    step = plan.steps[fitted.expanded.kernels[used.index(max(used))]]
    return step.origin or step.kernel


def _timelines(
    placer: Placer, points: Sequence[Point], plan: Plan
) -> dict[str, list[tuple[str, int]]]:
    """Ops and bytes in use, in the order they run: without a budget and at the least one."""
    least = min((p.budget for p in points if p.feasible), default=None)
    chosen = {"no budget": placer.free}
    if least is not None and (fitted := placer.within(least)) not in (None, placer.free):
        chosen[f"{least} bytes"] = fitted
    names = [s.origin or s.kernel for s in plan.steps]
    return {
        name: [(names[k], n) for k, n in zip(f.expanded.kernels, f.profile())]
        for name, f in chosen.items()
    }


def _show(found: Study) -> None:
    from tyc.tools.console import size_text

    print(f"{found.name}: {found.kernels} kernels, workspace {size_text(found.free_peak)}")
    print(f"{'budget':>12} {'peak':>12} {'of free':>8} {'FLOPs':>8} {'time':>8} {'again':>6}")
    for p in found.points:
        share = p.peak / max(found.free_peak, 1)
        print(
            f"{size_text(p.budget):>12} {size_text(p.peak):>12} {share:8.1%}"
            f" {p.extra_flops / max(p.step_flops, 1):+8.2%}"
            f" {p.extra_seconds / max(p.step_seconds, 1e-12):+8.2%} {p.recomputed:6}"
            + ("" if p.feasible else f"  does not fit: {p.limit}")
        )
