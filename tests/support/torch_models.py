"""The hub's models by PyTorch, in f64: run by an interpreter that has torch, on files.

    python tests/support/torch_models.py NAME STATE.npz RESULT.npz

STATE holds `x`, `target`, `training` and the model's state as `state.<name>`. The architecture is
built by torchvision, timm or transformers at its usual size; each of its tensors is then replaced
by ours of the same name, so that narrow models need no constructor of their own. RESULT gets
`output`, `loss`, `gradient.<parameter>` and, after training, `state.<buffer>`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from hub_models import SMALL
from torchvision_operators import define_torchvision_operators


class UNet(nn.Module):
    """Pytorch-UNet's tree of modules, with transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.inc = _named(double_conv=_double())
        for i in range(1, 5):
            down = nn.Sequential(nn.MaxPool2d(2), _named(double_conv=_double()))
            setattr(self, f"down{i}", _named(maxpool_conv=down))
            up = nn.ConvTranspose2d(2, 1, 2, 2)
            setattr(self, f"up{i}", _named(up=up, conv=_named(double_conv=_double())))
        self.outc = _named(conv=nn.Conv2d(1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [self.inc.double_conv(x)]
        for i in range(1, 5):
            maps.append(getattr(self, f"down{i}").maxpool_conv[0](maps[-1]))
            maps[-1] = getattr(self, f"down{i}").maxpool_conv[1].double_conv(maps[-1])
        y = maps.pop()
        for i in range(1, 5):
            part = getattr(self, f"up{i}")
            y = part.conv.double_conv(torch.cat([maps.pop(), part.up(y)], 1))
        return self.outc.conv(y)


def _named(**modules: nn.Module) -> Any:
    return nn.ModuleDict(modules)


def _double() -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(2):
        layers += [nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1), nn.ReLU()]
    return nn.Sequential(*layers)


class WordModel(nn.Module):
    """`word_language_model` of PyTorch's examples, batch first outside."""

    def __init__(self, vocabulary: int, features: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.Embedding(vocabulary, features)
        self.rnn = nn.LSTM(features, hidden, 2)
        self.decoder = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        y, _ = self.rnn(self.encoder(tokens.T))
        return self.decoder(y).transpose(0, 1)


class Logits(nn.Module):
    """A transformer's first result."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=tokens, return_dict=False)[0]


def vision(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import torchvision

        options: dict[str, float] = (
            {"dropout": 0.0} if name.startswith(("vgg", "mobilenet", "eff")) else {}
        )
        if name.startswith("efficientnet"):
            options["stochastic_depth_prob"] = 0.0
        if name == "mobilenet_v2":
            # Its blocks decide by their widths whether there is a shortcut.
            options["width_mult"] = SMALL[name].options["width"]
        return getattr(torchvision.models, name)(weights=None, **options)

    return make


def vit(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import timm

        given = SMALL[name].options
        sizes = {"embed_dim": given["features"], "num_heads": given["heads"]}
        full = f"{name}_patch16_224"
        return timm.create_model(full, img_size=given["image"], num_classes=7, **sizes)

    return make


def bert(layers: int) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from transformers import BertConfig, BertForMaskedLM

        config = BertConfig(
            vocab_size=50, hidden_size=24, num_hidden_layers=layers, num_attention_heads=3,
            intermediate_size=96, max_position_embeddings=16, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, pad_token_id=None,
        )  # fmt: skip
        return Logits(BertForMaskedLM(config))

    return make


def gpt2(vocabulary: int, width: int, layers: int, positions: int) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            vocab_size=vocabulary, n_embd=width, n_layer=layers, n_head=3, n_positions=positions,
            embd_pdrop=0.0, resid_pdrop=0.0, attn_pdrop=0.0, use_cache=False,
        )  # fmt: skip
        return Logits(GPT2LMHeadModel(config))

    return make


_VISION = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "densenet121", "vgg19",
           "vgg19_bn", "mobilenet_v2", "efficientnet_b0")  # fmt: skip
MAKERS: dict[str, Callable[[], nn.Module]] = {
    **{name: vision(name) for name in _VISION},
    "unet": UNet,
    "vit_base": vit("vit_base"),
    "vit_tiny": vit("vit_tiny"),
    "bert_base": bert(12),
    "bert_small": bert(4),
    "gpt2": gpt2(50, 24, 12, 16),
    "gpt2_tiny": gpt2(256, 12, 2, 128),
    "lstm": lambda: WordModel(50, 12, 12),
}


def replace_tensors(model: nn.Module, state: dict[str, np.ndarray]) -> None:
    """Puts `state` in place of a model's tensors; names must agree but for tied ones."""
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    own = {n: t for n, t in own.items() if n in model.state_dict()}
    # A parameter that has two names is in ours by one of them.
    tied = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias", "lm_head.weight"}
    if wrong := (own.keys() ^ state.keys()) - tied:
        raise SystemExit(f"names differ: {sorted(wrong)}")
    for path, value in state.items():
        owner = model.get_submodule(path.rpartition(".")[0])
        name = path.rpartition(".")[2]
        tensor = torch.from_numpy(value)
        if name in owner._parameters:
            old = owner._parameters[name]
            assert old is not None
            # Its data change, not itself: it may be tied to another name.
            old.data = tensor
        else:
            owner._buffers[name] = tensor
        if isinstance(owner, nn.Conv2d) and owner.groups > 1:
            owner.groups = owner.weight.shape[0] // owner.weight.shape[1]


def loss_of(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if output.ndim == 3:
        return F.cross_entropy(output.reshape(-1, output.shape[-1]), target.reshape(-1))
    return F.cross_entropy(output, target)


def run(name: str, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Output, loss, gradients, and buffers where `training`."""
    made = MAKERS[name]()
    inner = made.model if isinstance(made, Logits) else made
    inner.double()
    state = {k[6:]: v for k, v in given.items() if k.startswith("state.")}
    replace_tensors(inner, state)
    made.train(bool(given["training"]))
    output = made(torch.from_numpy(given["x"]))
    loss = loss_of(output, torch.from_numpy(given["target"]))
    loss.backward()
    results = {"output": output.detach().numpy(), "loss": loss.detach().numpy()}
    for key, value in inner.named_parameters():
        if value.grad is not None:
            results[f"gradient.{key}"] = value.grad.numpy()
    return results | {f"state.{k}": v.numpy() for k, v in inner.named_buffers()}


if __name__ == "__main__":
    define_torchvision_operators()
    torch.manual_seed(0)
    with np.load(sys.argv[2]) as loaded:
        arrays = dict(loaded)
    np.savez(sys.argv[3], **run(sys.argv[1], arrays))
