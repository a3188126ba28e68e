"""Time of training steps under a memory budget, on the suite: `docs/results/budget_step.json`.

    python tests/performance/budget_step.py [--models resnet50,gpt2] [--share 0.5] [--compile]

The step of a hub model by SGD with momentum as two libraries, one with the workspace that it likes
and one with a share of it, from the same state; they take turns, a figure is the minimum. `peak` is
the one workspace over the other: above `share` where that does not fit, as the least that does was
taken then. `same` says whether the first losses have the same bits.

All compilation comes first, a model at a time; `--compile` stops after it. With the kernels in the
cache that is a few seconds to a minute a model (recording, planning, linking), the whole run about
ten minutes; without them about a minute and a half a model more. Only what comes after `--compile`
needs a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from training_truth import arguments_of, compiled, step_program  # noqa: E402

from tyc import runtime  # noqa: E402
from tyc.hub import models  # noqa: E402

ROUNDS, STEPS = 5, 2
SUITE = {
    "resnet50": (4, None), "resnet152": (2, None), "densenet121": (4, None), "unet": (1, None),
    "mobilenet_v2": (8, None), "vgg19": (4, None), "gpt2": (4, 128), "bert_base": (4, 128),
    "vit_base": (4, None), "lstm": (8, None),
}  # fmt: skip
"""Batch, and the length of a text."""


def libraries(model: str, share: float, folder: Path) -> tuple[Path, Path, dict[str, np.ndarray]]:
    """The step's library without a budget and with one, and a batch."""
    batch, size = SUITE[model]
    program = step_program(partial(models.create, model), batch, size)
    paths = folder / f"{model}.so", folder / f"{model}.{share}.so"
    compiled(program, paths[0], None)
    free = runtime.load(paths[0]).workspace_bytes
    compiled(program, paths[1], int(share * free))
    return *paths, arguments_of(program)


def prepared(module: runtime.Module, batch: dict[str, np.ndarray]) -> Callable[[], float]:
    """A step as a call without arguments that gives the loss."""
    given = batch | module.initialize()
    arrays = [given[spec.name] for spec in module.inputs]
    return lambda: float(module(*arrays))


def measured(model: str, free: Path, fitted: Path, batch: dict[str, np.ndarray]) -> dict[str, Any]:
    """Milliseconds of both, their bytes, and their losses compared."""
    modules = [runtime.load(path) for path in (free, fitted)]
    calls = [prepared(module, batch) for module in modules]
    losses = [[call() for _ in range(STEPS)] for call in calls]
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - start)
    sizes = [module.workspace_bytes for module in modules]
    return {
        "batch": SUITE[model][0],
        "threads": modules[0].threads,
        "free_bytes": sizes[0],
        "fitted_bytes": sizes[1],
        "peak": sizes[1] / sizes[0],
        "free_ms": 1e3 * best[0],
        "fitted_ms": 1e3 * best[1],
        "ratio": best[1] / best[0],
        "same": losses[0] == losses[1],
    }


def main() -> None:
    """Measures the chosen models, keeping the figures of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(SUITE))
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--compile", action="store_true", help="fill the kernel cache only")
    output = ROOT / "docs" / "results" / "budget_step.json"
    parser.add_argument("--json", type=Path, default=output)
    chosen = parser.parse_args()
    found = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    found = {name: row for name, row in found.items() if name in SUITE}
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for model in chosen.models.split(","):
            start = time.perf_counter()
            made[model] = libraries(model, chosen.share, Path(folder))
            print(f"{model} compiled in {time.perf_counter() - start:.0f} s", flush=True)
        for model, parts in made.items() if not chosen.compile else ():
            found[model] = {"share": chosen.share} | measured(model, *parts)
            print(model, found[model], flush=True)
            chosen.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
