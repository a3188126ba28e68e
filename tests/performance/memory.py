"""Measures workspaces against their bound and against what peers need, and writes JSON.

    python tests/performance/memory.py [--models resnet50,magika] [--mnn PYTHON] [-o memory.json]

For each model: the planned arena, the bound that no order and no placement passes, seconds of
planning. A peer runs in a process of its own whose heap is counted by `heap.c`, one thread, outputs
bound to memory from outside, weights and whatever else stands before the run left out:

onnxruntime        the arena and what else the first runs leave, and the peak of one more run
onnxruntime_least  the same with arena and memory patterns off: every tensor is freed at once
mnn                the block of intermediate tensors that its session reserves last of all
                   (PYTHON is an interpreter that has MNN; packed weights are blocks before it)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import zoo  # noqa: E402

HEAP = """
import ctypes, json, sys
heap = ctypes.CDLL(sys.argv[1])
for name in ("heap_live", "heap_peak", "heap_size"):
    getattr(heap, name).restype = ctypes.c_long
"""

ONNXRUNTIME = (
    HEAP
    + """
import numpy as np, onnxruntime
from tyc.tools.arrays import inputs_of
path, shapes, arena = sys.argv[2], json.loads(sys.argv[3]), sys.argv[4] == "arena"
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.log_severity_level = 1, 3
options.enable_cpu_mem_arena = options.enable_mem_pattern = arena
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
kinds = {"float": "float32", "double": "float64"}
def kind(i):
    name = i.type[7:-1]
    return np.dtype(kinds.get(name, name))
given = [(i.name, kind(i), tuple(shapes.get(i.name) or i.shape)) for i in session.get_inputs()]
arrays = inputs_of(given)
loaded = heap.heap_live()
results = session.run(None, arrays)
taken = sum(r.nbytes for r in results)
def run():
    binding = session.io_binding()
    for name, array in arrays.items():
        binding.bind_cpu_input(name, array)
    for o, r in zip(session.get_outputs(), results):
        binding.bind_output(o.name, "cpu", 0, r.dtype, r.shape, r.ctypes.data)
    heap.heap_reset()
    before = heap.heap_live()
    session.run_with_iobinding(binding)
    return heap.heap_peak() - before
run()
peak = run()
kept = heap.heap_live() - loaded - taken if arena else 0
print(json.dumps({"bytes": kept + peak}))
"""
)

CONVERT = """
import MNN, _tools, sys
_tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", sys.argv[1], "--MNNModel",
                   sys.argv[2], "--bizCode", "MNN"])
"""

MNN = (
    HEAP
    + """
import MNN
shapes = json.loads(sys.argv[3])
interpreter = MNN.Interpreter(sys.argv[2])
heap.heap_log(1)
session = interpreter.createSession({"backend": "CPU", "precision": "high", "numThread": 1})
if shapes:
    for name, tensor in interpreter.getSessionInputAll(session).items():
        if name in shapes:
            interpreter.resizeTensor(tensor, tuple(shapes[name]))
    interpreter.resizeSession(session)
last = range(max(heap.heap_count() - 12, 0), heap.heap_count())
print(json.dumps({"bytes": max(heap.heap_size(i) for i in last)}))
"""
)


def peer(python: str, code: str, library: Path, *arguments: str) -> int | str:
    """The bytes that a peer's process reports, or its error's last line."""
    done = subprocess.run(
        [python, "-c", code, str(library), *arguments],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"bytes"')]
    if lines:
        return json.loads(lines[-1])["bytes"]
    return (done.stderr.strip().splitlines() or ["no output"])[-1][-200:]


def mnn(python: str, library: Path, model: zoo.Model, folder: Path) -> int | str:
    """MNN's block of intermediate tensors, the model converted first."""
    made = folder / f"{model.name}.mnn"
    subprocess.run(
        [python, "-c", CONVERT, str(model.path), str(made)], capture_output=True, check=False
    )
    if not made.exists():
        return "not converted"
    return peer(python, MNN, library, str(made), json.dumps(model.shapes))


def planned(model: zoo.Model) -> dict[str, Any]:
    """The memory of the plan, with the seconds that planning took."""
    import tyc.onnx
    from tyc.compiler.options import Options
    from tyc.compiler.pipeline import Compilation
    from tyc.compiler.targets import host

    run = Compilation(tyc.onnx.load(model.path, model.shapes), host(), Options())
    run.run_program_stages()
    run.compile_kernels()
    run.plan_memory()
    plan = run.plan
    return {
        "workspace": plan.arena_bytes,
        "bound": plan.bound_bytes,
        "ratio": plan.arena_bytes / max(plan.bound_bytes, 1),
        "steps": len(plan.steps),
        "moved": plan.moved,
        "seconds": run.seconds["plan"],
    }


def measure(model: zoo.Model, library: Path, mnn_python: str | None, folder: Path) -> dict:
    """One row of the results."""
    row = planned(model)
    shapes = json.dumps(model.shapes)
    for name, arena in (("onnxruntime", "arena"), ("onnxruntime_least", "least")):
        row[name] = peer(sys.executable, ONNXRUNTIME, library, str(model.path), shapes, arena)
    if mnn_python:
        row["mnn"] = mnn(mnn_python, library, model, folder)
    peers = [row.get(n) for n in ("onnxruntime", "onnxruntime_least", "mnn")]
    row["smaller"] = all(row["workspace"] < p for p in peers if isinstance(p, int))
    return row


def build(folder: Path) -> Path:
    """The library that is preloaded into a peer."""
    library = folder / "heap.so"
    source = Path(__file__).with_name("heap.c")
    command = [sys.executable, "-m", "ziglang", "cc", "-O2", "-shared", "-fPIC", str(source)]
    subprocess.run([*command, "-o", str(library)], check=True)
    return library


def main() -> None:
    """Measures the models asked for, or all that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="")
    parser.add_argument("--mnn", default=None, help="a Python that has MNN")
    parser.add_argument("--folder", type=Path, help="more models: FOLDER/*.onnx")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "memory.json")
    given = parser.parse_args()
    models = {m.name: m for m in zoo.package_models() + zoo.torch_models() if m.exists}
    for path in sorted(given.folder.glob("*.onnx")) if given.folder else ():
        models.setdefault(path.stem, zoo.Model(path.stem, path))
    names = given.models.split(",") if given.models else list(models)
    rows: dict[str, dict] = {}
    with tempfile.TemporaryDirectory(prefix="tyc-memory-") as scratch:
        library = build(Path(scratch))
        for name in names:
            rows[name] = measure(models[name], library, given.mnn, Path(scratch))
            print(name, json.dumps(rows[name]), flush=True)
            given.output.parent.mkdir(exist_ok=True)
            given.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
