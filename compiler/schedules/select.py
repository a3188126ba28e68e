"""Which schedule a kernel gets: the first family that takes it."""

from __future__ import annotations

from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.targets import Target


def schedule(module: ir.Module, target: Target, options: Options) -> ScheduledKernel:
    """The kernel of a linalg module, scheduled for the target: contraction first, then loops."""
    from tyc.compiler.schedules import loops

    return loops.schedule(module, target, options)
