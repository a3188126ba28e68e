"""Truth of training steps under memory budgets, on every model of the suite: `results/truth.json`.

    python tests/performance/truth.py [--models resnet50,gpt2] [--json FILE]

Each model has all of its layers and few channels (`tests/support/hub_models.py`), with dropout. Its
step by SGD with momentum is compiled without a budget, with half of that workspace and with 30 %
(or the least that the compiler names where that does not fit), and runs three times in memory that
was filled before and is looked at after (`tests/support/training_truth.py`). A row says whether
planned bytes, bytes that the library asks for and bytes touched are one number, and `other` which
results have other bits than without a budget: the losses, every gradient (momentum after the first
step is the gradient), parameters, running statistics. Nothing is timed: the machine may be busy.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from training_truth import runs, small_program  # noqa: E402

SHARES = (None, 0.5, 0.3)
SUITE = {
    "lstm": (8, 12), "gpt2": (4, 16), "bert_base": (4, 16), "vit_base": (4, None),
    "vgg19": (4, 64), "unet": (2, 64), "resnet50": (4, 64), "mobilenet_v2": (8, 64),
    "resnet152": (4, 64), "densenet121": (4, 64),
}  # fmt: skip
"""Batch, and the side of an image or the length of a text."""


def measured(name: str) -> dict[str, Any]:
    """The row of one model."""
    batch, size = SUITE[name]
    points, free = [], None
    with tempfile.TemporaryDirectory() as folder:
        for run in runs(small_program(name, batch, size), SHARES, Path(folder)):
            free = free or run
            other = [
                key for now, then in zip(run.digests, free.digests, strict=True)
                for key in now.keys() | then.keys() if now.get(key) != then.get(key)
            ]  # fmt: skip
            point = run.row() | {"peak": run.planned / free.planned, "other": sorted({*other})}
            points.append(point)
            print(name, point, flush=True)
    assert free is not None
    holds = all(p["holds"] and not p["other"] for p in points)
    compared = len(free.digests[0])
    return {"batch": batch, "size": size, "compared": compared, "points": points, "holds": holds}


def main() -> None:
    """Measures the chosen models, keeping the figures of the others; exit code 1 where one lies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(SUITE))
    output = ROOT / "docs" / "results" / "truth.json"
    parser.add_argument("--json", type=Path, default=output)
    chosen = parser.parse_args()
    found = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    for name in chosen.models.split(","):
        found[name] = measured(name)
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    if not all(row["holds"] for row in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
