"""Layers: modules that own parameters and call `tyc.functional`.

    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten())
    net.save("net.safetensors")

Parameters have PyTorch's names and layouts, so that its safetensors files load. Read `module.py`
first.
"""

from __future__ import annotations

from tyc.nn import init
from tyc.nn.activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    HardSigmoid,
    HardSwish,
    HardTanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from tyc.nn.attention import Dropout, MultiheadAttention, TransformerEncoderLayer
from tyc.nn.containers import Identity, ModuleDict, ModuleList, Sequential
from tyc.nn.convolution import Conv1d, Conv2d, Conv3d, ConvTranspose2d
from tyc.nn.linear import Embedding, Linear
from tyc.nn.module import Module
from tyc.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    RMSNorm,
)
from tyc.nn.pooling import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Flatten,
    MaxPool2d,
    PixelShuffle,
    Upsample,
)
from tyc.nn.recurrent import GRU, LSTM
from tyc.tensors import Parameter

# fmt: off
__all__ = [
    "CELU", "ELU", "GELU", "GLU", "GRU", "LSTM", "SELU", "AdaptiveAvgPool2d", "AvgPool2d",
    "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d", "Dropout",
    "Embedding", "Flatten", "GroupNorm", "HardSigmoid", "HardSwish", "HardTanh", "Identity",
    "InstanceNorm2d", "LayerNorm", "LeakyReLU", "Linear", "LogSigmoid", "LogSoftmax", "MaxPool2d",
    "Mish", "Module", "ModuleDict", "ModuleList", "MultiheadAttention", "PReLU", "Parameter",
    "PixelShuffle", "RMSNorm", "ReLU", "ReLU6", "Sequential", "SiLU", "Sigmoid", "Softmax",
    "Softplus", "Softsign", "Tanh", "TransformerEncoderLayer", "Upsample", "init",
]
# fmt: on
