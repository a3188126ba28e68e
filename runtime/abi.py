"""The binary interface in Python: the numbers and structs of `native/tyc.h` and `native/model.h`.

The compiler writes libraries with these tables and the loader reads them with the same ones; tests
compare both with the C headers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

import numpy as np

from tyc.runtime.errors import InternalError

ABI_VERSION = 1
ALIGNMENT = 64
"""Alignment of workspaces and of weights, in bytes."""

STATUS_CODES = {
    "OK": 0,
    "ERROR_CPU": 1,
    "ERROR_ABI": 2,
    "ERROR_ARGUMENT": 3,
    "ERROR_SHAPE": 4,
    "ERROR_DTYPE": 5,
    "ERROR_WORKSPACE": 6,
    "ERROR_RESOURCE": 7,
    "ERROR_IO": 8,
}
"""`tyc_status` values by name, without the prefix `TYC_`."""

DTYPE_CODES = {
    "f32": 1,
    "f64": 2,
    "f16": 3,
    "bf16": 4,
    "i1": 5,
    "i8": 6,
    "i16": 7,
    "i32": 8,
    "i64": 9,
    "u8": 10,
    "u16": 11,
    "u32": 12,
    "u64": 13,
}
"""Element types by the name that manifests use; C's name is `TYC_` + upper case."""

_NUMPY_NAMES = {
    "f32": "float32",
    "f64": "float64",
    "f16": "float16",
    "i1": "bool",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
}

FEATURE_BITS = {
    "sse4.2": 0,
    "popcnt": 1,
    "avx": 2,
    "f16c": 3,
    "fma": 4,
    "avx2": 5,
    "bmi": 6,
    "bmi2": 7,
    "lzcnt": 8,
    "movbe": 9,
    "avx512f": 10,
    "avx512bw": 11,
    "avx512vl": 12,
    "avx512dq": 13,
    "avx512cd": 14,
    "avx512vnni": 15,
    "avx512bf16": 16,
    "avxvnni": 17,
    "dotprod": 18,
    "fullfp16": 19,
    "fp16fml": 20,
    "bf16": 21,
    "i8mm": 22,
    "sve": 23,
    "neon": 24,
    "vfp4": 25,
    "hwdiv": 26,
    "hwdiv-arm": 27,
}
"""Bit of each CPU feature that a library can ask for, by LLVM's name."""

_ALWAYS = {"64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2", "x87", "fp-armv8"}
# No CPU has SSE4.2 without these, nor AVX without XSAVE: the bit that implies them is asked for.
_IMPLIED = {"sse3", "ssse3", "sse4.1", "cx16", "sahf", "crc32", "xsave", "evex512"}

EXTERNAL_WEIGHTS = 1
"""Flag of `tyc_model`: the weights stand in a file beside the library."""

PLAN_KEYS = ("kernels", "buffers", "steps")
"""What a stripped library's manifest lacks, and only the file beside it says."""

MODEL_MAX_TENSORS = 4096
"""The most inputs, and the most outputs, that `NAME_call` takes."""


class Tensor(ctypes.Structure):
    """`tyc_tensor`: a dense tensor in the caller's memory."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
    ]


class Executor(ctypes.Structure):
    """`tyc_executor`: a `parallel_for` callback and its state."""


Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32)
"""`tyc_task`: runs `[begin, end)` of a loop as one worker."""

ParallelFor = ctypes.CFUNCTYPE(
    None, ctypes.POINTER(Executor), Task, ctypes.c_void_p, ctypes.c_int64
)
"""The type of `tyc_executor.parallel_for`."""

Executor._fields_ = [
    ("abi_version", ctypes.c_uint32),
    ("num_workers", ctypes.c_int32),
    ("parallel_for", ParallelFor),
    ("state", ctypes.c_void_p),
]


class TensorType(ctypes.Structure):
    """`tyc_tensor_type`: one input or output in a library's description."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
    ]


class Model(ctypes.Structure):
    """`tyc_model`: the description that the compiler emits into a library as constant data."""

    _fields_ = [
        ("abi_version", ctypes.c_uint32),
        ("num_inputs", ctypes.c_uint32),
        ("num_outputs", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("manifest", ctypes.c_char_p),
        ("inputs", ctypes.POINTER(TensorType)),
        ("outputs", ctypes.POINTER(TensorType)),
        ("workspace_bytes", ctypes.c_uint64),
        ("features", ctypes.c_uint64),
        ("features_message", ctypes.c_char_p),
        ("weights", ctypes.c_void_p),
        ("weights_bytes", ctypes.c_uint64),
        ("main", ctypes.c_void_p),
        ("timed_main", ctypes.c_void_p),
    ]


def numpy_dtype(name: str) -> np.dtype:
    """The NumPy element type of a manifest's `name`; bf16 needs the package ml_dtypes."""
    if name == "bf16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    if name not in _NUMPY_NAMES:
        raise InternalError(f"dtype must be one of {', '.join(DTYPE_CODES)}, got {name!r}")
    return np.dtype(_NUMPY_NAMES[name])


def dtype_name(dtype: np.dtype) -> str | None:
    """The manifest's name of a NumPy element type, or None where tyc has none."""
    if dtype.name == "bfloat16":
        return "bf16"
    return _NAMES.get(dtype)


_NAMES = {np.dtype(numpy_name): name for name, numpy_name in _NUMPY_NAMES.items()}


def feature_mask(features: Iterable[str]) -> int:
    """The bit set of LLVM feature names; those that every CPU of the architecture has add none."""
    mask = 0
    for feature in features:
        name = feature.removeprefix("+")
        if name in _ALWAYS | _IMPLIED:
            continue
        if name not in FEATURE_BITS:
            raise InternalError(
                f"cpu feature must be one that a library can check, got {name!r}",
                hint="add it to FEATURE_BITS and to native/cpu.h and cpu.c",
            )
        mask |= 1 << FEATURE_BITS[name]
    return mask
