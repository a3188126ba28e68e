"""Time of a training step under a memory budget: `docs/results/budget_step.json`.

    python tests/performance/budget_step.py [--models resnet18] [--batch 8] [--share 0.5]

The same step of a hub model twice, with the workspace it likes and with a share of it, from the
same seed; they take turns, a figure is the minimum. `same` says whether the first losses have the
same bits.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import tyc
from tyc.hub import models

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, STEPS = 6, 3


def prepared(model: str, batch: int, share: float | None) -> tuple[Any, list[float]]:
    """A step as a call without arguments, compiled, and its first losses."""
    tyc.random.seed(0)
    step = models.training_step(model, batch=batch)
    traced = tyc.trace(step.function, memory_budget=share)
    losses = [float(traced(*step.arguments)) for _ in range(STEPS)]
    return lambda: traced(*step.arguments), losses


def measure(model: str, batch: int, share: float) -> dict[str, Any]:
    """Milliseconds of both, and their losses compared."""
    (free, losses), (fitted, again) = (prepared(model, batch, s) for s in (None, share))
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for i, call in enumerate((free, fitted)):
            start = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - start)
    row = {"batch": batch, "share": share, "free_ms": 1e3 * best[0], "fitted_ms": 1e3 * best[1]}
    return {**row, "ratio": best[1] / best[0], "same": losses == again}


def main() -> None:
    """Measures the chosen models, keeping the figures of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="resnet18")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--share", type=float, default=0.5)
    output = ROOT / "docs" / "results" / "budget_step.json"
    parser.add_argument("--json", type=Path, default=output)
    chosen = parser.parse_args()
    found = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    for model in chosen.models.split(","):
        found[model] = measure(model, chosen.batch, chosen.share)
        print(model, found[model], flush=True)
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
