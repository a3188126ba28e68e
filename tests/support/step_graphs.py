"""The kernel graphs of the suite's training steps, without a budget or an update.

    graphs = StepGraphs()            # compiled once, then read from build/graphs
    graph, flops = graphs.load("resnet50")

A file holds one compiled step at batch 8: sizes, kernels, parts, updates and FLOPs. Its name has a
digest of the sources that it depends on, so that a changed compiler compiles again.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from training_models import random_layers

from tyc.compiler.planning.graph import Graph, Kernel

ROOT = Path(__file__).resolve().parents[2]
BATCH = 8

MODELS = ("resnet50", "resnet152", "densenet121", "unet", "mobilenet_v2", "vgg19", "gpt2",
          "bert_base", "vit_base", "lstm")  # fmt: skip
RANDOM = {"random100": 100, "random300": 300, "random1000": 1000, "random5000": 5000}
SUITE = (*MODELS, *RANDOM)


class StepGraphs:
    """Graphs of the suite by name, kept in a folder of JSON files."""

    def __init__(self, folder: Path = ROOT / "build" / "graphs") -> None:
        self.folder = folder

    def load(self, name: str) -> tuple[Graph, list[float]]:
        """The graph and the FLOPs of each kernel; for random graphs these are the costs."""
        if name in RANDOM:
            graph = random_layers(RANDOM[name])
            return graph, [kernel.cost for kernel in graph.kernels]
        path = self.folder / f"{name}-{_digest()}.json"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(_compiled(name))
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        return decoded(json.loads(path.read_text(encoding="utf-8")))


def encoded(graph: Graph, flops: list[float]) -> dict[str, Any]:
    """A graph and its FLOPs as JSON-able data."""
    return {
        "sizes": list(graph.sizes),
        "kernels": [asdict(kernel) for kernel in graph.kernels],
        "parts": [[v, *place] for v, place in graph.parts.items()],
        "updates": list(graph.updates.items()),
        "flops": flops,
    }


def decoded(data: dict[str, Any]) -> tuple[Graph, list[float]]:
    """What `encoded` made data of."""
    kernels = [
        Kernel(
            tuple(k["inputs"]), tuple(k["outputs"]), tuple((a, b) for a, b in k["in_place"]),
            k["cost"], k["name"],
        )
        for k in data["kernels"]
    ]  # fmt: skip
    parts = {v: (whole, offset) for v, whole, offset in data["parts"]}
    return Graph(data["sizes"], kernels, parts, dict(data["updates"])), data["flops"]


def _compiled(name: str) -> dict[str, Any]:
    from tyc.compiler.options import Options
    from tyc.compiler.pipeline import Compilation
    from tyc.compiler.planning.plan import graph_of
    from tyc.compiler.targets import host
    from tyc.compiler.transforms.plan_memory import facts_of, steps_of
    from tyc.tools.memory_study import load_model

    run = Compilation(load_model(name, BATCH, {}, None, "none"), host(), Options())
    run.run_program_stages(stop="fuse")
    run.schedule_kernels()
    run.prepare(run.schedule_kernels)
    with run.program.module.context:
        plan, _ = steps_of(run.program, run.kernels)
    graph = graph_of(plan, facts_of(plan, run.kernels, run.target))
    return encoded(graph, [float(run.kernels[s.kernel].flops) for s in plan.steps])


@cache
def _digest() -> str:
    """A digest of the sources but for the planner's own."""
    digest = hashlib.sha256(str(BATCH).encode())
    for package in ("compiler", "dialects", "frontend"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("compiler/planning/"):
                digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
