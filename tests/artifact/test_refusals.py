"""What a library refuses: with a status and a message, and nothing was executed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from artifact_models import Built, compile_model

from tyc import runtime
from tyc.compiler import targets
from tyc.runtime import abi
from tyc.runtime.memory import aligned_empty

WIDE = "avx512f"


def _host_has(feature: str) -> bool:
    words = Path("/proc/cpuinfo").read_text().split()
    return feature in words


@pytest.mark.skipif(_host_has(WIDE), reason=f"this CPU has {WIDE}")
def test_a_cpu_without_the_features(tmp_path: Path) -> None:
    built = compile_model("vision", tmp_path / "v.so", target=targets.find(cpu="x86-64-v4"))
    with pytest.raises(runtime.UserError, match=f"needs a CPU with .*{WIDE}"):
        runtime.load(built.path)(*built.inputs)
    call = Call(built)
    assert call.status() == abi.STATUS_CODES["ERROR_CPU"]
    assert WIDE in call.message(abi.STATUS_CODES["ERROR_CPU"])


class Call:
    """The arguments of `NAME_call`, right until a test changes them."""

    def __init__(self, built: Built) -> None:
        self.library = ctypes.CDLL(str(built.path))
        self.name = built.name
        self.inputs = [np.ascontiguousarray(a) for a in built.inputs]
        self.outputs = [np.full(w.shape, 7, w.dtype) for w in built.wanted]
        self.workspace = aligned_empty(built.plan.arena_bytes)
        self.workspace[:] = 7
        self.workspace_bytes = built.plan.arena_bytes
        self.address = self.workspace.ctypes.data
        self.num_inputs = len(self.inputs)
        self.tensors = [[_tensor(a) for a in side] for side in (self.inputs, self.outputs)]

    def status(self) -> int:
        """Calls; for a refusal, checks that no byte was written."""
        inputs, outputs = ((abi.Tensor * len(side))(*side) for side in self.tensors)
        status = self.library[f"{self.name}_call"](
            inputs, ctypes.c_size_t(self.num_inputs), outputs, ctypes.c_size_t(len(outputs)),
            ctypes.c_void_p(self.address), ctypes.c_size_t(self.workspace_bytes), None,
        )  # fmt: skip
        if status:
            assert (self.workspace == 7).all()
            assert all((a == 7).all() for a in self.outputs)
        return status

    def message(self, status: int) -> str:
        """What the library says of a status."""
        function = self.library[f"{self.name}_status_message"]
        function.restype = ctypes.c_char_p
        return function(status).decode()


def _tensor(array: np.ndarray) -> abi.Tensor:
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    code = {"float32": "f32", "int32": "i32", "int64": "i64"}[array.dtype.name]
    made = abi.Tensor(array.ctypes.data, abi.DTYPE_CODES[code], array.ndim, shape)
    made.kept = shape  # pyright: ignore  # the struct holds but the address
    return made


def _wrong_shape(call: Call) -> None:
    tensor = call.tensors[0][0]
    tensor.shape = (ctypes.c_int64 * tensor.rank)(*[5] * tensor.rank)


CASES: dict[str, tuple[str, Callable[[Call], object]]] = {
    "shape": ("ERROR_SHAPE", _wrong_shape),
    "rank": ("ERROR_SHAPE", lambda c: setattr(c.tensors[1][0], "rank", 1)),
    "dtype": ("ERROR_DTYPE", lambda c: setattr(c.tensors[0][0], "dtype", abi.DTYPE_CODES["f64"])),
    "output dtype": ("ERROR_DTYPE", lambda c: setattr(c.tensors[1][0], "dtype", 0)),
    "null": ("ERROR_ARGUMENT", lambda c: setattr(c.tensors[0][0], "data", None)),
    "too few inputs": ("ERROR_ARGUMENT", lambda c: setattr(c, "num_inputs", c.num_inputs - 1)),
    "workspace size": (
        "ERROR_WORKSPACE",
        lambda c: setattr(c, "workspace_bytes", c.workspace_bytes - 1),
    ),
    "workspace alignment": ("ERROR_ARGUMENT", lambda c: setattr(c, "address", c.address + 1)),
    "no workspace": ("ERROR_ARGUMENT", lambda c: setattr(c, "address", None)),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_arguments(built: Built, case: str) -> None:
    call = Call(built)
    wanted, spoil = CASES[case]
    spoil(call)
    status = call.status()
    assert status == abi.STATUS_CODES[wanted]
    assert call.message(status)


def test_right_arguments(built: Built) -> None:
    call = Call(built)
    assert call.status() == 0
    for got, wanted in zip(call.outputs, built.wanted, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
