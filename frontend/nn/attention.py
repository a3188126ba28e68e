"""Dropout, attention and a transformer's layer, over `[B, S, E]`."""

from __future__ import annotations

from tyc import functional as F
from tyc.dispatch import TensorLike, as_tensor
from tyc.frames import error
from tyc.nn import init
from tyc.nn.linear import Linear
from tyc.nn.module import Module
from tyc.nn.normalization import LayerNorm
from tyc.tensors import Parameter, Tensor


class Dropout(Module):
    """In training `y = x * mask / (1 - p)`, where the mask is 0 with probability `p`; else `x`."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p < 1:
            raise error(f"p must be in 0..1 and less than 1, got {p}")
        self.p = p

    @property
    def rate(self) -> float:
        """The probability now: `p` in training, else 0."""
        return self.p if self.training else 0.0

    def forward(self, x: TensorLike) -> Tensor:
        """Drops in training only."""
        value = as_tensor(x)
        return self._dropped(value) if self.rate else value

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Dropout2d(Dropout):
    """Dropout of whole channels of `[N, C, ...]`, in training only."""

    def _dropped(self, x: Tensor) -> Tensor:
        ones = F.ones((*x.shape[:2], *[1] * (x.ndim - 2)), x.dtype)
        return x * F.dropout(ones, self.p)


class MultiheadAttention(Module):
    """`heads` attentions side by side: `[B, S, E], [B, T, E], [B, T, E] -> [B, S, E]`.

    Parameters are PyTorch's: `in_proj_weight` `[3E, E]` holds those of q, k and v. `mask` is as in
    `scaled_dot_product_attention`. `dropout` drops weights of attention in training.
    """

    def __init__(self, features: int, heads: int, bias: bool = True, dropout: float = 0.0) -> None:
        if features % heads:
            raise error(f"heads must divide the features, got {heads} for {features}")
        self.features, self.heads = features, heads
        self.dropout = Dropout(dropout)
        self.in_proj_weight = Parameter(F.zeros((3 * features, features)))
        init.xavier_uniform_(self.in_proj_weight)
        self.in_proj_bias = Parameter(F.zeros(3 * features)) if bias else None
        self.out_proj = Linear(features, features, bias)

    def forward(
        self,
        query: TensorLike,
        key: TensorLike | None = None,
        value: TensorLike | None = None,
        mask: TensorLike | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Attention of `query` to `key` and `value`, which are `query` itself by default."""
        q = as_tensor(query)
        k = q if key is None else as_tensor(key)
        v = k if value is None else as_tensor(value)
        if q is k and k is v:
            rows = F.linear(q, self.in_proj_weight, self.in_proj_bias)
            parts = F.split(rows, 3, -1)
        else:
            weights = F.split(self.in_proj_weight, 3)
            biases = [None] * 3 if self.in_proj_bias is None else F.split(self.in_proj_bias, 3)
            parts = [F.linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases)]
        heads = [self._split(p) for p in parts]
        mixed = F.scaled_dot_product_attention(
            heads[0], heads[1], heads[2], mask, causal, dropout=self.dropout.rate
        )
        return self.out_proj(F.reshape(F.transpose(mixed, (0, 2, 1, 3)), q.shape))

    def _split(self, x: Tensor) -> Tensor:
        """`[B, S, E] -> [B, heads, S, E/heads]`."""
        batch, length, features = x.shape
        parts = F.reshape(x, (batch, length, self.heads, features // self.heads))
        return F.transpose(parts, (0, 2, 1, 3))

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.features}, {self.heads}"


class TransformerEncoderLayer(Module):
    """Attention and a two-layer network, each with a shortcut and a layer norm.

    `norm_first` normalizes before each part (`x + f(norm(x))`), else after (`norm(x + f(x))`).
    """

    def __init__(
        self,
        features: int,
        heads: int,
        hidden: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = False,
    ) -> None:
        if activation not in ("relu", "gelu"):
            raise error(f"activation must be relu or gelu, got {activation!r}")
        self.activation, self.norm_first = activation, norm_first
        self.self_attn = MultiheadAttention(features, heads, dropout=dropout)
        self.linear1, self.linear2 = Linear(features, hidden), Linear(hidden, features)
        self.norm1, self.norm2 = LayerNorm(features), LayerNorm(features)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: TensorLike, mask: TensorLike | None = None, causal: bool = False
    ) -> Tensor:
        """The layer on `[B, S, E]`."""
        value = as_tensor(x)
        if self.norm_first:
            value = value + self.dropout(
                self.self_attn(self.norm1(value), mask=mask, causal=causal)
            )
            return value + self._network(self.norm2(value))
        mixed = self.self_attn(value, mask=mask, causal=causal)
        value = self.norm1(value + self.dropout(mixed))
        return self.norm2(value + self._network(value))

    def _network(self, x: Tensor) -> Tensor:
        activation = F.relu if self.activation == "relu" else F.gelu
        return self.dropout(self.linear2(self.dropout(activation(self.linear1(x)))))
