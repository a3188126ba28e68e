"""The bars of training and of recomputation, from the JSON files that the benchmarks write.

docs/results/training.json           training.py --output
docs/results/eager.json              eager.py --json
docs/results/gradients.json          gradients.py --json
docs/results/truth.json              truth.py
docs/results/budget_step.json        budget_step.py
docs/results/torch_budget.json       torch_budget.py
docs/results/rematerialization.json  rematerialization.py OUT.json
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

Bar = tuple[str, str, bool]

_LIMITS = {"0.5": 0.05, "0.3": 0.12, "0.2": 0.25}
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


def rematerialization(measured: dict[str, Any]) -> list[Bar]:
    """Recomputation on the training steps of the suite, as plain graphs."""
    rows = []
    for share, limit in _LIMITS.items():
        middle = measured["median_extra"][share]
        fits = [
            r["points"][list(_LIMITS).index(share)]["feasible"] for r in measured["suite"].values()
        ]
        text = "does not fit" if middle is None else f"{middle:.1%}"
        claim = f"extra FLOPs at {float(share):.0%} of the peak, median <= {limit:.0%}"
        figure = f"{text}; fits on {sum(fits)} of {len(fits)}"
        rows.append((claim, figure, middle is not None and middle <= limit))
    points = [(n, r, p) for n, r in measured["suite"].items() for p in r["points"]]
    name, _, point = max(points, key=lambda x: x[2]["fragmentation"])
    rows.append(("arena / largest live set <= 1.02", f"worst {point['fragmentation']:.3f} ({name})",
                 point["fragmentation"] <= 1.02))  # fmt: skip
    rows += _planning(points)
    if "falling" in measured:
        rises = measured["falling"]["rises"]
        rows.append(("50 falling budgets: the peak never rises", f"rises {rises} times", not rises))
    if "growth" in measured:
        slope, counts = measured["growth"]["slope"], list(measured["growth"]["bytes"])
        figure = f"{slope:.2f} over {counts[0]} to {counts[-1]} layers"
        rows.append(("log-log slope of the peak of N equal layers <= 0.55", figure, slope <= 0.55))
    if measured.get("dominated"):
        beaten = [f"{n} by {b['baseline']} at {b['share']:.0%}"
                  for n, found in measured["dominated"].items() for b in found]  # fmt: skip
        figure = ", ".join(beaten) or f"never, on {', '.join(measured['dominated'])}"
        rows.append(("never dominated by Chen, Rotor or DTR", figure, not beaten))
    return rows


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
    for kernels, limit, low, high in ((1000, 3, 700, 1200), (5000, 30, 4000, 7000)):
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
    ("rematerialization", rematerialization),
)
