"""Training steps of the hub's models: what they change, and into how few kernels they fuse."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hub_models import SMALL
from mlir import ir

import tyc
from tyc import random
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.targets import host
from tyc.hub import models

# Kernels of forward and backward; a pass that becomes weaker shows here.
MOST_KERNELS = {"gpt2_tiny": 125, "vit_tiny": 560, "resnet18": 450}


@pytest.mark.parametrize("name", ["resnet18", "gpt2_tiny"])
def test_step_updates_what_the_model_has(name: str) -> None:
    small = SMALL[name]
    step = models.training_step(name, small.batch, small.size, **small.options)
    program = tyc.trace(step.function).program(*step.arguments)
    changed = set(program.updates.values())
    assert changed >= {n for n, _ in step.model.named_parameters()}
    assert changed >= {n for n, _ in step.model.named_buffers()}


def _calls(name: str) -> Counter[str]:
    small = SMALL[name]
    step = models.training_step(name, small.batch, small.size, optimizer=None, **small.options)
    program = tyc.trace(step.function).program(*step.arguments)
    Compilation(program, host(), Options()).run_program_stages(stop="fuse")
    calls = [o for o in program.operations() if o.name == "func.call"]
    return Counter(ir.FlatSymbolRefAttr(o.attributes["callee"]).value for o in calls)


@pytest.mark.parametrize("name", sorted(MOST_KERNELS))
def test_step_has_few_kernels(name: str) -> None:
    assert sum(_calls(name).values()) <= MOST_KERNELS[name]


def test_gradients_of_a_compiled_step_are_slopes() -> None:
    random.seed(5)
    net = models.create("gpt2_tiny", features=12, heads=3, layers=1, dropout=0.0).astype("f64")
    step = models.training_step(net, 2, 6, "f64", optimizer=None)
    tyc.trace(step.function)(*step.arguments)
    rng = np.random.default_rng(6)
    parameters = list(net.parameters())
    before = [p.numpy().copy() for p in parameters]
    directions = [rng.standard_normal(p.shape) for p in parameters]
    slope = sum(float(np.sum(p.grad.numpy() * d)) for p, d in zip(parameters, directions))
    loss = models.loss_function(net, 2, 6, "f64")
    traced, losses = tyc.trace(loss.function), []
    for sign in (1e-6, -1e-6):
        for p, value, d in zip(parameters, before, directions):
            p.assign(tyc.tensor(value + sign * d))
        losses.append(traced(*loss.arguments).item())
    np.testing.assert_allclose((losses[0] - losses[1]) / 2e-6, slope, rtol=1e-5)
