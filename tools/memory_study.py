"""What `tyc memory` finds: a program's plans at several budgets, as plain data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyc.runtime.errors import UserError

if TYPE_CHECKING:
    from tyc.compiler.pipeline import Compilation
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

    `peak` is the workspace of the plan, `live` the most bytes that live at once in it; without
    `feasible` it is the least that was found, and `limit` names the op that sets it.
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
    live: int = 0
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
    optimizer: Optimizer = "sgd",
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
    from tyc.compiler.targets import host

    run = Compilation(program, host(), Options(), progress=report)
    run.run_program_stages(stop="fuse")
    run.schedule_kernels()
    run.prepare(run.schedule_kernels)
    versions = _Versions(run)
    whole = versions.whole
    found = Study(
        program.name, len(whole.plan.steps), whole.placer.free.arena_bytes, *_kept_bytes(program)
    )
    limits, seconds = _search(versions, budgets, report)
    for limit, spent in zip(limits, seconds):
        found.points.append(_point(whole, *versions.best(limit), limit, spent))
    found.timelines = _timelines(versions, found.points)
    return found


@dataclass
class _Version:
    """A program as it is, or with something in strips: its steps, their FLOPs, plans at budgets."""

    plan: Plan
    flops: Sequence[int]
    placer: Placer

    @staticmethod
    def of(run: Compilation) -> _Version:
        """That of a program whose kernels are there."""
        from tyc.compiler.planning.budget import Placer
        from tyc.compiler.planning.plan import graph_of
        from tyc.compiler.transforms.plan_memory import facts_of, steps_of

        with run.program.module.context:
            plan, _ = steps_of(run.program, run.kernels)
        flops = [run.kernels[s.kernel].flops for s in plan.steps]
        return _Version(
            plan, flops, Placer(graph_of(plan, facts_of(plan, run.kernels, run.target)))
        )

    def seconds(self, fitted: Fitted) -> float:
        """What a plan's steps take."""
        costs = sum(kernel.cost for kernel in self.placer.graph.kernels)
        return (costs + fitted.extra) / 1e9


class _Versions:
    """The versions of a program, made when a budget asks for them."""

    def __init__(self, run: Compilation) -> None:
        self.run, self.whole = run, _Version.of(run)
        self.cut: dict[str, _Version] = {}
        self.tried: dict[int, list[_Version]] = {}

    def search(self, limit: int) -> None:
        """Plans within a budget, as the compiler does: the first version that fits is taken."""
        if limit in self.tried:
            return
        free = self.whole.placer.free.arena_bytes
        cut = self.run.in_strips(free, limit) if limit < free else []
        tried = self.tried[limit] = []
        for run in cut:
            text = str(run.program.module)
            if text not in self.cut:
                run.schedule_kernels()
                run.prepare(run.schedule_kernels)
                self.cut[text] = _Version.of(run)
            tried.append(self.cut[text])
            if tried[-1].placer.place(limit).arena_bytes <= limit:
                return
        if not cut:
            tried.append(self.whole)
            self.whole.placer.place(limit)

    def best(self, limit: int) -> tuple[_Version, Fitted]:
        """The quickest of all plans found within a budget, or the smallest of that budget's.

        Of all, so that a smaller budget never has the larger peak.
        """
        versions = [self.whole, *self.cut.values()]
        fits = [(v, f) for v in versions if (f := v.placer.within(limit)) is not None]
        if not fits:
            version = self.tried[limit][-1]
            return version, version.placer.smallest()
        return min(fits, key=lambda found: (found[0].seconds(found[1]), found[1].arena_bytes))


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
    versions: _Versions, budgets: Sequence[int | float | str], report: Report | None
) -> tuple[list[int], list[float]]:
    """The budgets in bytes and the seconds to plan each; the largest are planned first."""
    limits = [versions.whole.placer.bytes_of(b) for b in budgets]
    seconds = [0.0] * len(limits)
    for done, i in enumerate(sorted(range(len(limits)), key=lambda i: -limits[i])):
        if report is not None:
            report("budgets", done, len(limits))
        start = time.perf_counter()
        versions.search(limits[i])
        seconds[i] = time.perf_counter() - start
    return limits, seconds


def _point(whole: _Version, version: _Version, fitted: Fitted, limit: int, spent: float) -> Point:
    runs, step = fitted.expanded.kernels, whole.seconds(whole.placer.free)
    fits = fitted.arena_bytes <= limit
    return Point(
        budget=limit,
        peak=fitted.arena_bytes,
        feasible=fits,
        extra_flops=sum(version.flops[k] for k in runs) - sum(whole.flops),
        step_flops=sum(whole.flops),
        plan_seconds=spent,
        extra_seconds=version.seconds(fitted) - step,
        step_seconds=step,
        recomputed=len(runs) - len(version.plan.steps),
        live=fitted.layout.peak,
        limit="" if fits else _limit(fitted, version.plan),
    )


def _limit(fitted: Fitted, plan: Plan) -> str:
    """The op at which the most bytes are in use."""
    used = fitted.profile()
    return plan.steps[fitted.expanded.kernels[used.index(max(used))]].label


def _timelines(versions: _Versions, points: Sequence[Point]) -> dict[str, list[tuple[str, int]]]:
    """Ops and bytes in use, in the order they run: without a budget and at the least one."""
    from tyc.tools.console import size_text

    whole = versions.whole
    least = min((p.budget for p in points if p.feasible), default=None)
    chosen = {"no budget": (whole, whole.placer.free)}
    if least is not None and least < whole.placer.free.arena_bytes:
        chosen[size_text(least)] = versions.best(least)
    return {
        name: [(v.plan.steps[k].label, n) for k, n in zip(f.expanded.kernels, f.profile())]
        for name, (v, f) in chosen.items()
    }
