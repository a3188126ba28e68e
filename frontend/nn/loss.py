"""Losses as modules: each calls a function of `tyc.functional` with options of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tyc import functional as F
from tyc.dispatch import TensorLike
from tyc.nn.module import Module
from tyc.tensors import Tensor


class Loss(Module):
    """A function of prediction and target; options are those of `FUNCTION`, by name."""

    FUNCTION: ClassVar[Callable[..., Tensor]]

    def __init__(self, **options: Any) -> None:
        self.options = options

    def forward(self, *operands: TensorLike) -> Tensor:
        """The function with the module's options."""
        return self.FUNCTION(*operands, **self.options)

    def extra_repr(self) -> str:
        """Options."""
        return ", ".join(f"{k}={v!r}" for k, v in self.options.items())


class BCELoss(Loss):
    """`binary_cross_entropy`."""

    FUNCTION = staticmethod(F.binary_cross_entropy)


class BCEWithLogitsLoss(Loss):
    """`binary_cross_entropy_with_logits`."""

    FUNCTION = staticmethod(F.binary_cross_entropy_with_logits)


class CosineEmbeddingLoss(Loss):
    """`cosine_embedding_loss`."""

    FUNCTION = staticmethod(F.cosine_embedding_loss)


class CrossEntropyLoss(Loss):
    """`cross_entropy`."""

    FUNCTION = staticmethod(F.cross_entropy)


class HingeLoss(Loss):
    """`hinge_loss`."""

    FUNCTION = staticmethod(F.hinge_loss)


class HuberLoss(Loss):
    """`huber_loss`."""

    FUNCTION = staticmethod(F.huber_loss)


class KLDivLoss(Loss):
    """`kl_div`."""

    FUNCTION = staticmethod(F.kl_div)


class L1Loss(Loss):
    """`l1_loss`."""

    FUNCTION = staticmethod(F.l1_loss)


class MSELoss(Loss):
    """`mse_loss`."""

    FUNCTION = staticmethod(F.mse_loss)


class NLLLoss(Loss):
    """`nll_loss`."""

    FUNCTION = staticmethod(F.nll_loss)


class SmoothL1Loss(Loss):
    """`smooth_l1_loss`."""

    FUNCTION = staticmethod(F.smooth_l1_loss)


class TripletMarginLoss(Loss):
    """`triplet_margin_loss`."""

    FUNCTION = staticmethod(F.triplet_margin_loss)
