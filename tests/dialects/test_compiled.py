"""Every op's compiled kernel computes what its reference says, however its work is split."""

from __future__ import annotations

from collections.abc import Iterator

import compiled
import numpy as np
import pytest
from mlir import ir
from single_op import arrays, attributes, cases, replaced
from tolerances import assert_close

from tyc.dialects import registration
from tyc.dialects.interpreter import evaluate
from tyc.dialects.ods import Op

registration.dialect_text()  # fills the registry
CASES = [(name, op, int(name.rsplit("-", 1)[1])) for name, op, _ in cases()]


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[ir.Context]:
    with registration.context() as ctx, ir.Location.unknown():
        yield ctx


@pytest.mark.parametrize(("op", "number"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_compiled_kernel_computes_the_reference(op: type[Op], number: int) -> None:
    example = op.examples[number]
    if op.NAME == "constant" and not _is_splat(example.attributes["value"]):
        pytest.skip("a kernel takes it as an argument")
    given = arrays(example)
    wanted = evaluate(op, replaced(example, given), attributes(op, example))
    library = compiled.library(op.NAME)
    whole = [np.empty(w.shape, w.dtype) for w in wanted]
    library.run(number, given, whole, pieces=1)
    for actual, reference in zip(whole, wanted):
        assert_close(actual, reference, example.tolerance)
    parts = [np.empty(w.shape, w.dtype) for w in wanted]
    library.run(number, given, parts, pieces=3)
    for actual, reference in zip(parts, whole):
        assert actual.tobytes() == reference.tobytes(), "the result depends on the split"


def _is_splat(value: np.ndarray) -> bool:
    flat = np.asarray(value).reshape(-1)
    return flat.size > 0 and bool((flat == flat[0]).all())
