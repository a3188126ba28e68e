"""Loading and calling a library: what goes in, what comes out, on one thread or on many."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from tyc import runtime
from tyc.runtime import abi, memory

X = np.arange(1000, dtype=np.float32).reshape(10, 100)
BIAS = np.float32(1)
Y = X * 2 + 1


def test_call_by_position_and_by_name(module):
    for result in (module(X, BIAS), module(X, bias=BIAS), module(bias=BIAS, x=X)):
        np.testing.assert_array_equal(result.y, Y)
        assert result.sum == Y.sum() and result.sum.dtype == np.int64
        assert result._fields == ("y", "sum")


def test_python_numbers_and_lists_take_the_input_type(module):
    np.testing.assert_array_equal(module(X.tolist(), 1).y, Y)
    np.testing.assert_array_equal(module(X, 1.0).y, Y)


def test_memory_that_is_not_dense_is_copied(module):
    strided = np.repeat(X, 2, axis=1)[:, ::2]
    assert not strided.flags.c_contiguous
    np.testing.assert_array_equal(module(strided, BIAS).y, Y)
    np.testing.assert_array_equal(module(np.asfortranarray(X), BIAS).y, Y)
    frozen = X.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(module(frozen, BIAS).y, Y)


def test_out_as_sequence_and_as_dictionary(module):
    y, total = np.empty_like(X), np.empty((), np.int64)
    result = module(X, BIAS, out=[y, total])
    assert result.y is y and result.sum is total
    np.testing.assert_array_equal(y, Y)
    y[:] = 0
    result = module(X, BIAS, out={"y": y})
    assert result.y is y and result.sum == Y.sum()
    np.testing.assert_array_equal(y, Y)


def test_one_output_is_an_array(build):
    outputs = [{"name": "y", "dtype": "f32", "shape": [10, 100]}]
    module = runtime.load(build("one", {"outputs": outputs}, OUTPUTS=1), threads=1)
    np.testing.assert_array_equal(module(X, BIAS), Y)
    y = np.empty_like(X)
    for out in (y, [y], {"y": y}):
        y[:] = 0
        assert module(X, BIAS, out=out) is y
        np.testing.assert_array_equal(y, Y)


def test_signature(module):
    assert module.name == "fake" and module.workspace_bytes == 4000
    assert module.inputs[0] == runtime.TensorSpec("x", "f32", (10, 100))
    assert module.inputs[0].numpy_dtype == np.float32 and module.inputs[0].nbytes == 4000
    assert module.manifest["memory"]["weights_bytes"] == 64
    assert repr(module) == (
        "<tyc module fake(x: f32[10, 100], bias: f32[]) -> (y: f32[10, 100], sum: i64[])>"
    )


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_results_do_not_depend_on_threads(fake, threads):
    result = runtime.load(fake, threads=threads)(X, BIAS)
    assert result.y.tobytes() == Y.tobytes()


def test_threads_come_from_the_environment(fake, monkeypatch):
    monkeypatch.setenv("TYC_NUM_THREADS", "3")
    assert runtime.load(fake).threads == 3
    monkeypatch.delenv("TYC_NUM_THREADS")
    assert runtime.load(fake).threads == len(os.sched_getaffinity(0))


def test_eight_threads_call_one_module(module):
    wrong = []

    def work(seed: int) -> None:
        x = X + np.float32(seed)
        for _ in range(200):
            if module(x, BIAS).y.tobytes() != (x * 2 + 1).tobytes():
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_libraries_in_one_process_share_a_pool(module, build):
    other = runtime.load(build("other"), threads=2)
    assert other._executor == module._executor
    np.testing.assert_array_equal(module(X, BIAS).y, other(X, BIAS).y)


def test_a_rebuilt_library_is_loaded_anew(build, tmp_path):
    path = tmp_path / "twice.so"
    for workspace in (4000, 4004):
        memory_entry = {"memory": {"workspace_bytes": workspace, "weights_bytes": 64}}
        fresh = build("twice", memory_entry)
        os.replace(fresh, path)
        module = runtime.load(path, threads=1)
        assert module.manifest["memory"]["workspace_bytes"] == workspace
        np.testing.assert_array_equal(module(X, BIAS).y, Y)


def test_a_forked_child_runs_alone(module):
    module(X, BIAS)
    child = os.fork()
    if child == 0:
        os._exit(0 if module(X, BIAS).y.tobytes() == Y.tobytes() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_weights_in_a_file(build):
    entry = {"weights": {"kind": "external", "file": "weights.safetensors"}}
    path = build("apart", entry, EXTERNAL=1)
    write_weights(path.parent / "weights.safetensors", 3.0)
    module = runtime.load(path, threads=2)
    np.testing.assert_array_equal(module(X, BIAS).y, X * 3 + 1)


def write_weights(path, weight: float, keep: int = 64) -> None:
    data = np.zeros(16, np.float32)
    data[0] = weight
    header = json.dumps({"w": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}})
    padded = header.ljust(-(-(len(header) + 8) // 64) * 64 - 8).encode()
    path.write_bytes(len(padded).to_bytes(8, "little") + padded + data.tobytes()[:keep])


def test_weights_must_be_whole(build):
    entry = {"weights": {"kind": "external", "file": "weights.safetensors"}}
    path = build("cut", entry, EXTERNAL=1)
    file = path.parent / "weights.safetensors"
    write_weights(file, 3.0, keep=60)
    with pytest.raises(runtime.UserError) as caught:
        runtime.load(path)
    assert str(caught.value) == (
        f"{file}: weights must be mappable, got: the weights file is missing, unreadable, "
        "truncated, not safetensors, or its data is not 64-byte aligned; "
        "copy the file that `tyc compile` wrote beside the library"
    )


def test_a_host_brings_its_own_executor(module):
    splits = []

    def parallel_for(executor, task, context, count):
        for begin in range(0, count, 300):
            end = min(begin + 300, count)
            splits.append((begin, end))
            task(context, begin, end, 0)

    executor = abi.Executor(abi.ABI_VERSION, 1, abi.ParallelFor(parallel_for), None)
    y, total, bias = np.empty_like(X), np.empty((), np.int64), np.array(BIAS)
    workspace = memory.Workspace(module.workspace_bytes)
    inputs = (ctypes.c_void_p * 2)(X.ctypes.data, bias.ctypes.data)
    outputs = (ctypes.c_void_p * 2)(y.ctypes.data, total.ctypes.data)
    run = module._library.function("run")
    assert run(inputs, outputs, workspace.address, ctypes.byref(executor)) == 0
    assert splits == [(0, 300), (300, 600), (600, 900), (900, 1000)]
    np.testing.assert_array_equal(y, Y)
    executor.abi_version += 1
    status = run(inputs, outputs, workspace.address, ctypes.byref(executor))
    assert status == abi.STATUS_CODES["ERROR_ABI"]


def test_call_checks_tensors(module):
    def tensor(array: np.ndarray) -> abi.Tensor:
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        code = abi.DTYPE_CODES[abi.dtype_name(array.dtype)]
        return abi.Tensor(array.ctypes.data, code, array.ndim, shape)

    y, total, bias = np.empty_like(X), np.empty((), np.int64), np.array(BIAS)
    workspace = memory.Workspace(4000)
    outputs = (abi.Tensor * 2)(tensor(y), tensor(total))
    call = module._library.function("call")

    def status(*inputs: np.ndarray, nbytes: int = 4000) -> int:
        tensors = (abi.Tensor * len(inputs))(*map(tensor, inputs))
        return call(tensors, len(inputs), outputs, 2, workspace.address, nbytes, None)

    assert status(X, bias) == 0
    np.testing.assert_array_equal(y, Y)
    assert status(X) == abi.STATUS_CODES["ERROR_ARGUMENT"]
    assert status(X[:5], bias) == abi.STATUS_CODES["ERROR_SHAPE"]
    assert status(X.astype("f8"), bias) == abi.STATUS_CODES["ERROR_DTYPE"]
    assert status(X, bias, nbytes=3999) == abi.STATUS_CODES["ERROR_WORKSPACE"]


def test_import_is_light():
    program = (
        "import sys, tyc.runtime\n"
        "heavy = {'mlir', 'onnx', 'llvmlite', 'ml_dtypes', 'torch'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
