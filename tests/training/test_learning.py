"""It learns: the examples train to what they promise, eagerly and traced alike."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tyc

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def digits(request: pytest.FixtureRequest) -> Any:
    return example("train_digits")


def example(name: str) -> Any:
    """An example as a module."""
    path = Path(__file__).resolve().parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_digits_to_98_5_percent(digits: Any) -> None:
    net, curve = digits.train(epochs=8)
    assert curve[-1] < 0.4 < curve[0]
    assert digits.accuracy(net) >= 0.985


@pytest.mark.slow
def test_eager_and_traced_give_the_same_curve(digits: Any) -> None:
    traced, curve = digits.train(epochs=1, exact=True)
    with tyc.exact():
        eager, same = digits.train(epochs=1, eager=True)
    assert same == curve
    for name, value in traced.state_dict().items():
        np.testing.assert_array_equal(value, eager.state_dict()[name])
    # Rounded as it is fastest, the difference stays that of rounding.
    np.testing.assert_allclose(digits.train(epochs=1)[1], curve, rtol=1e-3)


@pytest.mark.slow
def test_gpt_below_2_3_nats_a_letter() -> None:
    gpt = example("train_gpt")
    _, alphabet, losses = gpt.train()
    letters = gpt.text()
    pairs = np.zeros((len(alphabet),) * 2)
    for a, b in itertools.pairwise(letters):
        pairs[alphabet.index(a), alphabet.index(b)] += 1
    rows = pairs.sum(1, keepdims=True)
    bigram = -np.sum(pairs / pairs.sum() * np.log(np.maximum(pairs, 1) / np.maximum(rows, 1)))
    # Better than any table of what follows one letter, which is at about 2.4.
    assert np.mean(losses[-20:]) < min(2.3, bigram)
