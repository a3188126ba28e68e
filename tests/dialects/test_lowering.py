"""Every op's linalg form, run by MLIR's own passes, computes what its reference says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
import upstream
from mlir import ir
from single_op import arrays, attributes, cases, program, replaced
from tolerances import assert_close

from tyc.compiler.lowering.kernel import lower_to_linalg
from tyc.compiler.lowering.registry import LOOPS, WHOLE
from tyc.compiler.transforms.expand_composites import expand_kernel
from tyc.dialects import registration
from tyc.dialects.interpreter import evaluate
from tyc.dialects.ods import Example, Op

registration.dialect_text()  # fills the registry
CASES = list(cases())


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[ir.Context]:
    with registration.context() as ctx, ir.Location.unknown():
        yield ctx


@pytest.mark.parametrize(("op", "example"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_linalg_form_computes_the_reference(op: type[Op], example: Example) -> None:
    made = program(op, example)
    expand_kernel(made.main)
    if {o.name.removeprefix("ty.") for o in made.operations()} & {*LOOPS, *WHOLE}:
        pytest.skip("lowers to loops on buffers, or is taken whole")
    module = lower_to_linalg(made.main)
    assert module.operation.verify()
    assert '"ty.' not in str(module)
    if re.search(r"[<x]i1>", str(module)):
        pytest.skip("MLIR has no memory of i1")
    wanted = evaluate(op, replaced(example, arrays(example)), attributes(op, example))
    results = [np.empty(w.shape, w.dtype) for w in wanted]
    upstream.run(module, "main", arrays(example), results)
    for actual, reference in zip(results, wanted):
        assert_close(actual, reference, example.tolerance)
