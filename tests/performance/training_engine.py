"""One engine with one training step in a process of its own, which runs steps when it is told to.

    python tests/performance/training_engine.py ENGINE MODEL THREADS

ENGINE is `tyc`, `torch_eager` or `torch_compile`, MODEL a name of `MODELS`. A step is the forward
pass, the loss, the gradients of all parameters and their update by plain SGD, in f32, on a batch
that stays the same. The protocol is that of `engine.py`: the first line of all says that the engine
is ready, with its losses of the first steps.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RATE = 0.01
MODELS = {"resnet18": (8, 224), "bert_base": (2, 128)}
"""Batch, and the side of an image or the length of a text."""

_WARM = 3

Step = Callable[[], float]


def ours(model: str, threads: int) -> Step:
    """The step that tyc compiles."""
    os.environ["TYC_NUM_THREADS"] = str(threads)
    import tyc
    from tyc.hub.models import create

    batch, size = MODELS[model]
    net = create(model, dropout=0.0) if model == "bert_base" else create(model)
    params = list(net.parameters())
    manager = tyc.GradManager().attach(params)

    @tyc.trace
    def step(x: Any, target: Any) -> Any:
        with manager:
            loss = net.loss(net(x), target)
            manager.backward(loss)
        for p in params:
            if p.grad is not None:
                p.assign(p - p.grad * RATE)
            p.clear_grad()
        return loss

    x, target = (tyc.tensor(a) for a in net.example(batch, size))
    return lambda: float(step(x, target).numpy())


def torch_model(model: str) -> tuple[Any, Any, Any]:
    """PyTorch's module, its batch, and its loss as a function of output and target."""
    import torch
    from torch.nn import functional as F
    from torchvision_operators import define_torchvision_operators

    define_torchvision_operators()
    batch, size = MODELS[model]
    if model == "resnet18":
        import torchvision

        target = torch.randint(0, 1000, (batch,))
        x = torch.randn(batch, 3, size, size)
        return torchvision.models.resnet18(), (x, target), F.cross_entropy
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    tokens = torch.randint(0, config.vocab_size, (2, batch, size))

    def loss(output: Any, target: Any) -> Any:
        return F.cross_entropy(output.logits.flatten(0, 1), target.flatten())

    return BertForMaskedLM(config), tuple(tokens), loss


def torch_step(model: str, threads: int, compiles: bool) -> Step:
    """PyTorch's step, eager or with its forward and backward compiled."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net, (x, target), measure = torch_model(model)
    net.train()
    called = torch.compile(net) if compiles else net
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = measure(called(x), target)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def prepare(engine: str, model: str, threads: int) -> Step:
    """A step of the model in an engine."""
    if engine == "tyc":
        return ours(model, threads)
    return torch_step(model, threads, engine == "torch_compile")


def block(step: Step, seconds: float) -> dict[str, float]:
    """One block of steps, and the mean of what one takes of all threads' time, in ms."""
    import engine as engines

    begin, steps = time.process_time(), 0

    def run() -> list[np.ndarray]:
        nonlocal steps
        steps += 1
        return [np.float32(step())]

    found = engines.block(run, seconds)
    return {**found, "cpu_ms": (time.process_time() - begin) * 1e3 / steps}


def serve(engine: str, model: str, threads: int, answer: Callable[[dict], None]) -> None:
    """Prepares the engine, then answers until the input ends."""
    start = time.perf_counter()
    step = prepare(engine, model, threads)
    losses = [step()]
    seconds = time.perf_counter() - start
    losses += [step() for _ in range(_WARM)]
    answer({"ready": True, "compile_s": seconds, "losses": losses})
    for line in sys.stdin:
        if not line.strip():
            break
        answer(block(step, float(line)))
    answer({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def main() -> None:
    """The process: answers go to what standard output was; engines print to standard error."""
    engine, model, threads = sys.argv[1:]
    here = str(Path(__file__).resolve().parent)
    import engine as engines  # noqa: F401  # puts tests/support on the path

    # A peer's optional import must not find a neighbour of this file (transformers has `kernels`).
    sys.path[:] = [p for p in sys.path if str(Path(p).resolve()) != here]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=answers, flush=True)

    try:
        serve(engine, model, int(threads), answer)
    except (Exception, SystemExit) as error:
        # A peer that cannot run a model is a row in the table, whatever it raises.
        answer({"failed": f"{type(error).__name__}: {error}"[:300]})


if __name__ == "__main__":
    main()
