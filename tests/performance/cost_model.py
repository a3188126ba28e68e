"""How good the choice is that compilation makes without measuring: against the best that was found.

    python tests/performance/cost_model.py MODEL.onnx ... [--kernels 8] [--trials 40] [--json OUT]

For the heaviest kernels of each model, every choice of the space is compiled and run by turns with
the default, on one thread by `time.thread_time()`, minima of many runs. `regret` is the time of the
default over the best; `rank` says how many of the choices were faster. A kernel of contractions
also gets `order`, the rank correlation of estimated and measured times, 1 where the cost model puts
all choices in their order. The bar: a geometric mean of regrets of at most 1.05.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from mlir import ir

import tyc.onnx
from tyc.compiler import pool
from tyc.compiler.kernels import CompiledKernel, KernelSource
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.schedules.choice import Choice
from tyc.compiler.targets import host
from tyc.compiler.tuning.runner import Runner, TrialFailed, trial_child
from tyc.compiler.tuning.search import score
from tyc.compiler.tuning.trial import Setup

TARGET, OPTIONS = host(), Options()
SECONDS = 0.03
"""How long each choice is measured in each of two rounds."""


@dataclass
class Row:
    """One kernel: its choices with nanoseconds, the default first, and their estimates."""

    model: str
    kernel: str
    choices: list[Choice] = field(default_factory=list)
    times: list[list[float]] = field(default_factory=list)
    estimates: list[float | None] = field(default_factory=list)

    @property
    def scores(self) -> list[float]:
        """The time of each choice, the mean over thread counts."""
        return [score(t) for t in self.times]

    @property
    def regret(self) -> float:
        """`default / best`."""
        return self.scores[0] / min(self.scores)

    @property
    def rank(self) -> int:
        """Choices that are faster than the default."""
        return sum(s < self.scores[0] for s in self.scores)

    @property
    def order(self) -> float | None:
        """Spearman's rank correlation of estimates and times."""
        own = [i for i, e in enumerate(self.estimates) if e is not None]
        if len(own) < 3:
            return None
        pairs = [[x[i] for i in own] for x in (self.estimates, self.scores)]
        return float(np.corrcoef(*(np.argsort(np.argsort(x)) for x in pairs))[0, 1])

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain data."""
        return {
            "model": self.model, "kernel": self.kernel, "regret": self.regret, "rank": self.rank,
            "order": self.order, "times": self.times, "estimates": self.estimates,
            "choices": [c.to_json() for c in self.choices],
        }  # fmt: skip


def heaviest(model: Path, count: int) -> list[KernelSource]:
    """The kernels of a model with the most arithmetic, calls counted."""
    run = Compilation(tyc.onnx.load(model), TARGET, OPTIONS)
    run.run_program_stages()
    run.compile_kernels()
    run.plan_memory()
    work: dict[str, float] = {}
    for step in run.plan.steps:
        kernel = run.kernels[step.kernel]
        work[step.kernel] = work.get(step.kernel, 0.0) + max(kernel.flops / 4, kernel.bytes)
    with run.program.module.context:
        sources = {s.name: s for s in run.kernel_sources()}
    return [sources[n] for n in sorted(work, key=lambda n: -work[n])[:count]]


def measure(model: str, source: KernelSource, trials: int, threads: tuple[int, ...]) -> Row | None:
    """Every choice of a kernel, run; `None` where there is only one."""
    facts = pool.examine(source, TARGET, OPTIONS, trials + 1)
    if len(facts.choices) < 2:
        return None
    made = pool.compile_each(
        [source, *(replace(source, choice=c) for c in facts.choices[1:])], TARGET, OPTIONS
    )
    child = trial_child()
    try:
        runner = Runner(Setup(facts.inputs, facts.outputs, TARGET), threads, child)
        good = [n for n, kernel in enumerate(made) if _added(runner, n, kernel)]
        rounds = [runner.time(good, SECONDS * len(good)) for _ in range(2)]
    finally:
        child.close()
    good = [n for n in good if all(n in r for r in rounds)]
    times = [[min(t) for t in zip(*(r[n] for r in rounds))] for n in good]
    choices = [facts.choices[n] for n in good]
    return Row(model, source.name, choices, times, estimates(source, choices))


def _added(runner: Runner, number: int, kernel: CompiledKernel | pool.KernelFailure) -> bool:
    if not isinstance(kernel, CompiledKernel):
        return False
    try:
        return runner.add(number, kernel).error <= 1e-4
    except TrialFailed:
        return False


def estimates(source: KernelSource, choices: list[Choice]) -> list[float | None]:
    """What the cost model of contractions says of plans, `None` of other families'."""
    from tyc.compiler import kernels
    from tyc.compiler.schedules import contraction_analysis, contraction_plan
    from tyc.compiler.schedules.contraction_cost import Machine, cost
    from tyc.dialects.registration import context

    if not any(c.family == "contraction" for c in choices):
        return [None] * len(choices)
    with context(), ir.Location.unknown():
        module, _ = kernels._lowered(source.text, TARGET, OPTIONS)
        found = contraction_analysis.find(module)
        assert found is not None
        default = contraction_plan.make(found, TARGET)
        machine = Machine.of(found, TARGET)

        def estimate(choice: Choice) -> float | None:
            if choice.family != "contraction":
                return None
            given = choice.parameters
            plan = contraction_plan.from_parameters(found, TARGET, given) if given else default
            return None if plan is None else cost(plan, found, machine)

        return [estimate(c) for c in choices]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--kernels", type=int, default=8)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    threads = tuple(int(n) for n in asked.threads.split(","))
    rows = []
    for model in asked.models:
        for source in heaviest(model, asked.kernels):
            row = measure(model.stem, source, asked.trials, threads)
            if row is None:
                continue
            rows.append(row)
            order = "     " if row.order is None else f"{row.order:5.2f}"
            best = row.scores.index(min(row.scores))
            print(
                f"{row.model:16} {row.kernel:40} {row.scores[0] / 1e3:9.1f} us"
                f" regret {row.regret:5.3f} rank {row.rank:3} of {len(row.times):3} order {order}"
                f" best {row.choices[best].text if best else 'default'}",
                flush=True,
            )
            if asked.json:
                asked.json.write_text(json.dumps([r.to_json() for r in rows], indent=1) + "\n")
    mean = float(np.exp(np.mean([np.log(r.regret) for r in rows]))) if rows else 1.0
    print(f"geometric mean of {len(rows)} regrets: {mean:.3f}")
    sys.exit(mean > 1.05)


if __name__ == "__main__":
    main()
