"""The family files, each of which fills the table of rules when imported."""

from __future__ import annotations

from importlib import import_module

FAMILIES = (
    "elementwise", "activations", "reduction", "movement", "convolution", "pooling",
    "normalization", "contraction", "indexing", "recurrent", "vision", "sampling", "quantization",
    "signal", "creation", "control", "sequences", "attention", "microsoft",
)  # fmt: skip


def load() -> None:
    """Imports every family."""
    for name in FAMILIES:
        import_module(f"tyc.onnx.{name}")
