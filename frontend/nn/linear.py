"""Linear layers and tables."""

from __future__ import annotations

from tyc import functional as F
from tyc.dispatch import TensorLike
from tyc.nn import init
from tyc.nn.module import Module
from tyc.tensors import DTypeLike, Parameter, Tensor


class Linear(Module):
    """`y = x @ weight.T + bias`, `[..., I] -> [..., O]`."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, dtype: DTypeLike = "f32"
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(F.zeros((out_features, in_features), dtype))
        init.lecun_uniform_(self.weight, in_features)
        self.bias = Parameter(F.zeros(out_features, dtype)) if bias else None
        if self.bias is not None:
            init.lecun_uniform_(self.bias, in_features)

    def forward(self, x: TensorLike) -> Tensor:
        """`linear(x, weight, bias)`."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """`y = weight[indices]`: rows of a table `[count, D]`."""

    def __init__(self, count: int, features: int, dtype: DTypeLike = "f32") -> None:
        self.count, self.features = count, features
        self.weight = Parameter(F.zeros((count, features), dtype))
        init.normal_(self.weight)

    def forward(self, indices: TensorLike) -> Tensor:
        """`embedding(indices, weight)`."""
        return F.embedding(indices, self.weight)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.count}, {self.features}"
