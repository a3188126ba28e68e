"""Runs one kernel of ty ops through the Winograd schedule, beside the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from contraction_kernels import arrays
from mlir import ir
from programs import program
from tolerances import assert_close

from tyc.compiler.codegen import jit
from tyc.compiler.lowering.kernel import lower_to_linalg
from tyc.compiler.options import Options
from tyc.compiler.schedules.convolution_winograd import Winograd
from tyc.compiler.schedules.convolution_winograd_transform import RESULT_BOUND
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.targets import Target, host
from tyc.compiler.transforms.expand_composites import expand_kernel
from tyc.dialects import interpreter, ty
from tyc.dialects.program import Program

PLAIN = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1], "layout": "NXC"}


def linalg(made: Program, constants: Sequence[int] = (1, 2)) -> ir.Module:
    """The program's main function as one kernel in linalg form."""
    expand_kernel(made.main)
    made.main.attributes["ty.constants"] = ir.DenseI64ArrayAttr.get(list(constants))
    return lower_to_linalg(made.main)


def schedule(
    made: Program,
    tile: tuple[int, int] | None = None,
    constants: Sequence[int] = (1, 2),
    target: Target | None = None,
    **parameters: int,
) -> ScheduledKernel | None:
    """The Winograd schedule of the program's main function."""
    given = dict(parameters) if tile is None else {"tile": list(tile), **parameters}
    module = linalg(made, constants)
    return Winograd().schedule(module, target or host(), Options(), given)


def execute(
    scheduled: ScheduledKernel, task: jit.Task, values: Sequence, shapes: Sequence, pieces: int
) -> list[np.ndarray]:
    """The results, run in `pieces`; outputs start as NaN, so that what is not written shows."""
    packings = scheduled.packings
    packed = [packings[i].apply(a) if i in packings else a for i, a in enumerate(values)]
    outputs = [np.full(s, np.nan, np.float32) for s in shapes]
    for part in range(pieces):
        begin, end = (scheduled.count * p // pieces for p in (part, part + 1))
        task([*packed, *outputs], begin, end)
    return outputs


def check(
    body: Callable[..., Any],
    *shapes: tuple[int, ...],
    tile: tuple[int, int] = (4, 4),
    constants: Sequence[int] = (1, 2),
    **parameters: int,
) -> ScheduledKernel:
    """Compiled is near the reference, and any split of the work gives the same bits."""
    with program(body, *[(s, "f32") for s in shapes]) as made:
        values = arrays(made)
        wanted = interpreter.run(made, values)
        scheduled = schedule(made, tile, constants, **parameters)
        assert scheduled is not None
        assert scheduled.module.operation.verify()
        task = jit.load(scheduled)
    sizes = [w.shape for w in wanted]
    once = execute(scheduled, task, values, sizes, 1)
    for actual, reference in zip(once, wanted):
        scale = np.float32(np.abs(reference).max())
        assert_close(actual / scale, reference / scale, 2 * RESULT_BOUND[max(tile)])
    for pieces in (3, scheduled.count):
        for a, b in zip(once, execute(scheduled, task, values, sizes, pieces)):
            np.testing.assert_array_equal(a, b)
    return scheduled


def convolution(x: Any, weight: Any, bias: Any, *rest: Any, **attributes: Any) -> Any:
    """A convolution with bias, a residual where one is given, and ReLU."""
    y = ty.conv(x, weight, bias, **{**PLAIN, **attributes})
    return ty.relu(ty.add(y, rest[0]) if rest else y)
