"""Gradients of the hub's models by traced training steps in f64, against PyTorch's.

    python tests/performance/gradients.py [--torch PYTHON] [--json FILE] [NAME...]

Models have all of their layers and few channels (`tests/support/hub_models.py`). For each, the
relative error of the loss, the largest of a buffer (running statistics), and the largest of a
parameter's gradient: the norm of the difference over the norm of PyTorch's. Batch norms normalise
by the batch; dropout is off. A gradient that is 0 but for rounding (a bias before a batch
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

import tyc
from tyc import random
from tyc.hub import models

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))
from hub_models import SMALL  # noqa: E402

BAR = 1e-8
SUITE = ("resnet50", "resnet152", "densenet121", "unet", "mobilenet_v2", "vgg19", "gpt2",
         "bert_base", "vit_base", "lstm")  # fmt: skip
# Batch and side of those whose last batch norms would else see two values, and amplify rounding by
# the inverse of their variance.
SIZES = dict.fromkeys(("resnet18", "resnet50", "resnet152", "densenet121", "mobilenet_v2"), (4, 64))
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
    """The loss and the gradients of a traced step, what went in, and the buffers afterwards."""
    batch, size = SIZES.get(name, (SMALL[name].batch, SMALL[name].size))
    step = models.training_step(net, batch, size, "f64", optimizer=None)
    x, target = step.arguments
    results = {"x": x, "target": target, "loss": tyc.trace(step.function)(x, target).numpy()}
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        results[f"gradient.{key}"] = parameter.grad.numpy()
    return results | {f"state.{n}": b.numpy() for n, b in net.named_buffers()}


def theirs(python: str, name: str, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """PyTorch's results, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / n) for n in ("given.npz", "result.npz")]
        np.savez(files[0], **given)  # pyright: ignore[reportArgumentType]
        subprocess.run([python, str(SUPPORT / "torch_models.py"), name, *files], check=True)
        with np.load(files[1]) as loaded:
            return dict(loaded)


def compared(mine: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict[str, object]:
    """Relative errors: of the loss, the buffers, and the worst of a gradient with its name."""
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
    buffers = [
        float(np.abs(mine[k] - v).max() / max(float(np.abs(v).max()), 1e-300))
        for k, v in reference.items() if k.startswith("state.") and k in mine
    ]  # fmt: skip
    return {
        "loss": abs(float(mine["loss"]) - loss) / abs(loss),
        "buffers": max(buffers, default=0.0),
        "gradient": errors[worst],
        "worst": worst.removeprefix("gradient."),
        "parameters": len(errors),
    }


def measured(name: str, python: str, training: bool) -> dict[str, object]:
    """The row of one model."""
    net = prepared(name, training)
    state = {f"state.{k}": v.numpy().copy() for k, v in net.state_dict().items()}
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
        rows.append(measured(name, chosen.torch, True))
        print(rows[-1], flush=True)
        if chosen.json:
            chosen.json.write_text(json.dumps({"bar": BAR, "rows": rows}, indent=1) + "\n")
    if any(max(r["gradient"], r["loss"], r["buffers"]) > BAR for r in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
