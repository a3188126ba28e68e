"""With `exact`, ops one by one and the compiled program give the same bits; without, close ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn, random

Function = Callable[..., Any]


def _array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-2, 2, shape).astype(np.float32)


def chain(x: Any) -> Any:
    """Products next to sums, which a compiler would like to contract."""
    y = x * 1.7 + x * x - 0.3 * F.exp(-x * x)
    return y / (1.0 + abs(x)) + F.erf(x) * F.sigmoid(y * x + 0.1)


def reductions(x: Any) -> Any:
    """Sums of products, and their neighbours."""
    mean = (x * x + 0.5).mean(axis=-1, keepdims=True)
    return F.exp(x - mean).sum(axis=0), (x * mean).sum(axis=-1) * 0.1 + 1.0, x.max(axis=0)


def rows(x: Any) -> Any:
    """Softmax and layer normalisation between elementwise ops."""
    y = F.softmax(x * 0.7 + 0.1, axis=-1)
    return F.layer_norm(y + x, np.ones(x.shape[-1], np.float32)) * 0.5 + x


def products(x: Any) -> Any:
    """Contractions with epilogues, of inputs alone."""
    scores = F.softmax((x @ x.T) * 0.3, axis=-1)
    return F.gelu(scores @ x + 0.1) * x, F.relu(x.T @ x)


class ConvolutionNet(nn.Module):
    """Convolutions with everything that is usually folded into them."""

    def __init__(self) -> None:
        self.first = nn.Conv2d(3, 7, 3, padding=1)
        self.norm = nn.BatchNorm2d(7)
        self.depth = nn.Conv2d(7, 7, 3, padding=1, groups=7)
        self.last = nn.Conv2d(7, 9, 1)
        self.fc = nn.Linear(9, 5)

    def forward(self, x: Any) -> Any:
        """Classes of an image."""
        x = F.relu(self.norm(self.first(x)))
        x = x + F.silu(self.depth(x))
        x = F.max_pool2d(F.hard_swish(self.last(x)), 2)
        return F.log_softmax(self.fc(x.mean(axis=(2, 3))))


class Block(nn.Module):
    """A transformer block."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.norm, self.other = nn.LayerNorm(size), nn.LayerNorm(size)
        self.mix = nn.Linear(size, 3 * size)
        self.up, self.down = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        q, k, v = F.split(self.mix(self.norm(x)), 3, -1)
        scores = F.softmax((q @ k.T) * self.size**-0.5, axis=-1)
        x = x + scores @ v
        return x + self.down(F.gelu(self.up(self.other(x))))


def _block(size: int) -> Function:
    random.seed(1)
    return Block(size).eval()


def _convolutions() -> Function:
    random.seed(1)
    return ConvolutionNet().eval()


CONTRACTIONS = 1e-5
CASES: dict[str, tuple[Function, tuple[int, ...], float]] = {
    "chain-odd": (chain, (3, 37), 1e-6),
    "chain-long": (chain, (65, 129), 1e-6),
    "reductions": (reductions, (33, 47), CONTRACTIONS),
    "rows": (rows, (5, 61), CONTRACTIONS),
    "products-odd": (products, (13, 29), CONTRACTIONS),
    "products-long": (products, (70, 259), CONTRACTIONS),
    "convolutions": (_convolutions(), (1, 3, 15, 17), CONTRACTIONS),
    "block-odd": (_block(24), (11, 24), CONTRACTIONS),
    "block-long": (_block(64), (50, 64), CONTRACTIONS),
}


def _results(function: Function, *arguments: Any) -> list[np.ndarray]:
    result = function(*arguments)
    return [r.numpy() for r in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("freeze", [False, True], ids=["inputs", "constants"])
def test_exact_is_the_same_bits(case: str, freeze: bool) -> None:
    function, shape, _ = CASES[case]
    x = tyc.tensor(_array(*shape))
    with tyc.exact():
        eager = _results(function, x)
    compiled = _results(tyc.trace(function, exact=True, freeze=freeze), x)
    for a, b in zip(eager, compiled, strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", CASES)
def test_fast_is_close(case: str) -> None:
    function, shape, bound = CASES[case]
    x = tyc.tensor(_array(*shape))
    with tyc.exact():
        eager = _results(function, x)
    compiled = _results(tyc.trace(function, freeze=True), x)
    for a, b in zip(eager, compiled, strict=True):
        assert np.abs(a - b).max() <= bound * np.abs(a).max()


def test_exact_ends_with_its_block() -> None:
    from tyc.state import STATE

    with pytest.raises(tyc.UserError), tyc.exact():
        assert STATE.exact
        tyc.tensor(_array(2)) + tyc.tensor(_array(3))
    assert not STATE.exact
