"""GPT-2 (Radford et al., 2019).

Parameters are named as in transformers (`GPT2LMHeadModel`): `transformer.h.0.attn.c_attn.weight`;
weights of its `Conv1D` are `[inputs, outputs]`. Files of `GPT2Model`, without `transformer.`, load
as well, and the masks that old files hold are left out. The head's table is that of the words.
"""

from __future__ import annotations

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike, as_tensor
from tyc.hub.models.model import LanguageModel, normal_linear
from tyc.nn import init
from tyc.tensors import Parameter, Tensor


class Conv1D(nn.Module):
    """`y = x @ weight + bias`: a linear layer whose weight is `[inputs, outputs]`."""

    def __init__(self, inputs: int, outputs: int, std: float = 0.02) -> None:
        self.weight = Parameter(F.zeros((inputs, outputs)))
        init.normal_(self.weight, 0.0, std)
        self.bias = Parameter(F.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., inputs] -> [..., outputs]`."""
        return F.matmul(x, self.weight) + self.bias


class Attention(nn.Module):
    """Self-attention of each position to those up to it."""

    def __init__(self, features: int, heads: int, std: float, dropout: float) -> None:
        self.heads = heads
        self.c_attn = Conv1D(features, 3 * features)
        self.c_proj = Conv1D(features, features, std)
        self.attn_dropout, self.resid_dropout = nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T, E] -> [B, T, E]`."""
        batch, length, features = x.shape
        shape = (batch, length, self.heads, features // self.heads)
        q, k, v = (
            F.transpose(F.reshape(t, shape), (0, 2, 1, 3)) for t in F.split(self.c_attn(x), 3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, causal=True, dropout=self.attn_dropout.rate)
        rows = F.reshape(F.transpose(mixed, (0, 2, 1, 3)), x.shape)
        return self.resid_dropout(self.c_proj(rows))


class Network(nn.Module):
    """`c_proj(gelu(c_fc(x)))`, by the `tanh` form of GELU."""

    def __init__(self, features: int, std: float, dropout: float) -> None:
        self.c_fc = Conv1D(features, 4 * features)
        self.c_proj = Conv1D(4 * features, features, std)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T, E] -> [B, T, E]`."""
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), "tanh")))


class Block(nn.Module):
    """Attention and a network, each after a norm and with a shortcut."""

    def __init__(self, features: int, heads: int, std: float, dropout: float) -> None:
        self.ln_1, self.attn = nn.LayerNorm(features), Attention(features, heads, std, dropout)
        self.ln_2, self.mlp = nn.LayerNorm(features), Network(features, std, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T, E] -> [B, T, E]`."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(LanguageModel):
    """Tokens `[B, T] -> [B, T, vocabulary]`: what comes next.

    `dropout` is that of rows and of attention's weights.
    """

    RENAMED = ((r"^(?=(?:wte|wpe|h|ln_f)\.)", "transformer."),)
    IGNORED = r".*\.attn\.(?:masked_)?bias|lm_head\.weight"

    def __init__(
        self,
        vocabulary: int = 50257,
        features: int = 768,
        layers: int = 12,
        heads: int = 12,
        positions: int = 1024,
        dropout: float = 0.1,
    ) -> None:
        self.vocabulary = vocabulary
        body = nn.Module()
        body.wte, body.wpe = nn.Embedding(vocabulary, features), nn.Embedding(positions, features)
        body.drop = nn.Dropout(dropout)
        # Each shortcut adds variance: the more of them, the less each adds.
        std = 0.02 / (2 * layers) ** 0.5
        body.h = nn.Sequential(*(Block(features, heads, std, dropout) for _ in range(layers)))
        body.ln_f = nn.LayerNorm(features)
        self.transformer = body
        normal_linear(self, 0.02)

    def forward(self, tokens: TensorLike) -> Tensor:
        """Logits of each position."""
        ids = as_tensor(tokens)
        body = self.transformer
        x = body.wte(ids) + F.narrow(body.wpe.weight, 0, 0, ids.shape[1])
        x = body.ln_f(body.h(body.drop(x)))
        return F.linear(x, body.wte.weight)
