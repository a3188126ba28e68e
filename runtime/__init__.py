"""Runs compiled models: a library and arrays come in, arrays go out.

    import tyc.runtime

    module = tyc.runtime.load("resnet18.so")
    logits = module(images)

Imports NumPy and nothing of the compiler. Read `module.py` first, then `arguments.py` (what may be
passed), `library.py` with `elf.py` and `signature.py` (how a file becomes functions and specs),
`memory.py` (workspaces), `abi.py` (numbers and structs shared with C), `errors.py` (the error
classes of the whole project); `native/` is the C that every library contains.
"""

from __future__ import annotations

from tyc.runtime.errors import InternalError, TycError, UserError
from tyc.runtime.module import Module, load
from tyc.runtime.signature import TensorSpec

__all__ = ["InternalError", "Module", "TensorSpec", "TycError", "UserError", "load"]
