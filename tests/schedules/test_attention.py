"""The schedule of attention computes the reference, whatever the sizes, masks and splits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mlir import ir
from single_op import arrays, program

from tyc.compiler import kernels
from tyc.compiler.codegen import jit, native
from tyc.compiler.options import Options
from tyc.compiler.targets import Target, host
from tyc.dialects import ty
from tyc.dialects.interpreter import evaluate
from tyc.dialects.ods import Example, example
from tyc.dialects.registration import context

CASES = {
    "one panel": example((3, 5, 7), (3, 9, 7), (3, 9, 4), None, scale=0.5),
    "whole panels": example((2, 32, 16), (2, 24, 16), (2, 24, 32), None, scale=0.3),
    "ragged": example((2, 3, 37, 24), (2, 3, 53, 24), (2, 3, 53, 19), None, scale=0.3),
    "heads inside": example(
        (1, 37, 3, 16), (1, 21, 3, 16), (1, 21, 3, 16), None, scale=0.2, sequence_first=True
    ),
    "batch of keys broadcast": example((2, 4, 17, 8), (2, 1, 9, 8), (9, 8), None, scale=0.4),
    "mask of keys": example((2, 19, 8), (2, 26, 8), (2, 26, 8), (2, 1, 26), scale=0.4),
    "mask of pairs": example((2, 19, 8), (2, 26, 8), (2, 26, 8), (19, 26), scale=0.4),
    "mask of queries": example((2, 19, 8), (2, 26, 8), (2, 26, 8), (19, 1), scale=0.4),
    "causal": example((2, 45, 8), (2, 45, 8), (2, 45, 8), None, scale=0.4, causal=True),
    "causal, fewer keys": example((50, 8), (20, 8), (20, 8), None, scale=0.4, causal=True),
    "causal, more keys": example((20, 8), (50, 8), (50, 8), (20, 50), scale=0.4, causal=True),
    "f64": example((2, 13, 9), (2, 21, 9), (2, 21, 5), (13, 21), scale=0.4, dtype="f64"),
}
LONG = {
    "long": example((2, 21, 8), (2, 300, 8), (2, 300, 12), None, scale=0.4),
    "long, masked": example((21, 8), (300, 8), (300, 8), (21, 300), scale=0.4),
    "long, mask of keys": example((21, 8), (300, 8), (300, 8), (300,), scale=0.4),
    "long, causal": example((290, 8), (300, 8), (300, 20), None, scale=0.4, causal=True),
}


def scheduled(case: Example, target: Target) -> Any:
    made = program(ty.AttentionOp, case)
    made.main.attributes["sym_name"] = ir.StringAttr.get("k")
    found = kernels.schedule_text(str(made.module), target, Options())
    assert found.module.operation.verify()
    return found


def run(case: Example, target: Target, pieces: int = 1) -> np.ndarray:
    (wanted,) = evaluate(ty.AttentionOp, list(case.operands), _attributes(case))
    with context(), ir.Location.unknown():
        kernel = scheduled(case, target)
        out = np.full(wanted.shape, 7, wanted.dtype)
        return jit.run(kernel, arrays(case), [out], target, pieces)[0]


def _attributes(case: Example) -> dict[str, Any]:
    return {"causal": False, "sequence_first": False} | case.attributes


def reference(case: Example) -> np.ndarray:
    wide = [None if a is None else a.astype(np.float64) for a in case.operands]
    return evaluate(ty.AttentionOp, wide, _attributes(case))[0]


def close(actual: np.ndarray, case: Example) -> None:
    tolerance = 1e-13 if actual.dtype == np.float64 else 5e-6
    np.testing.assert_allclose(actual, reference(case), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_computes_the_reference(case: Example) -> None:
    close(run(case, host()), case)


@pytest.mark.parametrize("case", LONG.values(), ids=LONG)
def test_chunks_of_keys_are_rescaled(case: Example) -> None:
    """A small cache makes many chunks of few keys."""
    close(run(case, replace(host(), l2_bytes=1024)), case)


@pytest.mark.parametrize("case", [CASES["ragged"], LONG["long, causal"]], ids=["short", "long"])
def test_the_split_changes_nothing(case: Example) -> None:
    target = replace(host(), l2_bytes=1024)
    whole = run(case, target)
    for pieces in (2, 5):
        np.testing.assert_array_equal(run(case, target, pieces), whole)


def test_scores_are_never_in_memory() -> None:
    """The stack holds a chunk of scores, however many keys there are."""
    with context(), ir.Location.unknown():
        sizes = [
            scheduled(example((n, 64), (n, 64), (n, 64), None, scale=0.1), host()).stack_bytes
            for n in (4096, 32768)
        ]
    assert max(sizes) < 256 << 10


def test_infinite_scores_weigh_nothing() -> None:
    case = example((9, 8), (20, 8), (20, 8), (9, 20), scale=0.4)
    mask = case.operands[3]
    mask[:, 13:] = -np.inf
    mask[:, :2] = np.finfo(np.float32).min
    close(run(case, host()), case)


def test_nothing_visible_is_nan_and_nan_stays_in_its_row() -> None:
    case = example((9, 8), (20, 8), (20, 8), (9, 20), scale=0.4)
    case.operands[3][4] = -np.inf
    case.operands[0][6] = np.nan
    found = run(case, host())
    assert [r for r in range(9) if np.isnan(found[r]).all()] == [4, 6]
    assert np.isnan(found).sum() == 16


def test_the_result_may_stand_where_the_queries_were() -> None:
    case = CASES["causal"]
    with context(), ir.Location.unknown():
        kernel = scheduled(case, host())
        assert kernel.in_place == [(0, 0)]
        q, k, v = (a.copy() for a in arrays(case))
        jit.run(kernel, [q, k, v], [q])
    close(q, case)
    shared = example((16, 8), (16, 8), (16, 4), None, scale=0.4)
    with context(), ir.Location.unknown():
        assert scheduled(shared, host()).in_place == []


@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v4"])
def test_code_for_other_vectors(cpu: str) -> None:
    """Code for narrower and for wider vectors compiles, and without FMA it runs."""
    features = ("sse4.2",) if cpu == "x86-64-v2" else ("avx512f", "avx2", "fma")
    bytes_, registers = (16, 16) if cpu == "x86-64-v2" else (64, 32)
    target = replace(
        host(), cpu=cpu, features=features, vector_bytes=bytes_, vector_registers=registers
    )
    case = CASES["ragged"]
    if cpu == "x86-64-v2":
        close(run(case, target), case)
        return
    with context(), ir.Location.unknown():
        assert native.emit_object(scheduled(case, target), target)
