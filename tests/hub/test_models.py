"""The hub's models: their gradients are slopes, their parameters have the checkpoints' names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from hub_models import SMALL
from safetensors.numpy import save_file

import tyc
from tyc import random
from tyc.dialects import interpreter
from tyc.hub import models

# Those whose parts all others are made of, small enough for the interpreter.
QUICK = ("resnet18", "vit_tiny", "gpt2_tiny", "bert_small", "lstm", "unet", "efficientnet_b0")
STEP = 1e-6


def test_all_models_have_a_small_form() -> None:
    assert models.list() == sorted(SMALL)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_model_records_its_loss_and_all_gradients(name: str) -> None:
    small = SMALL[name]
    net = models.create(name, **small.options).eval()
    program = models.gradient_program(net, small.batch, small.size)
    kinds = dict(program.outputs)
    assert kinds["output"].shape == ()
    parameters = dict(net.named_parameters())
    assert {f"gradient.{n}" for n in parameters} == set(kinds) - {"output"}
    assert all(kinds[f"gradient.{n}"] == p.type for n, p in parameters.items())


@pytest.mark.parametrize("name", QUICK)
def test_gradient_is_the_slope(name: str) -> None:
    small = SMALL[name]
    random.seed(3)
    net = models.create(name, **small.options).astype("f64").eval()
    program = models.gradient_program(net, 1, small.size, "f64")
    inputs = list(net.example(1, small.size, "f64"))
    names = [n for n, _ in program.outputs]
    results = dict(zip(names, interpreter.run(program, inputs)))
    rng = np.random.default_rng(4)
    before = dict(program.parameters)
    directions = {
        n: rng.standard_normal(before[n].shape) for n in before if f"gradient.{n}" in results
    }
    slope = sum(np.sum(results[f"gradient.{n}"] * d) for n, d in directions.items())
    losses = []
    for sign in (1, -1):
        program.parameters.update({n: before[n] + sign * STEP * d for n, d in directions.items()})
        losses.append(float(interpreter.run(program, inputs)[0]))
    np.testing.assert_allclose((losses[0] - losses[1]) / (2 * STEP), slope, rtol=1e-4)


# Digests of the sorted names of the state of torchvision's, timm's and transformers' models, tied
# ones once (`tests/performance/gradients.py` compares the names themselves).
NAMES = {
    "bert_base": "af904c627c50416c",
    "bert_small": "f9476a2ddefdb6de",
    "densenet121": "c7c858119b3a3323",
    "efficientnet_b0": "4cf85a40b6394f73",
    "gpt2": "c2ab4b8ebbddc511",
    "gpt2_tiny": "5f92c330ad582a72",
    "lstm": "94f8187859f00d15",
    "mobilenet_v2": "fa53881f7aefa303",
    "resnet101": "ad7ce67b73f4f6f8",
    "resnet152": "79d2d5adfa524617",
    "resnet18": "1b222b5edf28815d",
    "resnet34": "11e446a2639455a0",
    "resnet50": "87b9390070d0ad82",
    "unet": "5e9a9681c8bb6473",
    "vgg19": "eb851df2390fe1d9",
    "vgg19_bn": "766a29370c20329c",
    "vit_base": "3140050d56e79b92",
    "vit_tiny": "3140050d56e79b92",
}

# Parameters of the usual sizes, as their publishers count them.
COUNTS = {
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "densenet121": 7_978_856,
    "mobilenet_v2": 3_504_872,
    "efficientnet_b0": 5_288_548,
    "vit_tiny": 5_717_416,
    "unet": 31_037_698,
}


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_usual_size(name: str) -> None:
    assert sum(p.size for p in models.create(name).parameters()) == COUNTS[name]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_state_has_the_names_of_the_checkpoint(name: str) -> None:
    names = sorted(models.create(name, **SMALL[name].options).state_dict())
    assert hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] == NAMES[name]


def _loads(net: models.Model, state: dict[str, np.ndarray], folder: Path) -> None:
    """Whether a new model of the same kind takes `state` from a file, and is then `net`."""
    save_file(state, folder / "checkpoint.safetensors")
    other = type(net)(**{"vocabulary": 20, "features": 12, "heads": 3, "layers": 1})
    other.load(folder / "checkpoint.safetensors")
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[key].numpy(), value.numpy())


def test_gpt2_reads_files_without_prefix_and_with_masks(tmp_path: Path) -> None:
    net = models.create("gpt2", vocabulary=20, features=12, heads=3, layers=1)
    state = {k.removeprefix("transformer."): v.numpy() for k, v in net.state_dict().items()}
    state["h.0.attn.bias"] = np.ones((1, 1, 4, 4), np.float32)
    _loads(net, state, tmp_path)
    own = {k: v.numpy() for k, v in net.state_dict().items()}
    table = own["transformer.wte.weight"]
    _loads(net, {**own, "lm_head.weight": table.copy()}, tmp_path)


def test_bert_reads_files_of_pretraining_with_old_names(tmp_path: Path) -> None:
    net = models.create("bert_base", vocabulary=20, features=12, heads=3, layers=1)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    state = {}
    for key, value in net.state_dict().items():
        end = ".".join(key.split(".")[-2:])
        state[key.removesuffix(end) + old.get(end, end)] = value.numpy()
    state["bert.pooler.dense.weight"] = np.zeros((12, 12), np.float32)
    state["cls.seq_relationship.bias"] = np.zeros(2, np.float32)
    _loads(net, state, tmp_path)


def test_densenet_reads_files_with_old_names() -> None:
    net = models.create("densenet121", **SMALL["densenet121"].options)
    state = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", k): v for k, v in net.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    net.load_state_dict(state)


def test_bert_looks_only_at_the_words_of_the_mask() -> None:
    net = models.create("bert_small", **SMALL["bert_small"].options).eval()
    tokens = np.arange(8).reshape(1, 8)
    mask = np.array([[1, 1, 1, 1, 1, 0, 0, 0]])
    full = net(tokens, mask).numpy()[:, :5]
    np.testing.assert_allclose(full, net(tokens[:, :5]).numpy(), rtol=1e-4, atol=1e-5)
    other = net(tokens, mask, np.ones_like(tokens)).numpy()[:, :5]
    assert np.abs(other - full).max() > 1e-3


def test_unknown_model_and_option() -> None:
    with pytest.raises(tyc.UserError, match="hub must have the model, got 'resnet5'") as raised:
        models.create("resnet5")
    assert "did you mean resnet50" in str(raised.value)
    with pytest.raises(tyc.UserError, match=r"resnet50 takes other options: .*depth"):
        models.create("resnet50", depth=3)
    with pytest.raises(tyc.UserError, match="heads must divide the features, got 5 for 192"):
        models.create("vit_tiny", heads=5)
    with pytest.raises(tyc.UserError, match="images must have side 224, got 64"):
        models.loss_function("vit_tiny", 1, 64)
