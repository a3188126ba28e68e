"""Measures training steps beside PyTorch, eager and compiled: `docs/results/training.json`.

    python tests/performance/training.py [--models resnet18,bert_base] [--threads 1,2] [--rounds 5]
        [--peers torch_eager,torch_compile] [--python TORCH/bin/python]

Each engine is a process of its own (`training_engine.py`); they take turns in blocks of `--seconds`
each. A figure is the minimum over all rounds: `min_ms` of a step by the clock, `cpu_ms` of a step
by all threads of the process, the mean of a block. `losses` are those of the first steps: each
engine starts from random weights of its own, so they only show that it learns. `--python` is an
interpreter with PyTorch, torchvision and transformers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support")]

import suite  # noqa: E402
import training_engine  # noqa: E402

PEERS = ("torch_eager", "torch_compile")


def start(name: str, model: str, threads: int, python: str, folder: Path) -> suite.Engine:
    """Starts an engine; it compiles its step."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TYC_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, count), "HF_HUB_OFFLINE": "1"}
    program = sys.executable if name == "tyc" else python
    command = [program, str(HERE / "training_engine.py"), name, model, count]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{model}.{name}.{count}").open("w") as errors:
        process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=errors,
        )  # fmt: skip
    engine = suite.Engine(name, process)
    engine.facts = engine.listen()
    return engine


def measure(
    model: str, names: list[str], threads: int, rounds: int, seconds: float, python: str
) -> dict[str, Any]:
    """All engines on one model and one number of threads, by turns."""
    # One after another: each compiles before the next one starts.
    folder = ROOT / "build" / "training"
    running = [start(name, model, threads, python, folder) for name in names]
    for _ in range(rounds):
        for engine in running:
            if engine.alive:
                engine.time(seconds)
    found = {}
    for engine in running:
        found[engine.name] = engine.stop()
        if engine.blocks:
            found[engine.name]["cpu_ms"] = min(b["cpu_ms"] for b in engine.blocks)
    return found


def main() -> None:
    """Measures the chosen models, keeping the figures of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(training_engine.MODELS))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--python", default=sys.executable, help="interpreter with PyTorch")
    output = ROOT / "docs" / "results" / "training.json"
    parser.add_argument("--output", type=Path, default=output)
    chosen = parser.parse_args()
    results = json.loads(chosen.output.read_text()) if chosen.output.exists() else {}
    names = ["tyc", *filter(None, chosen.peers.split(","))]
    for model in chosen.models.split(","):
        for threads in chosen.threads.split(","):
            rows = measure(model, names, int(threads), chosen.rounds, chosen.seconds, chosen.python)
            results.setdefault(model, {}).setdefault(threads, {}).update(rows)
            parts = [
                f"{n} {r['min_ms']:.0f} ms (cpu {r['cpu_ms']:.0f})" if "min_ms" in r
                else f"{n} {r.get('failed', 'no figure')}"
                for n, r in rows.items()
            ]  # fmt: skip
            print(f"{model} @{threads}: {', '.join(parts)}", flush=True)
            chosen.output.parent.mkdir(parents=True, exist_ok=True)
            chosen.output.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
