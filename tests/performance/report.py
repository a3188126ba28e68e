"""`docs/results.md` from the figures of `bench.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bars as measured
import suite_report
import training_bars

NOTES = Path(__file__).parent / "notes.md"
SLOWEST = {"resnet50": 1.5, "bert_base_s128": 1.5}
DEFAULT_SLOWEST = 2.5


def _mark(holds: bool) -> str:
    return "holds" if holds else "**missed**"


def bars(models: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(bar, figure, whether it holds) over all models."""
    worst = max(models, key=lambda n: models[n]["relative_error"])
    rows = [
        (
            "every model within 1e-4 of onnxruntime, argmax equal",
            f"worst {models[worst]['relative_error']:.1e} ({worst})",
            all(m["relative_error"] <= 1e-4 and m["argmax_equal"] for m in models.values()),
        )
    ]
    limits = {n: SLOWEST.get(n, DEFAULT_SLOWEST) for n in models}
    shares = {
        n: max(m[f"threads_{t}"]["ratio"] for t in (1, 2)) / limits[n] for n, m in models.items()
    }
    late = max(shares, key=shares.__getitem__)
    missed = [n for n in shares if shares[n] > 1]
    figure = f"nearest to its bar: {late}, {shares[late] * limits[late]:.2f}x of {limits[late]}x"
    rows.append(
        (
            "no model over 2.5x onnxruntime's time, ResNet-50 and BERT-base 1.5x",
            figure + (f"; missed by {', '.join(missed)}" if missed else ""),
            not missed,
        )
    )
    for name, limit in (("resnet50", 10), ("minilm_l6_s128", 20)):
        if name in models:
            seconds = models[name]["compile"]["seconds"]
            rows.append((f"{name} compiles in {limit} s", f"{seconds:.1f} s", seconds <= limit))
    if "resnet50" in models:
        row = models["resnet50"]
        cached, peak = row["compile_cached"]["seconds"], row["compile"]["peak_mb"]
        allowed = 1.3 * row["model_mb"] + 500
        rows.append(("resnet50 with the kernel cache in 3 s", f"{cached:.1f} s", cached <= 3))
        bar = f"resnet50 compiles within 1.3x weights + 500 MB = {allowed:.0f} MB"
        rows.append((bar, f"{peak:.0f} MB", peak <= allowed))
    return [*rows, *_memory_bars(models)]


def _memory_bars(models: dict[str, Any]) -> list[tuple[str, str, bool]]:
    waste = {
        n: m["workspace_bytes"] / m["peak_live_bytes"]
        for n, m in models.items()
        if m["peak_live_bytes"]
    }
    worst = max(waste, key=waste.__getitem__) if waste else ""
    odd = [n for n, m in models.items() if not 0 <= m["workspace_bytes"] - m["touched_bytes"] < 64]
    same = [n for n, m in models.items() if not m["identical_bytes"]]
    return [
        (
            "arena within 1.05x the largest live set",
            f"worst {waste[worst]:.3f} ({worst})" if worst else "no arena",
            not worst or waste[worst] <= 1.05,
        ),
        (
            "bytes touched = workspace asked for (up to alignment)",
            f"differs in {', '.join(odd)}" if odd else "equal in every model",
            not odd,
        ),
        (
            "two compilations give identical bytes",
            f"differ in {', '.join(same)}" if same else "equal for every model",
            not same,
        ),
    ]


def _row(name: str, m: dict[str, Any]) -> str:
    one, two = m["threads_1"], m["threads_2"]
    cells = [
        name,
        f"{one['tyc']['min']:.2f} / {two['tyc']['min']:.2f}",
        f"{one['onnxruntime']['min']:.2f} / {two['onnxruntime']['min']:.2f}",
        f"{one['ratio']:.2f} / {two['ratio']:.2f}",
        f"{m['relative_error']:.0e}",
        f"{m['compile']['seconds']:.1f} / {m['compile_cached']['seconds']:.1f}",
        f"{m['compile']['peak_mb']:.0f}",
        f"{m['workspace_bytes'] / 1e6:.2f}",
        f"{m['kernels']}",
    ]
    return f"| {' | '.join(cells)} |"


def _table(rows: list[tuple[str, str, bool]]) -> list[str]:
    body = [f"| {bar} | {figure} | {_mark(holds)} |" for bar, figure, holds in rows]
    return ["| bar | figure | |", "|---|---|---|", *body, ""]


def _suite_table() -> list[str]:
    path = measured.FOLDER / "suite.json"
    return suite_report.table(json.loads(path.read_text())) if path.exists() else []


def render(results: dict[str, Any]) -> str:
    """The whole page."""
    models = results["models"]
    lines = [
        "# Results",
        "",
        f"Made by `make bench` on {results['machine']['cpu']}; the figures are in `results.json`.",
        "",
        "## x86-64 beside every peer",
        "",
        "Files in `results/`, each by a script in `tests/performance/` (`make results` runs all).",
        "",
        *_table(measured.bars()),
        *_suite_table(),
        "## Training",
        "",
        *_table(measured.bars(training_bars.FILES)),
        "## Compilation, artifact and onnxruntime",
        "",
        "Times are ms, minimum of many runs, engines taking turns in one process; 1 / 2 threads.",
        "",
        *_table(bars(models)),
        "| model | tyc | onnxruntime | ratio | error | compile s (cached) | peak MB | arena MB "
        "| kernels |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(name, models[name]) for name in models),
        "",
    ]
    if NOTES.exists():
        lines += [NOTES.read_text().rstrip(), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    written = NOTES.parents[2] / "docs" / "results.json"
    written.with_suffix(".md").write_text(render(json.loads(written.read_text())))
