"""The bars of recomputation: `docs/results/rematerialization.json`.

    python tests/performance/rematerialization.py [--only PART,...] [--names NAME,...] [--quick]

On the compiled steps of the suite's ten models at batch 8 and on random layered graphs of 100 to
5,000 kernels. The frontier is what `tyc memory NAME` says, where a budget may change the kernels
too; all else is on the graphs of steps compiled without a budget (`tests/support/step_graphs.py`:
compiled once, then read from `build/graphs` or from `--graphs FOLDER`). Bytes are those of the
arena, for comparisons with others the largest live set on both sides; times are seconds of one
core. Parts, each written when it is done:

    frontier    extra FLOPs and time, arena, fragmentation and seconds at 50, 30, 20 % of the peak
    falling     50 falling budgets
    optimum     the step's cost over the exact optimum's, up to 60 kernels
    bound       the step's cost over a lower bound's, on graphs of about 500 kernels
    growth      the least peak at 33 % of extra FLOPs, for N = 16 .. 1024 equal layers
    dominated   plans of Chen, Rotor and DTR, and ours at a budget of their peak

Parts and names that are not chosen keep their figures. All of it takes about ten minutes on a quiet
core, beside a few minutes to compile the graphs.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from dominance import dominated, front
from exact_rematerialization import cheapest
from kernel_sequences import Course
from rematerialization_bound import least_extra
from step_graphs import BATCH, RANDOM, SUITE, StepGraphs
from training_models import chain, equal, random_layers

from tyc.compiler.planning.budget import Placer
from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.rematerialize import Rematerializer
from tyc.tools.memory_study import load_model, study

ROOT = Path(__file__).resolve().parents[2]
SHARES = (0.5, 0.3, 0.2)
FALLING = ("vgg19", "vit_base", "random300")
BOUNDED = ("unet", "vit_base", "gpt2", "bert_base", "random500")
SMALL = (20, 30, 40, 60)
QUICK = ("vgg19", "vit_base", "random300")

Rows = Iterator[tuple[str, Any]]


class Bench:
    """What the parts need: graphs, the chosen names, whether a quick look will do."""

    def __init__(self, folder: Path, names: list[str], quick: bool) -> None:
        self.graphs, self.names, self.quick = StepGraphs(folder), names, quick

    def chosen(self, names: tuple[str, ...]) -> list[str]:
        """Those of the names that are wanted."""
        if self.names:
            return [n for n in names if n in self.names]
        return [n for n in names if n in QUICK] if self.quick else list(names)

    def load(self, name: str) -> tuple[Graph, list[float]]:
        """A graph of the suite, or a random one of so many kernels."""
        if name not in SUITE and name.startswith("random"):
            graph = random_layers(int(name.removeprefix("random")))
            return graph, [kernel.cost for kernel in graph.kernels]
        return self.graphs.load(name)


def frontier(bench: Bench) -> Rows:
    """The plans of each graph at each share of the peak; of models as `tyc memory` says."""
    for name in bench.chosen(SUITE):
        start = time.process_time()
        if name in RANDOM:
            yield name, _planned(bench.load(name)[0])
            continue
        found = study(load_model(name, BATCH, {}, None), list(SHARES))
        points = [
            _point(share, found.free_peak, p.peak, p.live, p.feasible) | {
                "extra": p.extra_flops / p.step_flops,
                "extra_time": p.extra_seconds / p.step_seconds,
                "seconds": p.plan_seconds,
                "limit": p.limit,
            }
            for share, p in zip(SHARES, found.points)
        ]  # fmt: skip
        row = {"kernels": found.kernels, "free_bytes": found.free_peak, "points": points}
        yield name, row | {"seconds": time.process_time() - start}


def _planned(graph: Graph) -> dict[str, Any]:
    """The same of a graph whose FLOPs are its costs."""
    start = time.process_time()
    placer = Placer(graph)
    free, step = placer.free.arena_bytes, sum(k.cost for k in graph.kernels)
    row: dict[str, Any] = {"kernels": len(graph.kernels), "free_bytes": free, "points": []}
    row["order_seconds"] = time.process_time() - start
    for share in SHARES:
        start, limit = time.process_time(), int(share * free)
        fitted = placer.place(limit)
        point = _point(share, free, fitted.arena_bytes, fitted.layout.peak,
                       fitted.arena_bytes <= limit)  # fmt: skip
        point |= {"extra": fitted.extra / step, "extra_time": fitted.extra / step}
        row["points"].append(point | {"seconds": time.process_time() - start})
    return row


def _point(share: float, free: int, peak: int, live: int, fits: bool) -> dict[str, Any]:
    return {
        "share": share, "feasible": fits, "peak": peak / free, "fragmentation": peak / max(live, 1),
    }  # fmt: skip


def falling(bench: Bench, count: int = 50) -> Rows:
    """Whether peaks fall with budgets, and stay within them where one is said to fit.

    As in `tyc memory`, all are planned before the cheapest within each is chosen.
    """
    for name in bench.chosen(FALLING):
        placer = Placer(bench.load(name)[0])
        free = placer.free.arena_bytes
        limits = [int(free * (1 - 0.8 * i / (count - 1))) for i in range(count)]
        for limit in limits:
            placer.place(limit)
        plans = [placer.within(limit) or placer.smallest() for limit in limits]
        peaks = [plan.arena_bytes for plan in plans]
        fits = [peak <= limit for peak, limit in zip(peaks, limits)]
        yield (
            name,
            {
                "rises": sum(b > a for a, b in pairwise(peaks)),
                "over": sum(a < b for a, b in pairwise(fits)),
                "fits": sum(fits),
                "peaks": peaks,
            },
        )


def optimum(bench: Bench) -> Rows:
    """The cost of the step with what runs again over the exact optimum's."""
    kinds = {"chain": chain, "random": random_layers}
    for nodes, (kind, build), seed in product(
        SMALL[: 2 if bench.quick else 4], kinds.items(), (1, 2)
    ):
        graph = build(nodes, seed)
        if len(graph.kernels) > SMALL[-1]:
            continue
        course, order = Course(graph), list(range(len(graph.kernels)))
        planner, step = Rematerializer(graph, order), sum(course.cost)
        for share in (0.8, 0.6, 0.5, 0.4):
            budget = int(share * planner.free.peak)
            plan = planner.plan(budget)
            ours = plan.kernels if plan.peak <= budget else None
            exact = cheapest(course, order, budget, 30.0, ours)
            row: dict[str, Any] = {"kernels": len(order), "fits": exact is not None}
            if exact is not None:
                row["gap"] = (step + plan.extra) / (step + exact.bound) - 1 if ours else None
                row["proven"] = exact.extra <= exact.bound * (1 + 1e-6)
                row["extra"] = exact.extra / step
            yield f"{kind}{nodes}.{seed}@{share:.0%}", row


def bound(bench: Bench) -> Rows:
    """The cost of the step with what runs again over the bound of it, at each share that fits."""
    for name in bench.chosen(BOUNDED):
        graph = bench.load(name)[0]
        placer, course = Placer(graph), Course(graph)
        step, rows = sum(course.cost), []
        for share in SHARES:
            budget = int(share * placer.free.layout.peak)
            fitted = placer.place(budget)
            if fitted.layout.peak > budget:
                continue
            least = least_extra(course, placer.order, budget)
            rows.append({
                "share": share, "extra": fitted.extra / step, "bound": least / step,
                "gap": (step + fitted.extra) / (step + least) - 1,
            })  # fmt: skip
        yield name, {"kernels": len(graph.kernels), "points": rows}


def growth(bench: Bench) -> Rows:
    """The least peak at 33 % of extra FLOPs for N equal layers, and the slope of log over log."""
    rows = []
    for count in (16, 64, 256) if bench.quick else (16, 64, 256, 1024):
        graph = equal(count)
        planner = Rematerializer(graph, range(len(graph.kernels)))
        step = sum(kernel.cost for kernel in graph.kernels)
        low, high = 0, planner.free.peak
        for _ in range(9):
            middle = (low + high) // 2
            plan = planner.plan(middle)
            if plan.peak <= middle and plan.extra <= 0.33 * step:
                high = plan.peak
            else:
                low = middle
        rows.append((count, high))
        yield "bytes", dict(rows)
    x = [math.log(n) for n, _ in rows]
    y = [math.log(b) for _, b in rows]
    yield "slope", statistics.linear_regression(x, y).slope


def beaten(bench: Bench) -> Rows:
    """Plans of baselines, and whether one of ours with as few bytes costs more."""
    for name in bench.chosen(SUITE):
        graph = bench.load(name)[0]
        if len(graph.kernels) > _MOST_COMPARED:
            continue
        placer, course = Placer(graph), Course(graph)
        orders = {tuple(placer.order), tuple(range(len(graph.kernels)))}
        plans = front(course, [list(order) for order in sorted(orders)])
        yield name, list(dominated(placer, plans, 4 if bench.quick else 8))


_MOST_COMPARED = 3000

PARTS: dict[str, Callable[[Bench], Rows]] = {
    "frontier": frontier,
    "falling": falling,
    "optimum": optimum,
    "bound": bound,
    "growth": growth,
    "dominated": beaten,
}


def medians(rows: dict[str, Any]) -> dict[str, Any]:
    """The medians of extra FLOPs over models, and over all graphs, at each share; `None` where the
    middle one does not fit."""
    found: dict[str, Any] = {}
    for label, names in (("models", set(rows) - set(RANDOM)), ("all", set(rows))):
        found[label] = {}
        for i, share in enumerate(SHARES):
            points = [rows[name]["points"][i] for name in sorted(names)]
            extras = [p["extra"] if p["feasible"] else math.inf for p in points]
            middle = statistics.median(extras) if extras else math.inf
            found[label][str(share)] = middle if math.isfinite(middle) else None
    return found


def main() -> None:
    """Measures the chosen parts; the JSON is written after each graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    output = ROOT / "docs" / "results" / "rematerialization.json"
    parser.add_argument("--json", type=Path, default=output)
    parser.add_argument("--graphs", type=Path, default=ROOT / "build" / "graphs")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--names", default="")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    bench = Bench(given.graphs, [n for n in given.names.split(",") if n], given.quick)
    found = json.loads(given.json.read_text()) if given.json.exists() else {}
    found = {part: found.get(part, {}) for part in PARTS}
    for part in given.only.split(","):
        start = time.process_time()
        for name, row in PARTS[part](bench):
            found[part][name] = row
            print(part, name, row, flush=True)
            found["medians"] = medians(found["frontier"])
            given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"{part}: {time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
