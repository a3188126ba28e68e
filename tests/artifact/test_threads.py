"""Results depend on nothing but the inputs: not on threads, splits, other calls or other models."""

from __future__ import annotations

import ctypes
import itertools
import threading

import numpy as np
import pytest
from artifact_models import Built

from tyc import runtime
from tyc.runtime import abi
from tyc.runtime.memory import aligned_empty


def _list(result: object) -> list[np.ndarray]:
    return list(result) if isinstance(result, tuple) else [result]  # pyright: ignore


def _bits(result: object) -> list[bytes]:
    return [a.tobytes() for a in _list(result)]


def test_results_are_the_interpreters(built: Built, module: runtime.Module) -> None:
    for got, wanted in zip(_list(module(*built.inputs)), built.wanted, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_any_number_of_threads(built: Built) -> None:
    results = [_bits(runtime.load(built.path, threads=n)(*built.inputs)) for n in (1, 2, 3, 5)]
    assert all(r == results[0] for r in results)


def test_many_callers_and_two_libraries(models: dict[str, Built]) -> None:
    chosen = [models["vision"], models["chain"]]
    modules = [runtime.load(b.path, threads=2) for b in chosen]
    wanted = [_bits(m(*b.inputs)) for m, b in zip(modules, chosen)]
    wrong: list[int] = []

    def work(number: int) -> None:
        for i in range(20):
            which = (number + i) % 2
            if _bits(modules[which](*chosen[which].inputs)) != wanted[which]:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


_TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32)
_FOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


class _Executor(ctypes.Structure):
    _fields_ = [
        ("abi_version", ctypes.c_uint32),
        ("num_workers", ctypes.c_int32),
        ("parallel_for", _FOR),
        ("state", ctypes.c_void_p),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_host_that_splits_at_random(built: Built, seed: int) -> None:
    rng = np.random.default_rng(seed)
    loops: list[int] = []

    @_FOR
    def parallel_for(_: int, task: int, context: int, count: int) -> None:
        loops.append(count)
        cuts = sorted({0, count, *map(int, rng.integers(0, count + 1, 4))})
        pieces = list(itertools.pairwise(cuts))
        rng.shuffle(pieces)
        for begin, end in pieces:
            _TASK(task)(context, int(begin), int(end), int(rng.integers(4)))

    wanted = _bits(runtime.load(built.path, threads=1)(*built.inputs))
    executor = _Executor(abi.ABI_VERSION, 4, parallel_for, None)
    assert _run(built, executor) == wanted
    assert loops


def _run(built: Built, executor: _Executor) -> list[bytes]:
    library = ctypes.CDLL(str(built.path))
    inputs = [np.ascontiguousarray(a) for a in built.inputs]
    outputs = [np.empty(w.shape, w.dtype) for w in built.wanted]
    pointers = [(ctypes.c_void_p * len(a))(*[x.ctypes.data for x in a]) for a in (inputs, outputs)]
    workspace = aligned_empty(built.plan.arena_bytes)
    status = getattr(library, f"{built.name}_run")(
        *pointers, ctypes.c_void_p(workspace.ctypes.data), ctypes.byref(executor)
    )
    assert status == 0
    return _bits(tuple(outputs))
