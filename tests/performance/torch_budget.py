"""PyTorch's `activation_memory_budget` against ours: `docs/results/torch_budget.json`.

    python tests/performance/torch_budget.py [--models resnet50,gpt2] [--python TORCH/bin/python]

For each model the points of PyTorch's partitioner at eleven budgets, by
`tests/support/torch_partition.py` (which says how bytes and FLOPs are counted, in its favour), and
ours at the bytes of each point that no other of its points beats: `tyc memory` plans the same model
at the same batch. A point of PyTorch's **dominates** where ours within its bytes runs more FLOPs
again, or where nothing of ours fits them. `--python` is an interpreter with PyTorch, torchvision,
timm and transformers. No time is measured: the machine may be busy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PARTITION = ROOT / "tests" / "support" / "torch_partition.py"
MODELS = ("resnet50", "bert_base", "gpt2", "vit_base", "resnet152", "densenet121", "mobilenet_v2",
          "vgg19")  # fmt: skip

Point = dict[str, Any]


def theirs(python: str, model: str, batch: int) -> dict[str, Any]:
    """PyTorch's points, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.json"
        subprocess.run([python, str(PARTITION), model, str(batch), str(path)], check=True)
        return json.loads(path.read_text())


def frontier(points: list[Point]) -> list[Point]:
    """The points that no other one has fewer bytes and no more FLOPs than, the largest first."""
    left: list[Point] = []
    for point in sorted(points, key=lambda p: (p["extra_flops"], p["peak"])):
        if not left or point["peak"] < left[-1]["peak"]:
            left.append(point)
    return left


def ours(model: str, batch: int, budgets: list[int]) -> dict[str, Any]:
    """What `tyc memory` plans within these bytes."""
    command = [sys.executable, "-m", "tyc.tools.tyc", "memory", model, "--batch", str(batch)]
    command += ["--budgets", ",".join(map(str, budgets)), "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def compared(model: str, batch: int, torch: dict[str, Any]) -> dict[str, Any]:
    """Both sides' points, and those of PyTorch's that dominate."""
    best = frontier(torch["points"])
    study = ours(model, batch, [p["peak"] for p in best])
    rows = []
    for point, mine in zip(best, study["points"], strict=True):
        beaten = not mine["feasible"] or mine["extra_flops"] > point["extra_flops"]
        row = {k: mine[k] for k in ("peak", "feasible", "extra_flops", "step_flops")}
        rows.append({"torch": point, "tyc": row, "dominates": beaten})
    return {
        "batch": batch,
        "free_peak": study["free_peak"],
        "torch_step_flops": torch["step_flops"],
        "torch_points": torch["points"],
        "rows": rows,
        "dominated": sum(r["dominates"] for r in rows),
    }


def main() -> None:
    """Measures the chosen models, keeping the figures of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--python", default=sys.executable, help="interpreter with PyTorch")
    output = ROOT / "docs" / "results" / "torch_budget.json"
    parser.add_argument("--json", type=Path, default=output)
    chosen = parser.parse_args()
    found = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    for model in chosen.models.split(","):
        points = theirs(chosen.python, model, chosen.batch)
        found[model] = compared(model, chosen.batch, points)
        for row in found[model]["rows"]:
            print(model, row, flush=True)
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
