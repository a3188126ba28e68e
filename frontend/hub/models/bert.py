"""BERT (Devlin et al., 2018) with its head for masked tokens.

Parameters are named as in transformers (`BertForMaskedLM`): `bert.encoder.layer.0.attention...`.
Files of `BertForPreTraining` load as well: what tells whether two sentences follow each other is
left out. The head's table is that of the words.
"""

from __future__ import annotations

import numpy as np

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike, as_tensor
from tyc.hub.models.model import LanguageModel, normal_linear
from tyc.tensors import Parameter, Tensor

_EPSILON = 1e-12


class Embeddings(nn.Module):
    """The sum of a row a word, a row a position and a row a sentence, normalized."""

    def __init__(self, vocabulary: int, features: int, positions: int, dropout: float) -> None:
        self.word_embeddings = nn.Embedding(vocabulary, features)
        self.position_embeddings = nn.Embedding(positions, features)
        self.token_type_embeddings = nn.Embedding(2, features)
        self.LayerNorm = nn.LayerNorm(features, _EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, kinds: Tensor | None) -> Tensor:
        """`[B, T] -> [B, T, E]`."""
        positions = F.narrow(self.position_embeddings.weight, 0, 0, tokens.shape[1])
        if kinds is None:
            sentences = F.narrow(self.token_type_embeddings.weight, 0, 0, 1)
        else:
            sentences = self.token_type_embeddings(kinds)
        return self.dropout(self.LayerNorm(self.word_embeddings(tokens) + sentences + positions))


class SelfAttention(nn.Module):
    """Queries, keys and values by three projections."""

    def __init__(self, features: int, heads: int, dropout: float) -> None:
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.query, self.key = nn.Linear(features, features), nn.Linear(features, features)
        self.value = nn.Linear(features, features)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`[B, T, E] -> [B, T, E]`."""
        batch, length, features = x.shape
        shape = (batch, length, self.heads, features // self.heads)
        q, k, v = (
            F.transpose(F.reshape(part(x), shape), (0, 2, 1, 3))
            for part in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout=self.dropout.rate)
        return F.reshape(F.transpose(mixed, (0, 2, 1, 3)), x.shape)


class Output(nn.Module):
    """`norm(shortcut + dropout(dense(x)))`."""

    def __init__(self, inputs: int, features: int, dropout: float) -> None:
        self.dense = nn.Linear(inputs, features)
        self.LayerNorm = nn.LayerNorm(features, _EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """`[B, T, inputs] -> [B, T, E]`."""
        return self.LayerNorm(shortcut + self.dropout(self.dense(x)))


class Layer(nn.Module):
    """Attention, then a network of two layers, each with shortcut and norm."""

    def __init__(self, features: int, heads: int, hidden: int, dropout: float) -> None:
        self.attention = nn.Module()
        self.attention.self = SelfAttention(features, heads, dropout)
        self.attention.output = Output(features, features, dropout)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(features, hidden)
        self.output = Output(hidden, features, dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`[B, T, E] -> [B, T, E]`."""
        x = self.attention.output(self.attention.self(x, mask), x)
        return self.output(F.gelu(self.intermediate.dense(x)), x)


class Bert(LanguageModel):
    """Tokens `[B, T] -> [B, T, vocabulary]`: what each masked word was.

    `dropout` is that of rows and of attention's weights.
    """

    RENAMED = ((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias"))
    IGNORED = (
        r"bert\.pooler\..*|cls\.seq_relationship\..*|cls\.predictions\.decoder\..*|"
        r"bert\.embeddings\.position_ids"
    )

    def __init__(
        self,
        vocabulary: int = 30522,
        features: int = 768,
        layers: int = 12,
        heads: int = 12,
        hidden: int | None = None,
        positions: int = 512,
        dropout: float = 0.1,
    ) -> None:
        self.vocabulary = vocabulary
        self.bert = nn.Module()
        self.bert.embeddings = Embeddings(vocabulary, features, positions, dropout)
        self.bert.encoder = nn.Module()
        self.bert.encoder.layer = nn.ModuleList(
            Layer(features, heads, hidden or 4 * features, dropout) for _ in range(layers)
        )
        head = nn.Module()
        head.transform = nn.Module()
        head.transform.dense = nn.Linear(features, features)
        head.transform.LayerNorm = nn.LayerNorm(features, _EPSILON)
        head.bias = Parameter(F.zeros(vocabulary))
        self.cls = nn.Module()
        self.cls.predictions = head
        normal_linear(self, 0.02)

    def hidden(
        self,
        tokens: TensorLike,
        attention_mask: TensorLike | None = None,
        token_type_ids: TensorLike | None = None,
    ) -> Tensor:
        """The last layer `[B, T, E]`; `attention_mask` is 1 for words to look at, else 0."""
        ids = as_tensor(tokens)
        kinds = None if token_type_ids is None else as_tensor(token_type_ids)
        x = self.bert.embeddings(ids, kinds)
        mask = None
        if attention_mask is not None:
            seen = F.not_equal(as_tensor(attention_mask), 0)
            mask = F.where(F.expand_dims(seen, (1, 2)), _zero(x), -np.inf)
        for layer in self.bert.encoder.layer:
            x = layer(x, mask)
        return x

    def forward(
        self,
        tokens: TensorLike,
        attention_mask: TensorLike | None = None,
        token_type_ids: TensorLike | None = None,
    ) -> Tensor:
        """Logits of each position."""
        x = self.hidden(tokens, attention_mask, token_type_ids)
        head = self.cls.predictions
        x = head.transform.LayerNorm(F.gelu(head.transform.dense(x)))
        return F.linear(x, self.bert.embeddings.word_embeddings.weight, head.bias)


def _zero(like: Tensor) -> Tensor:
    return F.zeros((), like.dtype)
