"""Resident memory over many training steps, eager and traced: `docs/results/leaks.json`.

    python tests/performance/leaks.py [--steps 10000] [--json FILE]

A convolutional net with batch norm, dropout and Adam. `growth` is the resident set after the last
step over that after a tenth of the steps, minus 1.
"""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

import tyc
from tyc import functional as F
from tyc import nn, optim

ROOT = Path(__file__).resolve().parents[2]
_PAGE = 4096


def resident_bytes() -> int:
    """The resident set of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def make_step() -> Callable[[np.ndarray, np.ndarray], tyc.Tensor]:
    """One step of training of a small net."""
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(72, 10),
    )  # fmt: skip
    manager = tyc.GradManager().attach(net.parameters())
    optimizer = optim.Adam(net.parameters(), lr=1e-3)

    def step(image: np.ndarray, label: np.ndarray) -> tyc.Tensor:
        with manager:
            loss = F.cross_entropy(net(image), label)
            manager.backward(loss)
        optimizer.step().clear_grad()
        return loss

    return step


def growth(step: Callable[..., tyc.Tensor], steps: int) -> dict[str, float]:
    """Runs the steps on new batches and compares resident memory."""
    rng = np.random.default_rng(0)
    early = 0
    for i in range(steps):
        image = rng.standard_normal((16, 1, 8, 8)).astype(np.float32)
        step(image, rng.integers(0, 10, 16))
        if i + 1 == steps // 10:
            early = resident_bytes()
    late = resident_bytes()
    return {"early_mb": early / 1e6, "late_mb": late / 1e6, "growth": late / early - 1}


def main() -> None:
    """Measures both modes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--json", type=Path, default=ROOT / "docs" / "results" / "leaks.json")
    chosen = parser.parse_args()
    found = {
        "steps": chosen.steps,
        "traced": growth(tyc.trace(make_step()), chosen.steps),
        "eager": growth(make_step(), chosen.steps),
    }
    print(found)
    chosen.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
