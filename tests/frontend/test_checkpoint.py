"""Checkpoints: a run that stopped goes on to the same bits; what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn, optim

RNG = np.random.default_rng(5)
BATCHES = [(RNG.standard_normal((6, 4)).astype(np.float32), RNG.integers(0, 3, 6))
           for _ in range(6)]  # fmt: skip


class Run:
    """A small network with all that has state: batch norm, dropout, moments, a schedule."""

    def __init__(self, traced: bool, hidden: int = 5) -> None:
        self.net = nn.Sequential(
            nn.Linear(4, hidden), nn.BatchNorm1d(hidden), nn.Dropout(0.3), nn.Linear(hidden, 3)
        )
        self.opt = optim.Adam(self.net.parameters(), lr=0.05)
        self.schedule = optim.schedules.Cosine(self.opt, 10)
        self.gm = tyc.GradManager().attach(self.net.parameters())
        self.step = tyc.trace(self._step) if traced else self._step

    def _step(self, x: Any, y: Any) -> Any:
        with self.gm:
            loss = F.cross_entropy(self.net(x), y)
            self.gm.backward(loss)
        self.opt.step().clear_grad()
        self.schedule.step()
        return loss

    def train(self, batches: Any) -> list[float]:
        return [self.step(x, y).item() for x, y in batches]

    def parts(self) -> dict[str, Any]:
        return {"model": self.net, "optimizer": self.opt, "schedule": self.schedule}


@pytest.mark.parametrize("traced", [False, True])
def test_a_run_goes_on_to_the_same_bits(traced: bool, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    first = Run(traced)
    first.train(BATCHES[:3])
    tyc.save(path, **first.parts(), step=3, best=0.5)
    losses = first.train(BATCHES[3:])
    tyc.random.seed(99)
    second = Run(traced)
    second.train(BATCHES[:1])
    numbers = tyc.load(path, **second.parts())
    assert numbers == {"step": 3, "best": 0.5}
    assert second.train(BATCHES[3:]) == losses
    for part, other in zip(first.parts().values(), second.parts().values()):
        for name, value in part.state_dict().items():
            np.testing.assert_array_equal(value, other.state_dict()[name])


def test_names_and_shapes_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    run, other, wide = Run(False), nn.Linear(4, 5), Run(False, 7)
    tyc.save(path, **run.parts())
    before = wide.net.state_dict()
    with pytest.raises(tyc.UserError, match=r"model.0.weight must have shape \(7, 4\), got \(5, 4"):
        tyc.load(path, model=wide.net, optimizer=run.opt, schedule=run.schedule)
    for name, value in wide.net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    with pytest.raises(tyc.UserError, match="names of 'model', missing: bias, weight, unknown: 0"):
        tyc.load(path, model=other, optimizer=run.opt, schedule=run.schedule)
    with pytest.raises(tyc.UserError, match=r"got none for optimizer\.0\.count, "):
        tyc.load(path, model=run.net, schedule=run.schedule)
    assert tyc.load(path, strict=False, model=run.net) == {}


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    with pytest.raises(tyc.UserError, match=r"part 'net' must be a module, .* got str"):
        tyc.save(path, net="net")
    with pytest.raises(tyc.UserError, match="not 'random', got 'random'"):
        tyc.save(path, random=3)
    with pytest.raises(tyc.UserError, match="the checkpoint must be in a file, got"):
        tyc.load(path)
    from safetensors.numpy import save_file

    save_file({"step": np.array(1)}, path)
    with pytest.raises(tyc.UserError, match="has the random state"):
        tyc.load(path)
