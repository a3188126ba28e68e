"""Winograd convolutions: every tile against the interpreter, ragged edges, epilogues, errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from contraction_kernels import arrays
from mlir import ir
from programs import program
from tolerances import assert_close

from tyc.compiler.codegen import jit
from tyc.compiler.lowering.kernel import lower_to_linalg
from tyc.compiler.options import Options
from tyc.compiler.schedules.convolution_winograd import Winograd
from tyc.compiler.schedules.convolution_winograd_transform import ERROR_BOUND
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.targets import Target, host
from tyc.compiler.transforms.expand_composites import expand_kernel
from tyc.dialects import interpreter, ty
from tyc.dialects.program import Program

TILES = pytest.mark.parametrize("tile", [(2, 2), (4, 4), (6, 6), (2, 6), (6, 4)], ids=str)
PLAIN = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1], "layout": "NXC"}
TOLERANCE = 1e-5


def schedule(
    made: Program,
    tile: tuple[int, int] | None = None,
    options: Options | None = None,
    target: Target | None = None,
    constants: Sequence[int] = (1, 2),
) -> ScheduledKernel | None:
    """The schedule of the program's main function as one kernel."""
    expand_kernel(made.main)
    made.main.attributes["ty.constants"] = ir.DenseI64ArrayAttr.get(list(constants))
    module = lower_to_linalg(made.main)
    parameters = {} if tile is None else {"tile": list(tile)}
    return Winograd().schedule(module, target or host(), options or Options(), parameters)


def run(scheduled: ScheduledKernel, values: list, wanted: list, splits: Sequence[int]) -> list:
    """The results of each split; outputs start as NaN, so that what is not written shows."""
    task = jit.load(scheduled)
    packed = [scheduled.packings[i].apply(a) if i in scheduled.packings else a for i, a in
              enumerate(values)]  # fmt: skip
    found = []
    for pieces in splits:
        outputs = [np.full(w.shape, np.nan, w.dtype) for w in wanted]
        for part in range(pieces):
            begin, end = (scheduled.count * p // pieces for p in (part, part + 1))
            task([*packed, *outputs], begin, end)
        found.append(outputs)
    return found


def check(
    body: Callable[..., Any], *shapes: tuple[int, ...], tile: tuple[int, int],
    constants: Sequence[int] = (1, 2),
) -> ScheduledKernel:  # fmt: skip
    """Compiled is near the reference, and any split of the work gives the same bits."""
    with program(body, *[(s, "f32") for s in shapes]) as made:
        values = arrays(made)
        wanted = interpreter.run(made, values)
        scheduled = schedule(made, tile, constants=constants)
        assert scheduled is not None
        assert scheduled.module.operation.verify()
        once, *others = run(scheduled, values, wanted, (1, 3, scheduled.count))
    for actual, reference in zip(once, wanted):
        scale = np.abs(reference).max()
        assert_close(actual / scale, reference / scale, 4 * ERROR_BOUND[max(tile)])
    for other in others:
        for a, b in zip(once, other):
            np.testing.assert_array_equal(a, b)
    return scheduled


def convolution(x: Any, weight: Any, bias: Any, **attributes: Any) -> Any:
    """A convolution with bias and ReLU."""
    return ty.relu(ty.conv(x, weight, bias, **{**PLAIN, **attributes}))


@TILES
@pytest.mark.parametrize("size", [(8, 16), (5, 17), (19, 40)], ids=str)
def test_channels(tile: tuple[int, int], size: tuple[int, int]) -> None:
    c, o = size
    check(convolution, (1, 13, 9, c), (o, c, 3, 3), (o,), tile=tile)
