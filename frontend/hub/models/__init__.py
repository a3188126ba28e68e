"""Known models by name, untrained, under the parameter names of their standard checkpoints.

    from tyc.hub import models

    models.list()                                  # ["bert_base", "bert_small", ...]
    net = models.create("resnet50", classes=10)
    net.load("resnet50.safetensors")               # torchvision's file, as it is
    step = models.training_step("gpt2", batch=4)   # a function to trace, and arguments for it
    tyc.trace(step.function)(*step.arguments)

| names | checkpoints of |
|---|---|---|
| resnet18 .. resnet152, densenet121, vgg19, vgg19_bn, mobilenet_v2, efficientnet_b0 | torchvision |
| vit_base, vit_tiny | timm, `vit_*_patch16_224` |
| bert_base, bert_small | transformers, `BertForMaskedLM` and `BertForPreTraining` |
| gpt2, gpt2_tiny | transformers, `GPT2Model` and `GPT2LMHeadModel` |
| unet | Pytorch-UNet (milesial), transposed convolutions |
| lstm | PyTorch's example `word_language_model` |

One family a file. Read `model.py` (what all have), then `registry.py`.
"""

from __future__ import annotations

from tyc.hub.models.model import Model
from tyc.hub.models.registry import create, list
from tyc.hub.models.steps import Step, gradient_program, loss_function, training_step

__all__ = ["Model", "Step", "create", "gradient_program", "list", "loss_function", "training_step"]
