"""The bars of speed and memory on x86-64, from the JSON files that the benchmarks write.

    docs/results/suite.json       suite.py --output
    docs/results/kernels.json     kernels.py --json        (direct convolutions)
    docs/results/chosen.json      kernels.py --family= --groups=resnet_3x3,unet --json
    docs/results/matvec.json      matvec.py --output
    docs/results/memory.json      memory.py --output
    docs/results/cost_model.json  cost_model.py --json

A bar whose file is missing is shown as not measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import suite_report

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "results"
_COMPUTE_BOUND = ("resnet18", "resnet50", "vit_tiny", "vit_base", "bert_base_s128", "gpt2_s64",
                  "unet_small", "minilm_l6_s128")  # fmt: skip

Bar = tuple[str, str, bool]


def speed(suite: dict[str, Any]) -> list[Bar]:
    """Ratios to the peers, and the accuracy."""
    rows = []
    for claim, figure, bar, remark in suite_report.summary(suite):
        note = f" ({remark})" if remark else ""
        rows.append((f"{claim} <= {bar:g}", f"{figure:.2g}{note}", figure <= bar))
    return rows


def scaling(suite: dict[str, Any]) -> list[Bar]:
    """Two threads over one, on models that compute bounds."""
    found = {
        n: suite[n]["1"]["tyc"]["min_ms"] / suite[n]["2"]["tyc"]["min_ms"]
        for n in _COMPUTE_BOUND
        if n in suite and all("min_ms" in suite[n].get(t, {}).get("tyc", {}) for t in "12")
    }
    worst = min(found, key=found.__getitem__)
    middle = suite_report.geometric_mean(list(found.values()))
    figure = f"worst {found[worst]:.2f}x ({worst}), geometric mean {middle:.2f}x"
    return [("two threads over one, compute-bound models >= 1.85x", figure, found[worst] >= 1.85)]


def kernels(rows: list[dict[str, Any]]) -> list[Bar]:
    """Matrix products and ResNet-50's convolutions against the FMA peak."""
    chosen = [r for r in rows if r["group"] in ("matmul", "resnet_1x1", "resnet_3x3")]
    worst = min(chosen, key=lambda r: r["share"])
    middle = suite_report.geometric_mean([r["share"] for r in chosen])
    low = [f"{r['name']} {r['share']:.0%}" for r in chosen if r["share"] < 0.85]
    figure = f"worst {worst['share']:.0%} ({worst['name']}), geometric mean {middle:.0%}"
    figure += f"; below: {', '.join(low)}" if low else ""
    claim = "matmul 512..2048, 3x3 and 1x1 convolutions of ResNet-50 >= 85 % of the FMA peak"
    return [(claim, figure, not low)]


def winograd(rows: list[dict[str, Any]]) -> list[Bar]:
    """The schedules that models get, in nominal FLOPs: shown apart, no bar."""
    best = [r for r in rows if r["group"] == "resnet_3x3" and r["share"] > 1]
    names = ", ".join(f"{r['name']} {r['share']:.0%}" for r in best)
    return [("Winograd, of the FMA peak in nominal FLOPs (no bar)", names or "none", True)]


def matvec(rows: list[dict[str, Any]]) -> list[Bar]:
    """Matrix-vector products against memory bandwidth."""
    one = [r for r in rows if r["threads"] == 1 and r["kernel"].startswith("1x")]
    constant = [r for r in one if r["kernel"].endswith("constant")]
    worst = min(constant, key=lambda r: r["of_read"])
    figure = f"worst {worst['of_read']:.0%} of a plain read ({worst['kernel']})"
    triad = min(r["gbs"] / r["triad_gbs"] for r in constant)
    figure += f", {triad:.0%} of the triad"
    others = [r for r in one if r not in constant]
    if others:
        slow = min(others, key=lambda r: r["of_read"])
        figure += f"; weights that are no constants: from {slow['of_read']:.0%} on"
    claim = "matrix-vector (GPT-2 decode) >= 85 % of STREAM bandwidth"
    return [(claim, figure, min(worst["of_read"], triad) >= 0.85)]


def memory(rows: dict[str, Any]) -> list[Bar]:
    """Workspaces against their bound and against peers."""
    worst = max(rows, key=lambda n: rows[n]["ratio"])
    larger = [n for n, r in rows.items() if not r["smaller"]]
    shares = []
    for r in rows.values():
        peers = [r[p] for p in ("onnxruntime", "mnn") if isinstance(r.get(p), int)]
        shares += [r["workspace"] / min(peers)] if peers else []
    middle = suite_report.geometric_mean(shares)
    return [
        ("workspace / exact optimum (or its bound) <= 1.02",
         f"worst {rows[worst]['ratio']:.3f} ({worst})", rows[worst]["ratio"] <= 1.02),
        ("workspace smaller than onnxruntime's and MNN's on every model",
         f"geometric mean {middle:.2f} of the smaller of them"
         + (f"; larger on {', '.join(larger)}" if larger else ""), not larger),
    ]  # fmt: skip


def cost_model(rows: list[dict[str, Any]]) -> list[Bar]:
    """The choice made without measuring against the best found by measuring."""
    middle = suite_report.geometric_mean([r["regret"] for r in rows])
    worst = max(rows, key=lambda r: r["regret"])
    figure = f"geometric mean {middle:.3f}, worst {worst['regret']:.2f} ({worst['kernel']})"
    return [("default choice / best of the space, geometric mean <= 1.05", figure, middle <= 1.05)]


Files = tuple[tuple[str, Callable[[Any], list[Bar]]], ...]

FILES: Files = (
    ("suite", speed),
    ("suite", scaling),
    ("kernels", kernels),
    ("chosen", winograd),
    ("matvec", matvec),
    ("memory", memory),
    ("cost_model", cost_model),
)


def bars(files: Files = FILES, folder: Path = FOLDER) -> list[Bar]:
    """(bar, figure, whether it holds) of everything that was measured."""
    found = []
    for stem, rows in files:
        path = folder / f"{stem}.json"
        if path.exists():
            found += rows(json.loads(path.read_text()))
        else:
            name = rows.__name__.replace("_", " ")
            found.append((f"{name} ({stem}.json)", "not measured on a quiet machine", False))
    return found
