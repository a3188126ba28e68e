"""Runs a kernel in linalg form by MLIR's own passes, scalar, with none of our schedules: what is
wrong then is wrong in the lowering."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
from mlir import ir
from mlir.execution_engine import ExecutionEngine
from mlir.passmanager import PassManager
from mlir.runtime import get_ranked_memref_descriptor

_PIPELINE = (
    "builtin.module(func.func(math-extend-to-supported-types{target-type=f32},"
    "arith-emulate-unsupported-floats{source-types=bf16,f16 target-type=f32}),"
    "one-shot-bufferize{bufferize-function-boundaries=1 "
    "function-boundary-type-conversion=identity-layout-map},"
    "buffer-results-to-out-params{modify-public-functions=1},"
    "func.func(convert-linalg-to-loops,lower-affine,arith-expand{include-bf16=true}),"
    "expand-strided-metadata,lower-affine,convert-scf-to-cf,"
    # libm before LLVM, whose log1p and expm1 are not exact near 0.
    "convert-math-to-libm,convert-math-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,"
    "convert-arith-to-llvm,convert-cf-to-llvm,convert-index-to-llvm,reconcile-unrealized-casts)"
)


def run(
    module: ir.Module, name: str, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]
) -> None:
    """Fills `outputs` with the results of function `name`; destroys the module."""
    for op in module.body.operations:
        op.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
    PassManager.parse(_PIPELINE).run(module.operation)
    engine = ExecutionEngine(module, opt_level=0)
    engine.raw_register_runtime("memrefCopy", ctypes.cast(_COPY, ctypes.c_void_p))
    # Integers of the same bytes: the bindings' descriptors know few element types.
    arrays = [np.asarray(a, order="C").view(f"i{a.dtype.itemsize}") for a in [*inputs, *outputs]]
    descriptors = [ctypes.pointer(ctypes.pointer(get_ranked_memref_descriptor(a))) for a in arrays]
    engine.invoke(name, *descriptors)


class _Unranked(ctypes.Structure):
    _fields_ = [("rank", ctypes.c_int64), ("descriptor", ctypes.c_void_p)]


def _bytes_of(memref: _Unranked, size: int) -> np.ndarray:
    """The elements of a memref as raw bytes, one more dimension at the end."""
    words = np.ctypeslib.as_array(
        ctypes.cast(memref.descriptor, ctypes.POINTER(ctypes.c_int64)), (3 + 2 * memref.rank,)
    )
    shape, strides = words[3 : 3 + memref.rank], words[3 + memref.rank :]
    start = int(words[1] + words[2] * size)
    reach = int(((shape - 1) * strides).sum()) + 1 if shape.all() else 0
    flat = np.ctypeslib.as_array((ctypes.c_uint8 * (reach * size)).from_address(start))
    return np.lib.stride_tricks.as_strided(
        flat, (*map(int, shape), size), (*(int(s) * size for s in strides), 1)
    )


@ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.POINTER(_Unranked), ctypes.POINTER(_Unranked))
def _COPY(size: int, source: object, target: object) -> None:
    """What MLIR's runner library calls `memrefCopy`."""
    _bytes_of(target.contents, size)[...] = _bytes_of(source.contents, size)
