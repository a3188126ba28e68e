"""Measures eager mode beside PyTorch's: `docs/results/eager.json`.

    python tests/performance/eager.py [--torch PYTHON] [--threads 1,2] [--json FILE]

One small op at a time on warm tensors (microseconds an op), and a forward pass of ResNet-18 on one
image (milliseconds), without gradients. Each engine is a process of its own; they take turns, and
a figure is the minimum over all turns. `--torch` is an interpreter with torch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5
_OPS, _FORWARDS, _SMALL = 3000, 12, (16, 16)


def best(function: Callable[[], Any], count: int, turns: int = 5) -> float:
    """The least seconds a call, over `turns` loops of `count` calls."""
    function()
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        for _ in range(count):
            function()
        times.append((time.perf_counter() - start) / count)
    return min(times)


def small_ops(x: Any, y: Any, relu: Callable[[Any], Any]) -> dict[str, float]:
    """Microseconds of each op."""
    calls: dict[str, Callable[[], Any]] = {
        "add": lambda: x + y,
        "multiply by a number": lambda: x * 2.0,
        "relu": lambda: relu(x),
        "matmul": lambda: x @ y,
    }
    return {name: 1e6 * best(call, _OPS) for name, call in calls.items()}


def tyc_engine() -> dict[str, Any]:
    """Figures of tyc."""
    import tyc
    from tyc import functional as F
    from tyc.hub import models

    found: dict[str, Any] = {"ops": small_ops(F.ones(_SMALL), F.ones(_SMALL), F.relu)}
    net = models.create("resnet18").eval()
    image = tyc.random.normal((1, 3, 224, 224))
    found["resnet18"] = 1e3 * best(lambda: net(image), 1, _FORWARDS)
    return found


def torch_engine(threads: int) -> dict[str, Any]:
    """Figures of PyTorch."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    from torchvision_operators import define_torchvision_operators

    define_torchvision_operators()
    import torch
    import torchvision

    torch.set_num_threads(threads)
    with torch.inference_mode():
        x, y = torch.ones(_SMALL), torch.ones(_SMALL)
        found: dict[str, Any] = {"ops": small_ops(x, y, torch.relu)}
        net = torchvision.models.resnet18().eval()
        image = torch.randn(1, 3, 224, 224)
        found["resnet18"] = 1e3 * best(lambda: net(image), 1, _FORWARDS)
    return found


def run(engine: str, python: str, threads: int) -> dict[str, Any]:
    """One turn of an engine."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TYC_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    command = [python, __file__, "--engine", engine, "--threads", str(threads)]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(output.stdout.splitlines()[-1])


def least(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """The minimum of each figure."""
    ops = {name: min(t["ops"][name] for t in turns) for name in turns[0]["ops"]}
    return {"ops": ops, "resnet18": min(t["resnet18"] for t in turns)}


def main() -> None:
    """Measures both engines by turns, or is one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", default=sys.executable, help="interpreter with PyTorch")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--engine", choices=("tyc", "torch"))
    parser.add_argument("--json", type=Path, default=ROOT / "docs" / "results" / "eager.json")
    chosen = parser.parse_args()
    if chosen.engine is not None:
        threads = int(chosen.threads)
        print(json.dumps(tyc_engine() if chosen.engine == "tyc" else torch_engine(threads)))
        return
    results = {}
    for threads in map(int, chosen.threads.split(",")):
        turns: dict[str, list[dict[str, Any]]] = {"tyc": [], "torch": []}
        for _ in range(ROUNDS):
            turns["tyc"].append(run("tyc", sys.executable, threads))
            turns["torch"].append(run("torch", chosen.torch, threads))
        results[str(threads)] = {name: least(found) for name, found in turns.items()}
        print(threads, json.dumps(results[str(threads)]), flush=True)
    chosen.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
