"""A language model of LSTM layers (Zaremba et al., 2014), its steps unrolled by the compiler.

Parameters are named as in PyTorch's example `word_language_model`: `encoder.weight`,
`rnn.weight_ih_l0`, `decoder.weight`.
"""

from __future__ import annotations

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike, as_tensor
from tyc.hub.models.model import LanguageModel
from tyc.nn import init
from tyc.tensors import Tensor


class LSTM(LanguageModel):
    """Tokens `[B, T] -> [B, T, vocabulary]`, from a state of zeros."""

    SIZE = 35

    def __init__(
        self,
        vocabulary: int = 33278,
        features: int = 650,
        hidden: int = 650,
        layers: int = 2,
        dropout: float = 0.5,
    ) -> None:
        self.vocabulary = vocabulary
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(vocabulary, features)
        self.rnn = nn.LSTM(features, hidden, layers)
        self.decoder = nn.Linear(hidden, vocabulary)
        for weight in (self.encoder.weight, self.decoder.weight):
            init.uniform_(weight, -0.1, 0.1)
        if self.decoder.bias is not None:
            init.zeros_(self.decoder.bias)

    def forward(self, tokens: TensorLike) -> Tensor:
        """Logits of each position."""
        steps = F.swapaxes(as_tensor(tokens), 0, 1)
        y, _ = self.rnn(self.drop(self.encoder(steps)))
        return self.decoder(F.swapaxes(self.drop(y), 0, 1))
