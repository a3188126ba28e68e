"""ONNX models become `ty` programs: `load(model, shapes) -> Program`, `check(model) -> reports`.

A file goes through `reader.py` (bytes to a checked `ModelProto`) and `tensors.py` (initialisers to
NumPy arrays); `importer.py` walks the nodes. Each node's rule stands in a family file
(`elementwise.py`, `movement.py`, ...), is found by `rules.py` under (domain, op, version), and
speaks to a `Graph` (`graph.py`): what is known is computed at once, the rest becomes ty ops. An op
without a rule is expanded by its ONNX function body (`functions.py`). Read in that order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tyc.onnx.importer import load
    from tyc.onnx.report import NodeReport, check

__all__ = ["NodeReport", "check", "load"]

_HOMES = {"load": "importer", "check": "report", "NodeReport": "report"}


def __getattr__(name: str) -> object:
    """The public names, loaded when first used: importing tyc.onnx loads neither MLIR nor onnx."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tyc.onnx' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"tyc.onnx.{_HOMES[name]}"), name)
