"""What torchvision's import needs beside a CPU build of torch."""

from __future__ import annotations


def define_torchvision_operators() -> None:
    """torchvision's wheel brings no operators for a CPU build of torch, and its import asks for the
    signatures of two; only its model definitions are used."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    define_torchvision_operators.library = library  # type: ignore[attr-defined]
