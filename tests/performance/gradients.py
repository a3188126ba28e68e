"""Gradients of the hub's models, compiled in f64, against PyTorch's.

    python tests/performance/gradients.py [--torch PYTHON] [--json FILE] [NAME...]

Models have all of their layers and few channels (`tests/support/hub_models.py`). For each, the
largest relative error of the loss, of the output and of any parameter's gradient: the norm of the
difference over the norm of PyTorch's. A gradient that is 0 but for rounding (a bias before a batch
norm) is measured against the largest gradient of the model. `--torch` is an interpreter that has
torch, torchvision, timm and transformers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tyc import random
from tyc.hub import models
from tyc.tracing import executable

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))
from hub_models import SMALL  # noqa: E402

BAR = 1e-8
SUITE = ("resnet50", "resnet152", "densenet121", "unet", "mobilenet_v2", "vgg19", "gpt2",
         "bert_base", "vit_base", "lstm")  # fmt: skip
# Below this share of the largest gradient's norm there is nothing but rounding.
_NOTHING = 1e-13


def prepared(name: str, training: bool) -> models.Model:
    """A small model in f64, no parameter of which is 0 or 1 throughout."""
    random.seed(1)
    net = models.create(name, **SMALL[name].options).astype("f64").train(training)
    rng = np.random.default_rng(2)
    state = {}
    for key, value in net.state_dict().items():
        array = value.numpy()
        if key.endswith("running_var"):
            array = rng.uniform(0.5, 1.5, array.shape)
        elif value.dtype.is_float and (array == array.flat[0]).all():
            array = array + rng.normal(0, 0.1, array.shape)
        state[key] = array
    net.load_state_dict(state)
    return net


def ours(name: str, net: models.Model) -> dict[str, np.ndarray]:
    """The compiled loss, its gradients, and what went in."""
    small = SMALL[name]
    program = models.gradient_program(net, small.batch, small.size, "f64")
    names = [n for n, _ in program.outputs]
    x, target = net.example(small.batch, small.size, "f64")
    results = executable(program, {})([x, target])
    return {"x": x, "target": target, **dict(zip(names, results))}


def theirs(python: str, name: str, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """PyTorch's results, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / n) for n in ("given.npz", "result.npz")]
        np.savez(files[0], **given)  # pyright: ignore[reportArgumentType]
        subprocess.run([python, str(SUPPORT / "torch_models.py"), name, *files], check=True)
        with np.load(files[1]) as loaded:
            return dict(loaded)


def compared(mine: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict[str, object]:
    """Relative errors: of the loss, the worst of a gradient, and whose it is."""
    wanted = {k: v for k, v in reference.items() if k.startswith("gradient.")}
    got = {k: v for k, v in mine.items() if k.startswith("gradient.")}
    assert got.keys() == wanted.keys(), sorted(got.keys() ^ wanted.keys())
    largest = max(float(np.linalg.norm(v)) for v in wanted.values())
    errors = {}
    for key, value in wanted.items():
        size = float(np.linalg.norm(value))
        scale = size if size > _NOTHING * largest else largest
        errors[key] = float(np.linalg.norm(got[key] - value)) / scale
    worst = max(errors, key=lambda k: errors[k])
    loss = float(reference["loss"])
    return {
        "loss": abs(float(mine["output"]) - loss) / abs(loss),
        "gradient": errors[worst],
        "worst": worst.removeprefix("gradient."),
        "parameters": len(errors),
    }


def measured(name: str, python: str, training: bool) -> dict[str, object]:
    """The row of one model."""
    net = prepared(name, training)
    state = {f"state.{k}": v.numpy() for k, v in net.state_dict().items()}
    began = time.perf_counter()
    mine = ours(name, net)
    seconds = time.perf_counter() - began
    given = {"x": mine["x"], "target": mine["target"], "training": np.array(training), **state}
    row = compared(mine, theirs(python, name, given))
    return {"model": name, "training": training, **row, "seconds": round(seconds, 1)}


def main() -> None:
    """Prints a row a model; writes all as JSON. Exit code 1 where one misses the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", default=sys.executable)
    parser.add_argument("--json", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    chosen = parser.parse_args()
    rows = []
    for name in chosen.names or SUITE:
        rows.append(measured(name, chosen.torch, False))
        print(rows[-1], flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps({"bar": BAR, "rows": rows}, indent=1) + "\n")
    if any(max(r["gradient"], r["loss"]) > BAR for r in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
