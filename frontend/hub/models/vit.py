"""Vision Transformer (Dosovitskiy et al., 2020): attention between patches of an image.

Parameters are named as in timm (`vit_base_patch16_224`): `blocks.0.attn.qkv.weight`.
"""

from __future__ import annotations

from tyc import functional as F
from tyc import nn
from tyc.dispatch import TensorLike, as_tensor
from tyc.frames import error
from tyc.hub.models.model import Example, ImageClassifier, normal_linear, table
from tyc.tensors import Tensor


class Attention(nn.Module):
    """Self-attention with one projection to q, k and v: `[N, T, E] -> [N, T, E]`."""

    def __init__(self, features: int, heads: int) -> None:
        if features % heads:
            raise error(f"heads must divide the features, got {heads} for {features}")
        self.heads = heads
        self.qkv, self.proj = nn.Linear(features, 3 * features), nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """Each head sees its part of the features."""
        batch, length, features = x.shape
        rows = F.reshape(self.qkv(x), (batch, length, 3, self.heads, features // self.heads))
        q, k, v = (F.squeeze(t, 0) for t in F.split(F.transpose(rows, (2, 0, 3, 1, 4)), 3))
        mixed = F.transpose(F.scaled_dot_product_attention(q, k, v), (0, 2, 1, 3))
        return self.proj(F.reshape(mixed, x.shape))


class Network(nn.Module):
    """`fc2(gelu(fc1(x)))`."""

    def __init__(self, features: int, hidden: int) -> None:
        self.fc1, self.fc2 = nn.Linear(features, hidden), nn.Linear(hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, T, E] -> [N, T, E]`."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention and a network, each after a norm and with a shortcut."""

    def __init__(self, features: int, heads: int, hidden: int) -> None:
        self.norm1, self.attn = nn.LayerNorm(features, 1e-6), Attention(features, heads)
        self.norm2, self.mlp = nn.LayerNorm(features, 1e-6), Network(features, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, T, E] -> [N, T, E]`."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(ImageClassifier):
    """Patches become rows, a row for the class is put before them, blocks mix them."""

    def __init__(
        self,
        features: int = 768,
        heads: int = 12,
        layers: int = 12,
        patch: int = 16,
        image: int = 224,
        ratio: int = 4,
        classes: int = 1000,
    ) -> None:
        self.classes, self.image = classes, image
        count = (image // patch) ** 2
        self.cls_token = table((1, 1, features))
        self.pos_embed = table((1, count + 1, features))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, features, patch, patch)
        self.blocks = nn.Sequential(
            *(Block(features, heads, ratio * features) for _ in range(layers))
        )
        self.norm, self.head = nn.LayerNorm(features, 1e-6), nn.Linear(features, classes)
        normal_linear(self, 0.02)

    def forward(self, x: TensorLike) -> Tensor:
        """Logits `[N, classes]` of images `[N, 3, image, image]`."""
        image = as_tensor(x)
        patches = F.flatten(self.patch_embed.proj(image), 2)
        rows = F.transpose(patches, (0, 2, 1))
        batch, _, features = rows.shape
        first = F.broadcast_to(self.cls_token, (batch, 1, features))
        y = self.blocks(F.concat([first, rows], 1) + self.pos_embed)
        return self.head(self.norm(y)[:, 0])

    def example(self, batch: int = 1, size: int | None = None, dtype: str = "f32") -> Example:
        """Images of the size that the positions are for."""
        if size not in (None, self.image):
            raise error(
                f"images must have side {self.image}, got {size}", f"create it with image={size}"
            )
        return super().example(batch, self.image, dtype)
