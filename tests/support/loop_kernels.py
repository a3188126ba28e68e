"""Runs one kernel of ty ops through the loops schedule, beside the interpreter."""

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
from tyc.compiler.schedules import loops
from tyc.compiler.schedules.choice import Parameters
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.targets import host
from tyc.compiler.transforms.expand_composites import expand_kernel
from tyc.dialects import interpreter
from tyc.dialects.program import Program
from tyc.dialects.types import TensorType, tensor, type_of_array

Input = Any  # a shape, (shape, element type) or an array
PIECES = 3


def lowered(made: Program, constants: Sequence[int] = ()) -> ir.Module:
    """The linalg form of the program's main function."""
    expand_kernel(made.main)
    made.main.attributes["ty.constants"] = ir.DenseI64ArrayAttr.get(list(constants))
    module = lower_to_linalg(made.main)
    assert module.operation.verify()
    return module


def _array(given: Input, rng: np.random.Generator) -> np.ndarray:
    if isinstance(given, np.ndarray):
        return given
    kind = _type(given)
    if kind.dtype.is_float:
        return rng.uniform(-1, 1, kind.shape).astype(kind.dtype.numpy)
    low, high = {"bool": (0, 2), "uint": (0, 5)}.get(kind.dtype.kind, (-4, 5))
    return rng.integers(low, high, kind.shape).astype(kind.dtype.numpy)


def _type(given: Input) -> TensorType:
    if isinstance(given, np.ndarray):
        return type_of_array(given)
    return tensor(*given) if given and isinstance(given[-1], str) else tensor(given, "f32")


def check(
    build: Callable[..., Any],
    *inputs: Input,
    constants: Sequence[int] = (),
    tolerance: float = 2e-5,
    parameters: Parameters | None = None,
) -> ScheduledKernel:
    """Asserts that the kernel computes what the interpreter does, whatever the split of its items;
    gives the schedule (its module is used up)."""
    rng = np.random.default_rng(11)
    arrays = [_array(i, rng) for i in inputs]
    types = [type_of_array(a) for a in arrays]
    with program(build, *[(t.shape, t.dtype.name) for t in types]) as made:
        wanted = interpreter.run_block(made.block, arrays, {})
        scheduled = loops.schedule(lowered(made, constants), host(), Options(), parameters)
        assert scheduled.module.operation.verify()
        task = jit.load(scheduled, host())
    whole = _run(task, scheduled, arrays, wanted, 1)
    for actual, reference in zip(whole, wanted):
        assert_close(actual, reference, tolerance)
    for actual, reference in zip(_run(task, scheduled, arrays, wanted, PIECES), whole):
        assert actual.tobytes() == reference.tobytes(), "the result depends on the split"
    for pair in scheduled.in_place:
        _check_in_place(task, scheduled, arrays, whole, [pair])
    apart: dict[int, int] = {}
    for source, result in scheduled.in_place:
        if source not in apart.values() and result not in apart:
            apart[result] = source
    if len(apart) > 1:
        together = [(source, result) for result, source in apart.items()]
        _check_in_place(task, scheduled, arrays, whole, together)
    return scheduled


def _run(
    task: jit.Task,
    scheduled: ScheduledKernel,
    arrays: Sequence[np.ndarray],
    like: Sequence[np.ndarray],
    pieces: int,
) -> list[np.ndarray]:
    outputs = [np.full(w.shape, 7, w.dtype) for w in like]
    _call(task, scheduled, arrays, outputs, pieces)
    return outputs


def _call(
    task: jit.Task,
    scheduled: ScheduledKernel,
    arrays: Sequence[np.ndarray],
    outputs: Sequence[np.ndarray],
    pieces: int,
) -> None:
    packed = [
        np.ascontiguousarray(scheduled.packings[i].apply(a) if i in scheduled.packings else a)
        for i, a in enumerate(arrays)
    ]
    # The last piece first: items are independent.
    for part in reversed(range(pieces)):
        begin, end = (scheduled.count * p // pieces for p in (part, part + 1))
        task([*packed, *outputs], begin, end)


def _check_in_place(
    task: jit.Task,
    scheduled: ScheduledKernel,
    arrays: Sequence[np.ndarray],
    whole: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
) -> None:
    """Runs with one buffer for an input and an output of each pair."""
    outputs = [np.full(w.shape, 7, w.dtype) for w in whole]
    given = list(arrays)
    for source, result in pairs:
        given[source] = arrays[source].copy().reshape(whole[result].shape)
        outputs[result] = given[source]
    _call(task, scheduled, given, outputs, PIECES)
    for actual, reference in zip(outputs, whole):
        assert actual.tobytes() == reference.tobytes(), f"sharing {pairs} changes the result"


def space(build: Callable[..., Any], *inputs: Input, limit: int) -> list[Parameters]:
    """What the kernel's schedule may choose."""
    kinds = [_type(given) for given in inputs]
    with program(build, *[(t.shape, t.dtype.name) for t in kinds]) as made:
        return loops.space(lowered(made), limit)


def outputs(
    build: Callable[..., Any], *arrays: np.ndarray, parameters: Parameters | None = None
) -> list[np.ndarray]:
    """What the kernel computes in exact mode."""
    types = [type_of_array(a) for a in arrays]
    with program(build, *[(t.shape, t.dtype.name) for t in types]) as made:
        like = interpreter.run_block(made.block, list(arrays), {})
        scheduled = loops.schedule(lowered(made), host(), Options(exact=True), parameters)
        task = jit.load(scheduled, host())
    return _run(task, scheduled, arrays, like, 1)
