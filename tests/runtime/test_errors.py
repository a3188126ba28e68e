"""Every message that a user can meet: where, which rule, what it got, what to do."""

from __future__ import annotations

import pickle
import struct
import subprocess

import numpy as np
import pytest

from tyc import runtime
from tyc.runtime import InternalError, UserError, abi
from tyc.runtime.signature import identifier, result_type

X = np.zeros((10, 100), np.float32)
GIVE = "give the .so that `tyc compile` wrote"
AGAIN = "compile it again with this version of tyc"
LISTS = "module.inputs lists what it takes"


def message(call, *args, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((X,), {}, f"fake: takes 2 inputs (x, bias), got none for 'bias'; {LISTS}"),
        ((X, 1, 2), {}, f"fake: takes 2 inputs (x, bias), got 3; {LISTS}"),
        ((X,), {"b": 1}, f"fake: input names must be among x, bias, got 'b'; {LISTS}"),
        ((X,), {"x": X}, f"fake: each input must be given once, got 'x' twice; {LISTS}"),
        (
            (X.astype(np.float64), 1),
            {},
            "fake: input 'x': dtype must be f32, got f64; convert it: x.astype('float32')",
        ),
        (
            (X.astype(">f4"), 1),
            {},
            "fake: input 'x': dtype must be f32, got >f4; convert it: x.astype('float32')",
        ),
        (
            (X, None),
            {},
            "fake: input 'bias': dtype must be f32, got object; convert it: bias.astype('float32')",
        ),
        (
            (X.T, 1),
            {},
            "fake: input 'x': shape must be [10, 100], got [100, 10]; "
            "reshape it, or compile the model for this shape",
        ),
        (
            ([[1, 2], [3]], 1),
            {},
            "fake: input 'x': nested lists must be rectangular, got rows of different length; "
            "pad the rows",
        ),
        (
            (X, 1j),
            {},
            "fake: input 'bias': dtype must be f32, got complex128; "
            "convert it: bias.astype('float32')",
        ),
    ],
)
def test_inputs(module, args, kwargs, expected):
    assert message(module, *args, **kwargs) == expected


def test_python_numbers_are_not_squeezed(build):
    inputs = [{"name": "x", "dtype": "u8", "shape": [2]}, {"name": "b", "dtype": "i1", "shape": []}]
    module = runtime.load(build("bytes", {"inputs": inputs}), threads=1)
    assert message(module, [1, 256], True) == (
        "bytes: input 'x': Python numbers must fit u8, got 256; stay within 0..255"
    )
    assert message(module, [0.5, 1], True) == (
        "bytes: input 'x': Python numbers must fit u8, got float64; give an array of uint8"
    )
    assert message(module, [1, 2], 1) == (
        "bytes: input 'b': Python numbers must fit i1, got int64; give an array of bool"
    )


MAKE_ONE = "make one: np.empty([10, 100], 'float32')"


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        (
            X.copy(),
            "fake: out must hold 2 arrays (y, sum), got 1; module.outputs lists what it gives",
        ),
        (
            {"z": X},
            "fake: output names must be among y, sum, got 'z'; module.outputs lists what it gives",
        ),
        (
            {"y": [1]},
            f"fake: output 'y': out must be a NumPy array, got list; {MAKE_ONE}",
        ),
        (
            {"y": X.astype(np.float16)},
            f"fake: output 'y': dtype must be f32, got f16; {MAKE_ONE}",
        ),
        (
            {"y": X[0]},
            f"fake: output 'y': shape must be [10, 100], got [100]; {MAKE_ONE}",
        ),
        (
            {"y": X.T.copy().T},
            "fake: output 'y': out must be writable, aligned and C-contiguous, "
            f"got an array that is not; {MAKE_ONE}",
        ),
    ],
)
def test_out(module, out, expected):
    assert message(module, X, 1, out=out) == expected


def test_out_must_not_share_memory(module):
    x = X.copy()
    assert message(module, x, 1, out={"y": x}) == (
        "fake: output 'y': out must not share memory with other tensors, got some of 'x'; "
        "give an array of its own"
    )


def test_overlap_is_found_between_parts_of_arrays(module):
    memory = np.zeros(3000, np.float32)
    low, middle = memory[:1000].reshape(10, 100), memory[999:1999].reshape(10, 100)
    high = memory[1000:2000].reshape(10, 100)
    rule = "out must not share memory with other tensors"
    assert rule in message(module, low, 1, out={"y": middle})
    assert rule in message(module, middle, 1, out={"y": low})
    np.testing.assert_array_equal(module(low, 1, out={"y": high}).y, low * 2 + 1)
    total = high[9, 98:].view(np.int64).reshape(())
    assert message(module, low, 1, out=[high, total]) == (
        f"fake: output 'sum': {rule}, got some of 'y'; give an array of its own"
    )
    assert rule in message(module, low, high[0, 0:1].reshape(()), out={"y": high})
    frozen = high.copy()
    frozen.flags.writeable = False
    module(frozen, frozen[0, 0:1].reshape(()), out={"y": high})


def test_an_updated_input_is_the_callers_own_array(build):
    inputs = [
        {"name": "x", "dtype": "f32", "shape": [10, 100], "updated": True},
        {"name": "delta", "dtype": "f32", "shape": []},
    ]
    module = runtime.load(build("inout", {"inputs": inputs}), threads=1)
    make = "make one: np.empty([10, 100], 'float32')"
    assert message(module, X.tolist(), 1) == (
        f"inout: input 'x': an updated input must be a NumPy array, got list; {make}"
    )
    fixed = X.copy()
    fixed.flags.writeable = False
    assert message(module, fixed, 1) == (
        "inout: input 'x': an updated input must be writable, aligned and C-contiguous, got an "
        f"array that is not; {make}"
    )
    x = X.copy()
    assert message(module, x, x[0, :1].reshape(())) == (
        "inout: input 'x': an updated input must not share memory with other tensors, got some of "
        "'delta'; give an array of its own"
    )
    np.testing.assert_array_equal(module(x, 1)[0], X + 1)


def test_files_that_are_no_library(tmp_path, fake):
    path = tmp_path / "model.so"
    assert message(runtime.load, path) == (
        f"{path}: library must be a readable file, got 'no such file or directory'; {GIVE}"
    )
    path.write_bytes(b"")
    assert message(runtime.load, path) == (
        f"{path}: library must be an ELF shared library, got an empty file; {GIVE}"
    )
    path.write_bytes(b"ONNX model")
    assert message(runtime.load, path) == (
        f"{path}: library must be an ELF shared library, got first bytes b'ONNX'; {GIVE}"
    )
    assert message(runtime.load, tmp_path) == (
        f"{tmp_path}: library must be a readable file, got 'is a directory'; {GIVE}"
    )


@pytest.mark.parametrize("part", [0.001, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_truncated_libraries(tmp_path, fake, part):
    whole = fake.read_bytes()
    path = tmp_path / "model.so"
    size = int(len(whole) * part)
    path.write_bytes(whole[:size])
    assert message(runtime.load, path) == (
        f"{path}: library must be complete, got a file cut off at {size} bytes; "
        "compile or copy it again"
    )


def test_libraries_of_another_machine(tmp_path, fake):
    path = tmp_path / "model.so"
    data = bytearray(fake.read_bytes())
    struct.pack_into("<H", data, 18, 243)
    path.write_bytes(data)
    assert message(runtime.load, path) == (
        f"{path}: library must be built for x86_64, got machine 243; "
        "compile it for this machine, or run it on the other"
    )


def test_libraries_without_a_manifest(objects, tmp_path):
    path = tmp_path / "plain.so"
    subprocess.run(["cc", "-shared", "-o", path, *objects, "-lpthread"], check=True)
    assert message(runtime.load, path) == (
        f"{path}: library must export one NAME_manifest, got none; {GIVE}"
    )


def test_manifest_of_another_abi(build):
    path = build("newer", {"abi_version": 2, "tyc_version": "9.0"})
    assert message(runtime.load, path) == (
        f"{path}: library must have ABI version 1, got 2 (made by tyc 9.0); {AGAIN}"
    )


def test_library_of_another_abi(build):
    path = build("later", ABI=2)
    assert message(runtime.load, path) == (
        f"{path}: library must have ABI version 1, got another one (made by tyc 0.1.0); {AGAIN}"
    )


def test_cpu_without_the_features(build):
    path = build("future", FEATURES="(UINT64_C(1)<<62)")
    assert message(runtime.load, path) == (
        f"{path}: this library needs a CPU with features that this one lacks; "
        "compile it for this machine's CPU, or for an older one"
    )


def test_threads(fake, monkeypatch):
    for threads in (0, -1, 1.5, True):
        assert message(runtime.load, fake, threads=threads) == (
            f"threads must be a positive number, got {threads!r}; or leave it out"
        )
    monkeypatch.setenv("TYC_NUM_THREADS", "many")
    assert message(runtime.load, fake) == (
        "TYC_NUM_THREADS must be a positive number, got 'many'; set it or unset it"
    )


def test_unknown_names_are_our_fault():
    with pytest.raises(InternalError) as caught:
        abi.feature_mask(["+avx2", "amx-tile"])
    assert str(caught.value) == (
        "cpu feature must be one that a library can check, got 'amx-tile'; "
        "add it to FEATURE_BITS and to native/cpu.h and cpu.c"
    )
    assert abi.feature_mask(["+avx2", "sse2"]) == 1 << 5
    with pytest.raises(InternalError, match=r"dtype must be one of f32, .*, got 'f8'"):
        abi.numpy_dtype("f8")
    assert abi.numpy_dtype("bf16").itemsize == 2
    for name in abi.DTYPE_CODES:
        assert abi.dtype_name(abi.numpy_dtype(name)) == name


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(UserError("rank must be 4, got 3", node="conv1", hint="x")))
    assert str(error) == "conv1: rank must be 4, got 3; x" and isinstance(error, runtime.TycError)


def test_output_names_become_fields():
    specs = [runtime.TensorSpec(name, "f32", ()) for name in ("a.b", "a/b", "1", "_x", "class")]
    assert result_type("m-1", specs)._fields == ("a_b", "a_b_", "value_1", "x", "class_")
    assert identifier("é") == "value"
