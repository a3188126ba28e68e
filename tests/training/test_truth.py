"""A training step under a budget: what is planned is asked for and touched, and the loss, every
gradient (as momentum after the first step) and all state have the bits of the step without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training_truth import runs, step_program

import tyc
from tyc import nn, optim
from tyc.hub.models.densenet import DenseNet
from tyc.hub.models.gpt2 import GPT2
from tyc.hub.models.lstm import LSTM
from tyc.hub.models.resnet import Bottleneck, ResNet
from tyc.runtime.errors import UserError

SMALL = {
    "bottlenecks": (lambda: ResNet(Bottleneck, (3,), 7, width=16), 4, 32),
    "dense": (lambda: DenseNet((3,), growth=16, width=16, bottleneck=2, classes=7), 4, 32),
    # Its scores are computed some rows at a time.
    "gpt": (lambda: GPT2(1999, 24, 1, 3, 31), 4, 31),
    "lstm": (lambda: LSTM(50, 16, 16), 4, 5),
}


@pytest.mark.parametrize("name", SMALL)
def test_planned_is_touched_and_no_bit_changes(name: str, tmp_path: Path) -> None:
    free, fitted = runs(step_program(*SMALL[name]), (None, 0.5), tmp_path, count=2)
    assert free.holds() and fitted.holds(), (free.row(), fitted.row())
    assert fitted.steps > free.steps and fitted.planned < free.planned
    assert fitted.digests == free.digests
    assert free.losses[0] != free.losses[1]


def test_a_budget_that_no_step_fits_is_refused() -> None:
    net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    manager = tyc.GradManager().attach(net.parameters())
    opt = optim.SGD(net.parameters(), lr=0.1)

    @tyc.trace(memory_budget=64)
    def step(x: tyc.Tensor) -> tyc.Tensor:
        with manager:
            loss = (net(x) ** 2.0).mean()
            manager.backward(loss)
        opt.step().clear_grad()
        return loss

    with pytest.raises(UserError, match=r"must be at least \d+ bytes, got 64: kernel .* live"):
        step(np.ones((8, 16), np.float32))
