"""Whole training steps with and without a memory budget: what is planned, asked for and touched,
and the bits of all that a step changes.

    free, *fitted = runs(program, (None, 0.5, 0.3), folder)
    assert fitted[0].digests == free.digests and fitted[0].holds()
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hub_models import SMALL

from tyc import random, runtime
from tyc.compiler.options import Options
from tyc.compiler.pipeline import compile_program
from tyc.dialects.program import Program
from tyc.hub import models
from tyc.runtime.errors import UserError
from tyc.runtime.memory import POISON, GuardedWorkspace
from tyc.tracing import trace

STEPS = 3


@dataclass
class Run:
    """Some steps of one library. Bytes: `budget` that it was compiled with, `planned` by the
    compiler, `asked` by the library, `touched` by the steps; `written` is the share of the bytes
    that the plan names which a step wrote, `outside` whether any other byte of the workspace was.
    `feasible` is false where the budget was raised to the least that the compiler names.

    `digests` has the loss and every input that a step updates, by name, after each step.
    """

    share: float | None
    feasible: bool
    budget: int | None
    planned: int
    asked: int
    recomputed: int
    steps: int
    touched: int = 0
    written: float = 0.0
    outside: bool = False
    losses: list[float] = field(default_factory=list)
    digests: list[dict[str, str]] = field(default_factory=list)

    def holds(self) -> bool:
        """Whether planned, asked and touched bytes are one number, within the budget."""
        kept = self.budget is None or self.planned <= self.budget
        # A number's last byte may be POISON by chance.
        touched = 0 <= self.asked - self.touched < 64 and self.written > 0.98
        return kept and self.planned == self.asked and touched and not self.outside

    def row(self) -> dict[str, Any]:
        """What JSON keeps of it."""
        made = asdict(self)
        del made["digests"]
        return made | {"holds": self.holds()}


def step_program(make: Callable[[], models.Model], batch: int, size: int | None = None) -> Program:
    """A model's training step by SGD with momentum, whose state begins at seed 0."""
    random.seed(0)
    step = models.training_step(make(), batch, size)
    return trace(step.function).program(*step.arguments)


def small_program(name: str, batch: int, size: int | None = None) -> Program:
    """The step of a model with all layers and few channels; dropout is on."""
    options = {k: v for k, v in SMALL[name].options.items() if k != "dropout"}
    return step_program(partial(models.create, name, **options), batch, size or SMALL[name].size)


def arguments_of(program: Program) -> dict[str, np.ndarray]:
    """Arrays for what a caller gives to a step: images, tokens below 50, classes below 7."""
    chance = np.random.default_rng(3)
    found = {}
    for name, kind in program.inputs:
        if name in program.state:
            continue
        dtype = np.dtype(kind.dtype.name.replace("f", "float").replace("i", "int"))
        if dtype.kind == "f":
            found[name] = chance.standard_normal(kind.shape).astype(dtype)
        else:
            found[name] = chance.integers(0, 7, kind.shape).astype(dtype)
    return found


def runs(
    program: Program, shares: Sequence[float | None], folder: Path, count: int = STEPS
) -> Iterator[Run]:
    """Compiles a step with each budget, as a share of the free workspace, and runs it."""
    arguments, free = arguments_of(program), 0
    for i, share in enumerate(shares):
        budget = None if share is None else int(share * free)
        path = folder / f"step{i}.so"
        feasible, budget = compiled(program, path, budget)
        # Results do not depend on the number of threads either.
        module = runtime.load(path, threads=1 + i % 2)
        memory = module.manifest["memory"]
        run = Run(
            share, feasible, budget, memory["workspace_bytes"], module.workspace_bytes,
            memory["recomputed_steps"], len(module.manifest["steps"]),
        )  # fmt: skip
        _step(run, module, arguments, count)
        free = run.planned if share is None else free
        yield run


def compiled(program: Program, path: Path, budget: int | None) -> tuple[bool, int | None]:
    """Writes the library of a program, which stays as it is, within a budget or the least that the
    compiler names: whether it was feasible, and the one that was taken."""
    try:
        compile_program(program.copy(), path, options=Options(memory_budget=budget))
    except UserError as error:
        least = re.match(r"memory budget must be at least (\d+) bytes", error.message)
        if least is None:
            raise
        compile_program(program.copy(), path, options=Options(memory_budget=int(least[1])))
        return False, int(least[1])
    return True, budget


def _step(run: Run, module: runtime.Module, arguments: dict[str, np.ndarray], count: int) -> None:
    """Runs a library's steps in memory that tells what they touched."""
    workspace = GuardedWorkspace(module.workspace_bytes)
    module.use_workspace(workspace)
    state = module.initialize()
    for _ in range(count):
        workspace.poison()
        loss = np.asarray(module(**arguments, **state))
        run.touched = max(run.touched, workspace.touched_bytes())
        run.outside |= workspace.touched_outside()
        run.losses.append(float(loss))
        run.digests.append({"loss": _digest(loss)} | {n: _digest(a) for n, a in state.items()})
    planned = np.zeros(module.workspace_bytes, bool)
    for nbytes, place, index, *_ in module.manifest["buffers"]:
        if place == "arena":
            planned[index : index + nbytes] = True
    touched = workspace._memory[: module.workspace_bytes] != POISON
    run.outside |= bool((touched & ~planned).any())
    run.written = float(touched[planned].mean()) if planned.any() else 1.0


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]
