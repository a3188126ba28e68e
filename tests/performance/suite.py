"""Measures tyc beside every peer on the suite of models: `docs/results/suite.json`.

    python tests/performance/suite.py [--models resnet18,magika] [--threads 1,2] [--rounds 5]
        [--peers openvino,mnn] [--near 1.5] [--python ENGINES/bin/python]

Each engine is a process of its own (`engine.py`); they take turns in short blocks, so that all meet
the same noise, and nobody's thread pool spins while another is timed. A figure is the minimum over
all rounds. A peer more than `DROP` times slower than the fastest after two rounds is not run
further. `--near R` runs only onnxruntime and the peers that an earlier run found within R of the
best. `--python` is an interpreter with the peers installed (see `../shared/bench/README.md`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support")]

import engine as engines  # noqa: E402
import suite_report  # noqa: E402
import zoo  # noqa: E402

SUITE = ("resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0",
         "vit_tiny", "vit_base", "bert_base_s128", "gpt2_s64", "unet_small", "ppocrv4_det",
         "ppocrv4_rec", "minilm_l6_s128", "silero_vad_ifless", "magika")  # fmt: skip
PEERS = ("ort", "openvino", "mnn", "ncnn", "torch_compile", "jax", "iree", "tvm")
DROP, BLOCK_SECONDS, START_SECONDS = 1.6, 0.3, 240


@dataclass
class Engine:
    """A running engine process and what it has answered."""

    name: str
    process: subprocess.Popen[str]
    facts: dict[str, Any] = field(default_factory=dict)
    blocks: list[dict[str, float]] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """True until the engine has failed."""
        return "failed" not in self.facts

    @property
    def least(self) -> float:
        """The minimum so far, in ms."""
        return min((b["min_ms"] for b in self.blocks), default=float("inf"))

    def listen(self) -> dict[str, Any]:
        """The next answer; a process that ended is a failure."""
        line = cast(IO[str], self.process.stdout).readline()
        if not line:
            return {"failed": f"the process ended with {self.process.wait()}"}
        return json.loads(line)

    def time(self, seconds: float = BLOCK_SECONDS) -> None:
        """One block of calls."""
        self._say(str(seconds))
        answer = self.listen()
        if "failed" in answer:
            self.facts.update(answer)
        else:
            self.blocks.append(answer)

    def stop(self) -> dict[str, Any]:
        """Ends the process; all that is known of the engine."""
        if self.alive:
            self._say("")
            self.facts.update(self.listen())
        self.process.kill()
        self.process.wait()
        if not self.blocks:
            return self.facts
        medians = min(b["median_ms"] for b in self.blocks)
        runs = sum(b["runs"] for b in self.blocks)
        return {**self.facts, "min_ms": self.least, "median_ms": medians, "runs": runs}

    def _say(self, line: str) -> None:
        pipe = cast(IO[str], self.process.stdin)
        try:
            pipe.write(line + "\n")
            pipe.flush()
        except BrokenPipeError:
            self.facts["failed"] = "the process ended"


def start(
    name: str, model: Path, threads: int, python: str, folder: Path, reference: Path
) -> Engine:
    """Starts an engine; it loads or compiles the model while others do."""
    count = str(threads)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "MKL_NUM_THREADS": count,
        "TVM_NUM_THREADS": count, "HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3",
    }  # fmt: skip
    program = sys.executable if name == "tyc" else python
    command = [program, str(HERE / "engine.py"), name, str(model), count, str(folder)]
    log = folder / "logs" / f"{model.stem}.{name}.{count}"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["timeout", str(START_SECONDS * 2), *command, str(reference)],
            env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=errors,
        )  # fmt: skip
    return Engine(name, process)


def measure(
    model: Path, names: list[str], threads: int, rounds: int, python: str, folder: Path
) -> dict[str, Any]:
    """All engines on one model and one number of threads."""
    arrays = engines.runners().make_inputs(str(model))
    with tempfile.NamedTemporaryFile(suffix=".npz") as reference:
        np.savez(reference.name, *zoo.reference(model, arrays, threads=2))
        path = Path(reference.name)
        # One after another: two compilers at once would ask for more memory than there is.
        running = [start(names[0], model, threads, python, folder, path)]
        running[0].facts = running[0].listen()
        for name in names[1:]:
            running.append(start(name, model, threads, python, folder, path))
            running[-1].facts = running[-1].listen()
    for number in range(rounds):
        best = min((e.least for e in running), default=0.0)
        for one in running:
            slow = number >= 2 and one.name != "ort" and one.least > DROP * best
            if one.alive and not slow:
                one.time()
    return {one.name: one.stop() for one in running}


def chosen_peers(known: dict[str, Any], peers: list[str], near: float | None) -> list[str]:
    """The peers to run: all, or those that were near the best before."""
    times = {n: r["min_ms"] for n, r in known.items() if n != "tyc" and "min_ms" in r}
    if near is None or not times:
        return peers
    limit = near * min(times.values())
    return [p for p in peers if p == "ort" or times.get(p, float("inf")) <= limit]


def main() -> None:
    """Measures the chosen models, keeping the figures of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(SUITE))
    parser.add_argument("--folder", type=Path, default=zoo.EXPORTED, help="where NAME.onnx are")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--near", type=float, default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=sys.executable, help="interpreter with the peers")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "peers")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "results" / "suite.json")
    chosen = parser.parse_args()
    results = json.loads(chosen.output.read_text()) if chosen.output.exists() else {}
    for name in chosen.models.split(","):
        model = (chosen.folder / f"{name}.onnx").resolve()
        for threads in chosen.threads.split(","):
            known = results.setdefault(name, {}).setdefault(threads, {})
            peers = chosen_peers(known, chosen.peers.split(","), chosen.near)
            rows = measure(
                model, ["tyc", *peers], int(threads), chosen.rounds, chosen.python, chosen.cache
            )
            known.update(rows)
            print(f"{name} @{threads}: {suite_report.line(rows)}", flush=True)
            chosen.output.parent.mkdir(parents=True, exist_ok=True)
            chosen.output.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
