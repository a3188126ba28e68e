"""Which schedule a kernel gets: the first family that takes it."""

from __future__ import annotations

from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.schedules import loops
from tyc.compiler.schedules.contraction import schedule_contraction
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.targets import Target


def schedule(module: ir.Module, target: Target, options: Options) -> ScheduledKernel:
    """The kernel of a linalg module, scheduled for the target.

    One contraction with its epilogue goes to the contraction family, everything else to loops.
    """
    found = schedule_contraction(module, target, options)
    return loops.schedule(module, target, options) if found is None else found
