"""The bars of recomputation: `python tests/performance/rematerialization.py OUT.json [--quick]`.

On the training steps of `tests/support/training_models.py`: peak against extra FLOPs, planning
times on one core (processor time), 50 falling budgets, fragmentation, growth over equal layers, the
gap to a bound, and whether a baseline gets less memory at no more FLOPs.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from rematerialization_baselines import chen, dtr, rotor
from rematerialization_bound import least_extra
from training_models import SUITE, equal

from tyc.compiler.planning.budget import Placer
from tyc.compiler.planning.graph import Graph
from tyc.compiler.planning.rematerialize import Rematerializer

SHARES = (0.5, 0.3, 0.2)


def measure(name: str, graph: Graph) -> dict[str, Any]:
    """The frontier of one graph: extra FLOPs as a share of the step at each share of the peak."""
    step = sum(kernel.cost for kernel in graph.kernels)
    start = time.process_time()
    placer = Placer(graph)
    row: dict[str, Any] = {"kernels": len(graph.kernels), "free_bytes": placer.free.arena_bytes}
    row["order_seconds"] = time.process_time() - start
    row["points"] = []
    for share in SHARES:
        start = time.process_time()
        fitted = placer.place(int(share * placer.free.arena_bytes))
        row["points"].append(
            {
                "share": share,
                "feasible": fitted.arena_bytes <= share * placer.free.arena_bytes,
                "peak": fitted.arena_bytes / placer.free.arena_bytes,
                "extra": fitted.extra / step,
                "fragmentation": fitted.arena_bytes / max(fitted.layout.peak, 1),
                "seconds": time.process_time() - start,
            }
        )
    print(name, row, flush=True)
    return row


def gaps(graph: Graph) -> list[float]:
    """Cost of the step with what runs again over the bound of it, at each share that fits."""
    planner = Rematerializer(graph, range(len(graph.kernels)))
    step, middle = sum(kernel.cost for kernel in graph.kernels), planner.line.turn
    found = []
    for share in SHARES:
        budget = int(share * planner.free.peak)
        plan = planner.plan(budget)
        if plan.peak <= budget:
            turns = (middle - 2, middle, middle + 2)
            bound = max(least_extra(planner.replayer, t, budget) for t in turns)
            found.append((step + plan.extra) / (step + bound))
    return found


def dominance(graph: Graph) -> list[dict[str, Any]]:
    """Plans of baselines that no plan of ours with as few bytes is as cheap as."""
    planner = Rematerializer(graph, range(len(graph.kernels)))
    planner.line.classify(0.0, 0.0)
    plans = [("chen", plan) for plan in chen(planner.line)]
    for share in (0.7, 0.5, 0.4, 0.3, 0.2):
        planner.line.classify(0.0, 0.0)
        budget = int(share * planner.free.peak)
        plans += [("rotor", rotor(planner.line, budget)), ("dtr", dtr(planner.replayer, budget))]
    found, seen = [], set()
    for name, plan in plans:
        if plan is None or plan.peak in seen or plan.peak >= planner.free.peak:
            continue
        seen.add(plan.peak)
        ours = planner.plan(plan.peak)
        if ours.peak > plan.peak or ours.extra > plan.extra * (1 + 1e-9):
            share = plan.peak / planner.free.peak
            found.append(
                {"baseline": name, "share": share, "extra": plan.extra, "ours": ours.extra}
            )
    return found


def falling(graph: Graph, count: int = 50) -> dict[str, Any]:
    """Whether peaks fall with budgets, and stay within them where one is said to fit."""
    placer = Placer(graph)
    free = placer.free.arena_bytes
    limits = [int(free * (1 - 0.8 * i / (count - 1))) for i in range(count)]
    for limit in limits:
        placer.place(limit)
    plans = [placer.within(limit) or placer.smallest() for limit in limits]
    peaks = [plan.arena_bytes for plan in plans]
    return {"rises": sum(b > a for a, b in pairwise(peaks)), "peaks": peaks}


def growth(counts: tuple[int, ...]) -> dict[str, Any]:
    """The least peak at 33 % of extra FLOPs for N equal layers, and the slope of log over log."""
    rows = []
    for count in counts:
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
    x = [math.log(n) for n, _ in rows]
    y = [math.log(b) for _, b in rows]
    return {"bytes": dict(rows), "slope": statistics.linear_regression(x, y).slope}


def medians(suite: dict[str, Any]) -> dict[str, float | None]:
    """The median of extra FLOPs at each share; `None` where the middle one does not fit."""
    found = {}
    for i, share in enumerate(SHARES):
        points = [row["points"][i] for row in suite.values()]
        middle = statistics.median(p["extra"] if p["feasible"] else math.inf for p in points)
        found[str(share)] = middle if math.isfinite(middle) else None
    return found


def main(output: str, quick: bool) -> None:
    """Measures all; the JSON is written after each part."""
    small = ("vgg19", "resnet50", "vit", "random300")
    found: dict[str, Any] = {"suite": {}, "gap_to_bound": {}, "dominated": {}}

    def keep() -> None:
        found["median_extra"] = medians(found["suite"])
        Path(output).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    for name in SUITE:
        if not quick or name in small:
            found["suite"][name] = measure(name, SUITE[name]())
            keep()
    found["falling"] = falling(SUITE["random100" if quick else "random300"]())
    keep()
    for name in small:
        found["gap_to_bound"][name] = gaps(SUITE[name]())
        keep()
    found["growth"] = growth((16, 64, 256) if quick else (16, 64, 256, 1024))
    keep()
    for name in small:
        found["dominated"][name] = dominance(SUITE[name]())
        keep()
    print({k: found[k] for k in ("median_extra", "gap_to_bound", "growth", "dominated")})


if __name__ == "__main__":
    main(sys.argv[1], "--quick" in sys.argv)
