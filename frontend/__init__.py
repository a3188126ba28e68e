"""The TianYuan Compiler: models in Python or ONNX in, small native libraries out.

Arrays are `Tensor`s: eager like NumPy's, each op compiled at its first use and kept on disk.

    import tyc
    from tyc import nn

    x = tyc.tensor([[1.0, 2.0], [3.0, 4.0]])
    print((x @ x).sum(axis=0))

A model is a function of tensors or an `nn.Module`. `trace` makes a compiled function of it, for
each new signature of its inputs at the first call.

    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    fast = tyc.trace(net)
    fast(x)                                  # fused kernels, the same result
    print(fast.ir(x))                        # the recorded program
    fast.compile("net.so", x)                # a library with a C header, parameters inside

A compiled library runs on `tyc.runtime` alone, ONNX files come in through `load_onnx`.

    module = tyc.runtime.load("net.so")
    program = tyc.load_onnx("resnet18.onnx")

Names here are lazy: `import tyc` loads no MLIR. Read `tensors.py`, `dispatch.py` (what happens to
an op), `recording.py` and `tracing.py` (how a program comes to be), then `functional/` and `nn/`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tyc import functional, hub, nn, onnx, optim, random, runtime
    from tyc.autograd import Function, GradManager, custom_gradient, grad, stop_gradient
    from tyc.budget import checkpointing
    from tyc.checkpoint import load, save
    from tyc.data import as_tensors
    from tyc.dialects.types import bf16 as bfloat16
    from tyc.dialects.types import f16 as float16
    from tyc.dialects.types import f32 as float32
    from tyc.dialects.types import f64 as float64
    from tyc.dialects.types import i1 as bool_
    from tyc.dialects.types import i8 as int8
    from tyc.dialects.types import i16 as int16
    from tyc.dialects.types import i32 as int32
    from tyc.dialects.types import i64 as int64
    from tyc.dialects.types import u8 as uint8
    from tyc.dialects.types import u16 as uint16
    from tyc.dialects.types import u32 as uint32
    from tyc.dialects.types import u64 as uint64
    from tyc.dispatch import exact
    from tyc.onnx import load as load_onnx
    from tyc.runtime.errors import InternalError, UserError
    from tyc.tensors import Parameter, Tensor, Variable, tensor
    from tyc.tracing import Traced, compile, trace

_MODULES = ("functional", "hub", "nn", "onnx", "optim", "random", "runtime")

_NAMES = {
    "Tensor": ("tyc.tensors", "Tensor"),
    "Parameter": ("tyc.tensors", "Parameter"),
    "Variable": ("tyc.tensors", "Variable"),
    "tensor": ("tyc.tensors", "tensor"),
    "as_tensors": ("tyc.data", "as_tensors"),
    "save": ("tyc.checkpoint", "save"),
    "load": ("tyc.checkpoint", "load"),
    "checkpointing": ("tyc.budget", "checkpointing"),
    "Function": ("tyc.autograd", "Function"),
    "GradManager": ("tyc.autograd", "GradManager"),
    "custom_gradient": ("tyc.autograd", "custom_gradient"),
    "grad": ("tyc.autograd", "grad"),
    "stop_gradient": ("tyc.autograd", "stop_gradient"),
    "Traced": ("tyc.tracing", "Traced"),
    "trace": ("tyc.tracing", "trace"),
    "compile": ("tyc.tracing", "compile"),
    "exact": ("tyc.dispatch", "exact"),
    "load_onnx": ("tyc.onnx", "load"),
    "UserError": ("tyc.runtime.errors", "UserError"),
    "InternalError": ("tyc.runtime.errors", "InternalError"),
    "float16": ("tyc.dialects.types", "f16"),
    "bfloat16": ("tyc.dialects.types", "bf16"),
    "float32": ("tyc.dialects.types", "f32"),
    "float64": ("tyc.dialects.types", "f64"),
    "bool_": ("tyc.dialects.types", "i1"),
    "int8": ("tyc.dialects.types", "i8"),
    "int16": ("tyc.dialects.types", "i16"),
    "int32": ("tyc.dialects.types", "i32"),
    "int64": ("tyc.dialects.types", "i64"),
    "uint8": ("tyc.dialects.types", "u8"),
    "uint16": ("tyc.dialects.types", "u16"),
    "uint32": ("tyc.dialects.types", "u32"),
    "uint64": ("tyc.dialects.types", "u64"),
}

__all__ = [
    "Function",
    "GradManager",
    "InternalError",
    "Parameter",
    "Tensor",
    "Traced",
    "UserError",
    "Variable",
    "as_tensors",
    "bfloat16",
    "bool_",
    "checkpointing",
    "compile",
    "custom_gradient",
    "exact",
    "float16",
    "float32",
    "float64",
    "functional",
    "grad",
    "hub",
    "int8",
    "int16",
    "int32",
    "int64",
    "load",
    "load_onnx",
    "nn",
    "onnx",
    "optim",
    "random",
    "runtime",
    "save",
    "stop_gradient",
    "tensor",
    "trace",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"tyc.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'tyc' has no attribute {name!r}")
    module, attribute = _NAMES[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
