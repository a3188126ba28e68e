"""One engine with one model in a process of its own, which runs blocks of calls when it is told to.

    python tests/performance/engine.py ENGINE MODEL.onnx THREADS FOLDER REFERENCE.npz

ENGINE is `tyc`, or a peer that `../shared/bench/bench.py` has a runner for. Each line on standard
input is a number of seconds; the answer is a line of JSON with the minimum and the median of the
calls in that time. The first line of all says that the engine is ready, and how far its result is
from the reference (onnxruntime without optimisations); an empty line ends the process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from torchvision_operators import define_torchvision_operators

RUNNERS = Path(__file__).resolve().parents[3] / "shared" / "bench" / "bench.py"
SETTLE_SECONDS = 0.1

Run = Callable[[], list[np.ndarray]]


def runners() -> ModuleType:
    """The module with the peers' runners."""
    path = Path(os.environ.get("TYC_BENCH_RUNNERS", RUNNERS))
    spec = importlib.util.spec_from_file_location("peer_runners", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SystemExit(f"the peers' runners are missing, got {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(peers: ModuleType, path: Path, threads: int, folder: Path) -> tuple[Run, float]:
    """A call of the model that tyc compiles, and the seconds that compiling took."""
    import tyc.onnx
    from tyc.compiler.pipeline import compile_program
    from tyc.runtime import load

    library = folder / f"{path.stem}.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    compile_program(tyc.onnx.load(path), library)
    seconds = time.perf_counter() - start
    module = load(library, threads=threads)
    arrays = [np.ascontiguousarray(a) for a in peers.make_inputs(str(path)).values()]

    def run() -> list[np.ndarray]:
        result = module(*arrays)
        return list(result) if isinstance(result, tuple) else [result]

    return run, seconds


def prepare(engine: str, path: Path, threads: int, folder: Path) -> tuple[Run, float]:
    """A call of the model in an engine, and the seconds of its compilation or conversion."""
    peers = runners()
    if engine == "tyc":
        return ours(peers, path, threads, folder / "tyc")
    if engine.startswith("torch"):
        define_torchvision_operators()
    name = path.stem + (f"_t{threads}" if engine == "torch_compile" else "")
    run, compiling, _ = getattr(peers, f"p_{engine}")(
        str(path), path.stem, threads, str(folder / engine / name)
    )
    return run, compiling


def block(run: Run, seconds: float) -> dict[str, float]:
    """Minimum, median and number of the calls in some seconds, after calls that are not timed."""
    start = time.perf_counter()
    while time.perf_counter() < start + SETTLE_SECONDS:
        run()
    taken: list[float] = []
    start = begin = time.perf_counter()
    while start < begin + seconds or not taken:
        run()
        taken.append((time.perf_counter() - start) * 1e3)
        start = time.perf_counter()
    return {"min_ms": min(taken), "median_ms": statistics.median(taken), "runs": len(taken)}


def serve(answers: IO[str], engine: str, path: Path, threads: int, folder: Path, want: Any) -> None:
    """Prepares the engine, then answers until the input ends."""

    def answer(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=answers, flush=True)

    try:
        run, compiling = prepare(engine, path, threads, folder)
        got = [np.array(v) for v in run()]
        answer({"ready": True, "compile_s": compiling, **runners().errors(got, want)})
    except (Exception, SystemExit) as error:
        # A peer that cannot run a model is a row in the table, whatever it raises.
        answer({"failed": f"{type(error).__name__}: {error}"[:300]})
        return
    for line in sys.stdin:
        if not line.strip():
            break
        answer(block(run, float(line)))
    answer({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def main() -> None:
    """The process: answers go to what standard output was; engines print to standard error."""
    # A peer's optional import must not find a neighbour of this file (transformers has `kernels`).
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    engine, model, threads, folder, reference = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    stored = np.load(reference)
    want = [stored[n] for n in stored.files]
    serve(answers, engine, Path(model), int(threads), Path(folder), want)


if __name__ == "__main__":
    main()
