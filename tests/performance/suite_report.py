"""The summary and the table of what `suite.py` measured."""

from __future__ import annotations

import math
from typing import Any

Rows = dict[str, dict[str, Any]]


def times(rows: Rows) -> dict[str, float]:
    """Milliseconds of each engine whose result is right to 1e-2 (a wrong one is no peer)."""
    return {
        n: r["min_ms"]
        for n, r in rows.items()
        if "min_ms" in r and r.get("rel_err") is not None and r["rel_err"] <= 1e-2
    }


def ratios(rows: Rows) -> tuple[float, str, float]:
    """(tyc / best peer, the best peer, tyc / onnxruntime)."""
    found = times(rows)
    ours = found.pop("tyc", math.nan)
    best = min(found, key=found.__getitem__, default="")
    return ours / found.get(best, math.nan), best, ours / found.get("ort", math.nan)


def line(rows: Rows) -> str:
    """One line for the console."""
    parts = [f"{n} {t:.2f}" for n, t in sorted(times(rows).items(), key=lambda x: x[1])]
    against, best, ort = ratios(rows)
    failed = [n for n in rows if n not in times(rows)]
    note = f"; without figure: {', '.join(failed)}" if failed else ""
    return f"{against:.2f} of {best}, {ort:.2f} of ort ({', '.join(parts)}{note})"


def geometric_mean(values: list[float]) -> float:
    """exp(mean(log x))."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def summary(results: dict[str, dict[str, Rows]]) -> list[tuple[str, float, float, str]]:
    """(claim, figure, bar, remark) over all models and thread counts."""
    points = {
        (name, threads): ratios(rows)
        for name, by_threads in results.items()
        for threads, rows in by_threads.items()
        if rows
    }
    worst = max(points, key=lambda p: points[p][0])
    errors = {
        (n, t): rows["tyc"]["rel_err"]
        for n, by_threads in results.items()
        for t, rows in by_threads.items()
        if "rel_err" in rows.get("tyc", {})
    }
    least = max(errors, key=errors.__getitem__)
    return [
        ("tyc / best peer, geometric mean",
         geometric_mean([p[0] for p in points.values()]), 0.95, ""),
        ("tyc / best peer, worst model", points[worst][0], 1.25,
         f"{worst[0]}, {worst[1]} thread(s), {points[worst][1]}"),
        ("tyc / onnxruntime, geometric mean",
         geometric_mean([p[2] for p in points.values()]), 0.80, ""),
        ("relative error against onnxruntime, worst model", errors[least], 1e-4, least[0]),
    ]  # fmt: skip


def table(results: dict[str, dict[str, Rows]]) -> list[str]:
    """The lines of a table with every engine's time."""
    lines = [
        "Minimum latency in ms, f32, batch 1, 1 / 2 threads; all engines of a row in the same",
        "minutes, each in a process of its own, taking turns.",
        "",
    ]
    names = sorted({e for r in results.values() for rows in r.values() for e in rows} - {"tyc"})
    lines += [f"| model | tyc | {' | '.join(names)} | of best | of ort |"]
    lines.append("|---" * (len(names) + 4) + "|")
    for model, by_threads in results.items():
        cells = [model]
        for engine in ("tyc", *names):
            found = [times(by_threads[t]).get(engine) for t in sorted(by_threads)]
            cells.append(" / ".join("–" if t is None else f"{t:.3g}" for t in found))
        pairs = [ratios(by_threads[t]) for t in sorted(by_threads)]
        cells.append(" / ".join(f"{p[0]:.2f}" for p in pairs))
        cells.append(" / ".join(f"{p[2]:.2f}" for p in pairs))
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]
