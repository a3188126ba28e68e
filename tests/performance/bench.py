"""Measures the bars on real models and writes `docs/results.json` and `docs/results.md`.

    python tests/performance/bench.py [--models resnet50,magika] [--seconds 3] [--no-export]

For each model: compilation from scratch and with the kernel cache (a process of its own, peak
resident memory of the largest process), error against onnxruntime, latency on 1 and 2 threads with
the two engines taking turns (minimum), arena against the largest live set. Run it on a quiet
machine. Models that PyTorch exports are exported first where torch is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "performance")]

import numpy as np  # noqa: E402
import report  # noqa: E402
import zoo  # noqa: E402

from tyc.runtime import load  # noqa: E402
from tyc.runtime.memory import GuardedWorkspace  # noqa: E402
from tyc.tools.bench import interleaved_times  # noqa: E402

COMPILE = """
import json, resource, sys, time
start = time.perf_counter()
import tyc.onnx
from tyc.compiler.pipeline import compile_program
program = tyc.onnx.load(sys.argv[1], json.loads(sys.argv[3]))
made = compile_program(program, sys.argv[2])
seconds = time.perf_counter() - start
from tyc.compiler import pool
pool.close_all()
workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
# This process's own ru_maxrss would begin with what its parent had when it forked.
own = next(int(x.split()[1]) for x in open("/proc/self/status") if x.startswith("VmHWM"))
peak = max(own, workers) / 1024
print(json.dumps({"seconds": seconds, "peak_mb": peak, "stages": made.seconds}))
"""


def compile_model(model: zoo.Model, output: Path, cache: Path) -> dict[str, Any]:
    """Compiles in a fresh process; seconds from the first import, peak resident megabytes."""
    environment = {**os.environ, "TYC_CACHE_DIR": str(cache)}
    shapes = json.dumps(model.shapes)
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, str(model.path), str(output), shapes],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{model.name} did not compile:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_latency(library: Path, model: zoo.Model, threads: int, seconds: float) -> dict:
    """Latency in ms of both engines, interleaved: minimum and median."""
    module = load(library, threads=threads)
    arrays = zoo.inputs_of([(s.name, s.numpy_dtype, s.shape) for s in module.inputs])
    session = zoo.onnxruntime_session(model.path, threads)
    ours = [arrays[s.name] for s in module.inputs]
    runs = {"tyc": lambda: module(*ours), "onnxruntime": lambda: session.run(None, arrays)}
    times = interleaved_times(runs, seconds)
    row = {n: {"min": min(t) * 1e3, "median": float(np.median(t)) * 1e3} for n, t in times.items()}
    ratio = row["tyc"]["min"] / row["onnxruntime"]["min"]
    return {**row, "ratio": ratio, "runs": len(times["tyc"])}


def measure_result(library: Path, model: zoo.Model) -> dict[str, Any]:
    """Error against onnxruntime, and the bytes of the workspace that a run touches."""
    module = load(library, threads=2)
    arrays = zoo.inputs_of([(s.name, s.numpy_dtype, s.shape) for s in module.inputs])
    workspace = GuardedWorkspace(module.workspace_bytes)
    workspace.poison()
    module.use_workspace(workspace)
    result = module(**arrays)
    touched = workspace.touched_bytes()
    got = list(result) if isinstance(result, tuple) else [result]
    want = zoo.reference(model.path, arrays, threads=2)
    memory = module.manifest["memory"]
    return {
        "relative_error": max(map(zoo.relative_error, got, want)),
        "argmax_equal": all(zoo.argmax_agrees(a, b, 1e-4) for a, b in zip(got, want)),
        "workspace_bytes": module.workspace_bytes,
        "touched_bytes": touched,
        "peak_live_bytes": memory["peak_live_bytes"],
        "weights_bytes": memory["weights_bytes"],
        "kernels": len(module.manifest["kernels"]),
        "steps": len(module.manifest["steps"]),
    }


def measure(model: zoo.Model, seconds: float) -> dict[str, Any]:
    """All figures of one model."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        warm_runtime(base / "cache")
        library, again = base / f"{model.name}.so", base / "again" / f"{model.name}.so"
        again.parent.mkdir()
        scratch = compile_model(model, library, base / "cache")
        cached = compile_model(model, again, base / "cache")
        row = {
            "model_mb": model.path.stat().st_size / 1e6,
            "compile": scratch,
            "compile_cached": cached,
            "identical_bytes": library.read_bytes() == again.read_bytes(),
            **measure_result(library, model),
        }
        for threads in (1, 2):
            row[f"threads_{threads}"] = measure_latency(library, model, threads, seconds)
    return row


def warm_runtime(cache: Path) -> None:
    """Builds the C runtime's objects, which are made once for a machine, not for a model."""
    code = (
        "from tyc.compiler.codegen import link, runtime_objects as r; from tyc.compiler.targets "
        "import host; p = host().platform; r.runtime_objects(p); link.system_stub(p.libm, p)"
    )
    environment = {**os.environ, "TYC_CACHE_DIR": str(cache)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def export_models() -> None:
    """Exports what PyTorch exports, where torch is installed."""
    if importlib.util.find_spec("torch") is None:
        print("torch is not installed: its models are measured only where they were exported")
        return
    script = ROOT / "tests" / "support" / "export_torch.py"
    subprocess.run([sys.executable, str(script)], check=True)


def main() -> None:
    """Measures the chosen models, keeping the figures of the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="", help="names, separated by commas; default all")
    parser.add_argument("--seconds", type=float, default=4.0, help="timed seconds per engine pair")
    parser.add_argument("--no-export", action="store_true", help="do not export PyTorch's models")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "results.json")
    chosen = parser.parse_args()
    if not chosen.no_export:
        export_models()
    known = {m.name: m for m in [*zoo.package_models(), *zoo.torch_models()] if m.exists}
    names = chosen.models.split(",") if chosen.models else list(known)
    results = json.loads(chosen.output.read_text()) if chosen.output.exists() else {}
    for name in names:
        row = measure(known[name], chosen.seconds)
        results.setdefault("models", {})[name] = row
        ratios = [row[f"threads_{t}"]["ratio"] for t in (1, 2)]
        print(f"{name}: {ratios[0]:.2f} / {ratios[1]:.2f} of onnxruntime's time", flush=True)
        results["machine"] = {"python": platform.python_version(), "cpu": cpu_name()}
        chosen.output.write_text(json.dumps(results, indent=1) + "\n")
        chosen.output.with_suffix(".md").write_text(report.render(results))


def cpu_name() -> str:
    """The CPU as LLVM and Linux call it."""
    from tyc.compiler.targets import host

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "?")
    return f"{model} ({host().cpu}), {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
