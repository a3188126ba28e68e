"""The bars of training and of recomputation, from the JSON files that the benchmarks write.

docs/results/training.json           training.py --output
docs/results/eager.json              eager.py --json
docs/results/gradients.json          gradients.py --json
docs/results/truth.json              truth.py
docs/results/budget_step.json        budget_step.py
docs/results/torch_budget.json       torch_budget.py
docs/results/rematerialization.json  rematerialization.py
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

Bar = tuple[str, str, bool]

_LIMITS = {"0.5": (0.05, 0.02), "0.3": (0.12, 0.08), "0.2": (0.25, 0.15)}
"""Bars and stretches of extra FLOPs at shares of the peak."""

_SMALL_OP, _FORWARD = 5.0, 1.5
_HALF, _SUITE = 0.5, 10


def gradients(measured: dict[str, Any]) -> list[Bar]:
    """Training steps in f64 against PyTorch: loss, running statistics, every gradient."""
    worst = max(measured["rows"], key=lambda r: r["gradient"])
    error = max(max(r["gradient"], r["loss"], r["buffers"]) for r in measured["rows"])
    figure = f"{worst['gradient']:.1e} ({worst['model']}, {worst['worst']}), "
    figure += f"{len(measured['rows'])} models"
    claim = f"gradients against PyTorch in f64, small sizes, relative error <= {measured['bar']:g}"
    return [(claim, figure, error <= measured["bar"])]


def steps(measured: dict[str, Any]) -> list[Bar]:
    """Whole training steps against PyTorch, eager and compiled."""
    rows = []
    for peer, name in (("torch_eager", "PyTorch eager"), ("torch_compile", "torch.compile")):
        ratios, parts = [], []
        for model, by_threads in measured.items():
            for threads, engines in by_threads.items():
                if "min_ms" in engines.get(peer, {}):
                    ours, theirs = engines["tyc"]["min_ms"], engines[peer]["min_ms"]
                    ratios.append(ours / theirs)
                    parts.append(f"{model} @{threads} {ours:.0f} / {theirs:.0f} ms")
        claim = f"training step no slower than {name}" + (
            " (stretch)" if peer == "torch_compile" else ""
        )
        if ratios:
            figure = f"at most {max(ratios):.2f}x: {', '.join(parts)}"
            rows.append((claim, figure, max(ratios) <= 1))
    return rows


def eager(measured: dict[str, Any]) -> list[Bar]:
    """Small ops and a forward pass in eager mode."""
    small, forward, parts = 0.0, 0.0, []
    for threads, engines in measured.items():
        ours, theirs = engines["tyc"], engines["torch"]
        small = max(small, *(ours["ops"][op] / theirs["ops"][op] for op in ours["ops"]))
        forward = max(forward, ours["resnet18"] / theirs["resnet18"])
        parts.append(f"@{threads} {ours['resnet18']:.0f} / {theirs['resnet18']:.0f} ms")
    one = measured["1"]
    ops = [
        f"{op} {t:.1f} / {one['torch']['ops'][op]:.1f} us" for op, t in one["tyc"]["ops"].items()
    ]
    return [
        (f"eager small op <= {_SMALL_OP:g}x PyTorch's time",
         f"at most {small:.1f}x; {', '.join(ops)}", small <= _SMALL_OP),
        (f"eager ResNet-18 forward <= {_FORWARD:g}x PyTorch's time",
         f"{forward:.2f}x: {', '.join(parts)}", forward <= _FORWARD),
    ]  # fmt: skip


def frontier(measured: dict[str, Any]) -> list[Bar]:
    """Recomputation on the compiled steps of the suite."""
    rows = []
    suite, medians = measured["frontier"], measured["medians"]
    for i, (share, (limit, stretch)) in enumerate(_LIMITS.items()):
        fits = [n for n, r in suite.items() if r["points"][i]["feasible"]]
        texts = [
            f"{label} {'does not fit' if medians[label][share] is None else format(middle, '.1%')}"
            for label in ("models", "all") for middle in [medians[label][share] or 0.0]
        ]  # fmt: skip
        misses = sorted(set(suite) - set(fits))
        texts.append(f"fits on {len(fits)} of {len(suite)}" + (
            f", not on {', '.join(misses)}" if misses else ""))  # fmt: skip
        middle = medians["models"][share]
        rows.append((
            f"extra FLOPs at {float(share):.0%} of the peak, median <= {limit:.0%} (stretch "
            f"{stretch:.0%})", "; ".join(texts), middle is not None and middle <= limit,
        ))  # fmt: skip
    points = [(n, r, p) for n, r in suite.items() for p in r["points"] if p["feasible"]]
    rows += _planning(points)
    name, _, point = max(points, key=lambda x: x[2]["fragmentation"])
    rows.append(("arena / largest live set <= 1.02 (stretch 1.00)",
                 f"worst {point['fragmentation']:.3f} ({name})",
                 point["fragmentation"] <= 1.02))  # fmt: skip
    return rows


def optimality(measured: dict[str, Any]) -> list[Bar]:
    """Recomputation beside an exact optimum and a lower bound, and by itself."""
    rows = []
    small = {n: r for n, r in measured["optimum"].items() if r["fits"]}
    if small:
        missed = [n for n, r in small.items() if r["gap"] is None]
        gaps = {n: r["gap"] for n, r in small.items() if r["gap"] is not None}
        worst = max(gaps, key=gaps.__getitem__)
        figure = f"worst {gaps[worst]:.1%} ({worst}), median {statistics.median(gaps.values()):.2%}"
        figure += f", of {len(small)} that fit {sum(r['proven'] for r in small.values())} proven"
        figure += f"; ours does not fit on {', '.join(missed)}" if missed else ""
        rows.append(("step's cost over the exact optimum's, up to 60 kernels <= 2 % (stretch "
                     "0.5 %)", figure, not missed and gaps[worst] <= 0.02))  # fmt: skip
    points = [(n, p) for n, r in measured["bound"].items() for p in r["points"]]
    if points:
        figure = ", ".join(f"{n} {p['gap']:.1%} at {p['share']:.0%}" for n, p in points)
        rows.append(("step's cost over a lower bound's, about 500 kernels <= 8 % (stretch 4 %)",
                     figure, all(p["gap"] <= 0.08 for _, p in points)))  # fmt: skip
    if measured["falling"]:
        found = measured["falling"]
        figure = ", ".join(f"{n} rises {r['rises']} times" for n, r in found.items())
        rows.append(("50 falling budgets: never over budget, the peak never rises", figure,
                     not any(r["rises"] or r["over"] for r in found.values())))  # fmt: skip
    if "slope" in measured["growth"]:
        slope, counts = measured["growth"]["slope"], list(measured["growth"]["bytes"])
        figure = f"{slope:.3f} over {counts[0]} to {counts[-1]} layers"
        rows.append(("log-log slope of the peak of N equal layers at 33 % <= 0.55 (stretch 0.5)",
                     figure, slope <= 0.55))  # fmt: skip
    return rows


def dominated(measured: dict[str, Any]) -> list[Bar]:
    """Recomputation beside what others do on the same graphs."""
    found = measured["dominated"]
    compared = sum(len(rows) for rows in found.values())
    worse = [f"{n} by {b['baseline']} at {b['share']:.0%}"
             for n, rows in found.items() for b in rows if b["beaten"]]  # fmt: skip
    figure = f"{compared} plans of their fronts on {len(found)} graphs: "
    figure += ", ".join(worse) or "never"
    return [("never dominated by Chen's, Rotor's or DTR's plans", figure, not worse)]


def leaks(measured: dict[str, Any]) -> list[Bar]:
    """Resident memory over many steps."""
    found = {mode: measured[mode]["growth"] for mode in ("eager", "traced")}
    figure = ", ".join(f"{mode} {value:+.2%}" for mode, value in found.items())
    claim = f"{measured['steps']:,} steps: resident memory flat within 1 %"
    return [(claim, figure, max(found.values()) <= 0.01)]


def budget_step(measured: dict[str, Any]) -> list[Bar]:
    """Steps under a budget against the same ones without; one that does not fit takes for ever."""
    parts, ratios = [], []
    for model, row in measured.items():
        fits = row["peak"] <= _HALF
        ratios.append(row["ratio"] if fits else float("inf"))
        text = f"{model} {row['ratio']:.2f}x" + ("" if fits else f" at {row['peak']:.0%}")
        parts.append(text + ("" if row["same"] else " with other losses"))
    middle = statistics.median(ratios)
    figure = f"{middle:.2f}x of {len(measured)} models: {', '.join(parts)}"
    holds = middle <= 1.08 and len(measured) == _SUITE and all(r["same"] for r in measured.values())
    return [("step time at half of the peak, median <= 1.08x", figure, holds)]


def truth(measured: dict[str, Any]) -> list[Bar]:
    """What is planned, asked for and touched; bits with and without a budget."""
    points = [(n, p) for n, r in measured.items() for p in r["points"]]
    odd = sorted({n for n, p in points if not p["holds"]})
    other = sorted({n for n, p in points if p["other"]})
    compared = sum(r["compared"] for r in measured.values())
    least = [min(p["peak"] for p in r["points"]) for r in measured.values()]
    where = f"{len(measured)} models, down to {min(least):.0%} to {max(least):.0%} of the peak"
    complete = len(measured) == _SUITE
    return [
        ("planned peak = arena asked for = bytes touched, with and without a budget",
         f"differs in {', '.join(odd)}" if odd else f"equal in {where}", complete and not odd),
        ("loss, every gradient and all state have the same bits with and without a budget",
         f"other bits in {', '.join(other)}" if other else
         f"equal over 3 steps: {compared} tensors of {len(measured)} models",
         complete and not other),
    ]  # fmt: skip


def torch_budget(measured: dict[str, Any]) -> list[Bar]:
    """PyTorch's partitioner on the same models at the same batch."""
    rows = [(n, row) for n, r in measured.items() for row in r["rows"]]
    beaten = [f"{n} at {row['torch']['peak'] / 1e6:.0f} MB" for n, row in rows if row["dominates"]]
    names = ", ".join(measured)
    figure = f"{len(beaten)} of {len(rows)} points: {', '.join(beaten)}" if beaten else "never"
    claim = "never dominated by PyTorch's activation_memory_budget"
    return [(claim, f"{figure}, on {names}", not beaten)]


def _planning(points: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> list[Bar]:
    rows = []
    for kernels, limit, low, high in ((1000, 3, 700, 1300), (5000, 30, 4000, 7000)):
        found = [(p["seconds"], n, r["kernels"]) for n, r, p in points if low < r["kernels"] < high]
        if found:
            seconds, name, count = max(found)
            figure = f"at most {seconds:.1f} s ({name}, {count} kernels)"
            rows.append((f"planning {kernels:,} nodes <= {limit} s", figure, seconds <= limit))
    return rows


FILES: tuple[tuple[str, Callable[[Any], list[Bar]]], ...] = (
    ("gradients", gradients),
    ("training", steps),
    ("eager", eager),
    ("leaks", leaks),
    ("truth", truth),
    ("budget_step", budget_step),
    ("torch_budget", torch_budget),
    ("rematerialization", frontier),
    ("rematerialization", optimality),
    ("rematerialization", dominated),
)
