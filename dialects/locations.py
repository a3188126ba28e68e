"""Where an op came from, as an MLIR location and as the text that errors and plans show.

located("model.py", 3)                        loc("model.py":3:1)             model.py:3:1
located("model.py", 3, "layer1.conv1")        loc("layer1.conv1"("model.py":3:1))
                                                           layer1.conv1 (model.py:3)
located(layer="onnx:conv1:Conv")              loc("onnx:conv1:Conv")          onnx:conv1:Conv
"""

from __future__ import annotations

import re
from pathlib import PurePath

from mlir import ir


def located(path: str = "", line: int = 0, layer: str = "") -> ir.Location:
    """The location of a line of Python in a layer; either may be missing."""
    file = ir.Location.file(path, line, 1) if path else None
    if layer:
        return ir.Location.name(layer, file)
    return file or ir.Location.unknown()


_NAME = re.compile(r'loc\("([^"]*)"')
_INNER = re.compile(r'\("([^"]*)":(\d+):\d+\)$')


def origin(location: ir.Location) -> str:
    """What a location says, without MLIR's wrapping; "" for one that says nothing."""
    text = str(location)
    found = _NAME.match(text)
    if not found:
        return ""
    name, rest = found.group(1), text[found.end() : -1]
    inner = _INNER.match(rest)
    return f"{name} ({PurePath(inner.group(1)).name}:{inner.group(2)})" if inner else name + rest
