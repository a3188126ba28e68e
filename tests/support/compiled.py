"""The examples of one op as kernels of one shared library, compiled by the whole back end."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from mlir import ir
from single_op import program

from tyc.compiler import kernels
from tyc.compiler.codegen import link, native
from tyc.compiler.options import Options
from tyc.compiler.targets import host
from tyc.dialects.ods import REGISTRY, Example, Op

Compiled = kernels.CompiledKernel


def _kernel(op: type[Op], example: Example, name: str) -> Compiled:
    made = program(op, example)
    made.main.attributes["sym_name"] = ir.StringAttr.get(name)
    source = kernels.KernelSource(name, str(made.module))
    target, options = host(), Options()
    found = kernels.cached(source, target, options)
    if found is None:
        found = kernels.compile_kernel(source, target, options)
        kernels.store(found, source, target, options)
    return found


class Library:
    """The kernels of an op's examples; a failure to compile is kept and raised when asked for."""

    def __init__(self, op: type[Op]) -> None:
        self.kernels: list[Compiled | Exception] = []
        for number, example in enumerate(op.examples):
            try:
                self.kernels.append(_kernel(op, example, f"{op.NAME}_{number}"))
            except Exception as error:
                self.kernels.append(error)
        built = [k for k in self.kernels if isinstance(k, Compiled)]
        symbols = [native.task_symbol(k.name) for k in built]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "kernels.so"
            link.link_shared([k.code for k in built], path, exports=symbols)
            self._library = ctypes.CDLL(str(path))

    def run(
        self, number: int, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], pieces: int
    ) -> None:
        """Fills `outputs`, the work split into `pieces` calls in the order of the last first."""
        kernel = self.kernels[number]
        if isinstance(kernel, Exception):
            raise kernel
        task = self._library[native.task_symbol(kernel.name)]
        task.restype = None
        task.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32]
        arrays = [*(np.asarray(a, order="C") for a in inputs), *outputs]
        buffers = (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in arrays])
        for part in reversed(range(pieces)):
            begin, end = (kernel.count * p // pieces for p in (part, part + 1))
            task(buffers, begin, end, 0)


@lru_cache(maxsize=1)
def library(name: str) -> Library:
    """The library of an op; needs a current context."""
    return Library(REGISTRY[name])
