"""What `tyc memory` finds: a program's plans at several budgets, as plain data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyc.runtime.errors import UserError

if TYPE_CHECKING:
    from tyc.compiler.planning.budget import Fitted, Placer
    from tyc.compiler.planning.plan import Plan
    from tyc.dialects.program import Program
    from tyc.hub.models.steps import MakeOptimizer, Step

Optimizer = Literal["sgd", "adam", "none"]

Report = Callable[[str, int, int], None]
"""Is told of a stage, what is done of it and how much there is."""


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
    """A model's plans at several budgets, and bytes in use at each step of some of them.

    `parameter_bytes` and `state_bytes` (moments, running means, counts) belong to the caller and
    are in no peak.
    """

    name: str
    kernels: int
    free_peak: int
    parameter_bytes: int = 0
    state_bytes: int = 0
    points: list[Point] = field(default_factory=list)
    timelines: dict[str, list[tuple[str, int]]] = field(default_factory=dict)


def load_model(
    model: str,
    batch: int | None,
    shapes: dict[str, tuple[int, ...]],
    train: bool | None,
    optimizer: Optimizer = "none",
) -> Program:
    """The program to plan: the training step or the forward pass of a hub model or of a file."""
    from tyc.hub import models
    from tyc.hub.models import steps
    from tyc.tools.compiling import load_program
    from tyc.tracing import trace

    make = _optimizers()[optimizer]
    if model in models.list():
        if train is False:
            step = steps.loss_function(model, batch or 8)
            return _named(trace(step.model.eval()).program(step.arguments[0]), model)
        return _named(_program(steps.training_step(model, batch or 8, optimizer=make)), model)
    path = Path(model)
    if path.suffix not in (".onnx", ".mlir"):
        raise UserError(
            f"model must be an ONNX file or one of {', '.join(models.list())}, got {model!r}"
        )
    program, _ = load_program(path, {**_batched(path, batch), **shapes})
    name = program.name
    return _named(_program(steps.imported_step(program, make)), name) if train else program


def _optimizers() -> dict[str, MakeOptimizer | None]:
    from tyc import optim
    from tyc.hub.models.steps import momentum

    return {"sgd": momentum, "adam": optim.Adam, "none": None}


def _program(step: Step) -> Program:
    from tyc.tracing import trace

    return trace(step.function).program(*step.arguments)


def _named(program: Program, name: str) -> Program:
    program.name = name
    return program


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


def study(
    program: Program, budgets: Sequence[int | float | str], report: Report | None = None
) -> Study:
    """Plans a program at each budget; it is rewritten on the way."""
    from tyc.compiler.options import Options
    from tyc.compiler.pipeline import Compilation
    from tyc.compiler.planning.budget import Placer
    from tyc.compiler.planning.plan import graph_of
    from tyc.compiler.targets import host
    from tyc.compiler.transforms.plan_memory import facts_of, steps_of

    run = Compilation(program, host(), Options(), progress=report)
    run.run_program_stages(stop="fuse")
    run.schedule_kernels()
    run.prepare(run.schedule_kernels)
    with program.module.context:
        plan, _ = steps_of(program, run.kernels)
    flops = [run.kernels[s.kernel].flops for s in plan.steps]
    placer = Placer(graph_of(plan, facts_of(plan, run.kernels, run.target)))
    found = Study(program.name, len(plan.steps), placer.free.arena_bytes, *_kept_bytes(program))
    limits, seconds = _search(placer, budgets, report)
    for limit, spent in zip(limits, seconds):
        fitted = placer.within(limit) or placer.smallest()
        found.points.append(_point(placer, fitted, limit, spent, plan, flops))
    found.timelines = _timelines(placer, found.points, plan)
    return found


def _kept_bytes(program: Program) -> tuple[int, int]:
    """Bytes of parameters, and of what else a step keeps from call to call.

    A parameter that a step updates is an input too; what the optimizer adds is named after it.
    """
    sizes = {name: kind.nbytes for name, kind in program.inputs if name in program.state}
    added = {n for n in sizes if n.rpartition(".")[0] in sizes or n in ("lr", "count")}
    constants = sum(array.nbytes for array in program.parameters.values())
    state = sum(sizes[n] for n in added)
    return constants + sum(sizes.values()) - state, state


def _search(
    placer: Placer, budgets: Sequence[int | float | str], report: Report | None
) -> tuple[list[int], list[float]]:
    """The budgets in bytes and the seconds to plan each; the largest are planned first."""
    limits = [placer.bytes_of(b) for b in budgets]
    seconds = [0.0] * len(limits)
    for done, i in enumerate(sorted(range(len(limits)), key=lambda i: -limits[i])):
        if report is not None:
            report("budgets", done, len(limits))
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
    return plan.steps[fitted.expanded.kernels[used.index(max(used))]].label


def _timelines(
    placer: Placer, points: Sequence[Point], plan: Plan
) -> dict[str, list[tuple[str, int]]]:
    """Ops and bytes in use, in the order they run: without a budget and at the least one."""
    least = min((p.budget for p in points if p.feasible), default=None)
    chosen = {"no budget": placer.free}
    if least is not None and (fitted := placer.within(least)) not in (None, placer.free):
        chosen[f"{least} bytes"] = fitted
    return {
        name: [(plan.steps[k].label, n) for k, n in zip(f.expanded.kernels, f.profile())]
        for name, f in chosen.items()
    }
