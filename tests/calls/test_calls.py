"""The short call of eager kernels: the same arrays as the long one, whatever it is given."""

from __future__ import annotations

import gc
import sys
import threading

import numpy as np
import pytest

import tyc
from tyc.compiler import calls
from tyc.compiler.eager import run_op
from tyc.dialects import ty

X = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_this_interpreter_has_it() -> None:
    assert calls.call() is not None


def test_arrays_of_another_structure_are_refused() -> None:
    def wrong(array: object) -> int:
        return 0

    assert not calls._knows_arrays(wrong)


def test_another_interpreter_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_is_known_interpreter", lambda: False)
    assert calls.call.__wrapped__() is None


def test_arrays_that_are_not_dense_take_the_long_call() -> None:
    frozen = X.copy()
    frozen.flags.writeable = False
    for x in (X.T, X[:, ::-1], np.asfortranarray(X), X[::2], frozen, X[:0]):
        (y,) = run_op(ty.AddOp, [x, x], {})
        assert np.array_equal(y, x + x)


def test_several_results_and_lists_of_operands() -> None:
    (y,) = run_op(ty.ConcatOp, [[X, X, X]], {"axis": 0})
    assert np.array_equal(y, np.concatenate([X, X, X]))
    assert np.array_equal(run_op(ty.AddOp, [np.float32(2) * X, X], {})[0], 3 * X)


def test_nothing_is_lost_or_kept() -> None:
    x = X.copy()
    run_op(ty.AddOp, [x, x], {})
    gc.collect()
    before = [sys.getrefcount(o) for o in (x, X.dtype, np.empty, None, -1)]
    results = [run_op(ty.AddOp, [x, x], {}) for _ in range(500)]
    for _ in range(500):
        run_op(ty.AddOp, [x.T, x.T], {})
    assert all(sys.getrefcount(r[0]) == 2 for r in results)
    del results
    after = [sys.getrefcount(o) for o in (x, X.dtype, np.empty, None, -1)]
    assert all(abs(a - b) < 100 for a, b in zip(after, before))


def test_threads_call_at_once() -> None:
    wrong = []

    def work(seed: int) -> None:
        x = np.full((64, 64), seed, np.float32)
        for _ in range(200):
            if not np.array_equal(run_op(ty.MatmulOp, [x, x], {})[0], x @ x):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_negative_zero_is_not_a_zero() -> None:
    one = tyc.tensor([1.0])
    found = [np.signbit((one * zero).numpy())[0] for zero in (0.0, -0.0, 0.0)]
    assert found == [False, True, False]
