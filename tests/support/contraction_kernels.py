"""Runs one kernel of ty ops through the contraction schedule, beside the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mlir import ir
from programs import program
from tolerances import assert_close

from tyc.compiler.codegen import jit
from tyc.compiler.lowering.kernel import lower_to_linalg
from tyc.compiler.options import Options
from tyc.compiler.schedules.contraction import schedule_contraction
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.targets import Target, host
from tyc.compiler.transforms.expand_composites import expand_kernel
from tyc.dialects import interpreter
from tyc.dialects.building import type_of
from tyc.dialects.program import Program


def arrays(made: Program) -> list[np.ndarray]:
    """Numbers for each input: small whole numbers for integers."""
    rng = np.random.default_rng(5)
    found = []
    for t in map(type_of, made.block.arguments):
        if t.dtype.is_float:
            found.append(rng.uniform(-1, 1, t.shape).astype(t.dtype.numpy))
        else:
            low = 0 if t.dtype.kind == "uint" else -4
            found.append(rng.integers(low, 5, t.shape).astype(t.dtype.numpy))
    return found


def prepared(made: Program, constants: Sequence[int] = ()) -> ir.Module:
    """The program's main function as one kernel in linalg form."""
    expand_kernel(made.main)
    made.main.attributes["ty.constants"] = ir.DenseI64ArrayAttr.get(list(constants))
    module = lower_to_linalg(made.main)
    assert module.operation.verify()
    return module


def schedule(
    made: Program,
    constants: Sequence[int] = (),
    target: Target | None = None,
    parameters: dict[str, Any] | None = None,
    family: Callable[..., ScheduledKernel | None] = schedule_contraction,
    options: Options | None = None,
) -> ScheduledKernel | None:
    """The schedule of the program's main function as one kernel."""
    module = prepared(made, constants)
    given = () if parameters is None else (parameters,)
    scheduled = family(module, target or host(), options or Options(), *given)
    assert scheduled is None or scheduled.module.operation.verify()
    return scheduled


def check(
    body: Callable[..., Any],
    *inputs: Any,
    constants: Sequence[int] = (),
    pieces: Sequence[int] = (1, 3),
    tolerance: float | None = None,
    target: Target | None = None,
    parameters: dict[str, Any] | None = None,
    family: Callable[..., ScheduledKernel | None] = schedule_contraction,
    options: Options | None = None,
) -> ScheduledKernel:
    """Compiled equals the reference, and any split of the work gives the same bits."""
    with program(body, *inputs) as made:
        values = arrays(made)
        wanted = interpreter.run(made, values)
        scheduled = schedule(made, constants, target, parameters, family, options)
        assert scheduled is not None
        task = jit.load(scheduled, target)
    packed = [
        np.ascontiguousarray(scheduled.packings[i].apply(a) if i in scheduled.packings else a)
        for i, a in enumerate(values)
    ]
    results = [_run(scheduled, task, packed, wanted, n) for n in pieces]
    for actual, reference in zip(results[0], wanted):
        assert_close(actual, reference, tolerance)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)
    return scheduled


def _run(
    scheduled: ScheduledKernel, task: jit.Task, packed: list, wanted: list, pieces: int
) -> list[np.ndarray]:
    """Outputs start as NaN or -1, so that what is not written shows."""
    outputs = [
        np.full(w.shape, np.nan if w.dtype.kind not in "biu" else -1 % 2, w.dtype) for w in wanted
    ]
    for part in range(pieces):
        begin, end = (scheduled.count * p // pieces for p in (part, part + 1))
        task([*packed, *outputs], begin, end)
    return outputs
