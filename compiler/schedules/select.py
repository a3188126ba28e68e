"""Which schedule a kernel gets: of the families that take it, the one with the least estimate.

    FAMILIES      of linalg modules, the first wins of those whose estimates are equal
    TY_FAMILIES   of kernels that stay `ty` ops: the first that takes it

A `Choice` (from `tyc tune`) names the family and its parameters instead.
"""

from __future__ import annotations

from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.schedules.choice import Choice, Family, InvalidParameters
from tyc.compiler.schedules.convolution_winograd import Winograd
from tyc.compiler.schedules.families import (
    Attentions,
    Contractions,
    Dots,
    Loops,
    Matvecs,
    Opaque,
)
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.compiler.targets import Target
from tyc.runtime.errors import InternalError

FAMILIES: tuple[Family, ...] = (Matvecs(), Winograd(), Dots(), Contractions(), Loops())
"""The families of linalg modules, in the order in which equals are preferred."""

_AS_GOOD = 1.03
"""Estimates that differ by less than this factor are equal: models are not that good."""

TY_FAMILIES: tuple[Family, ...] = (Opaque(), Attentions())
"""The families of kernels in `ty`, tried before a kernel is lowered to linalg."""


def schedule(
    module: ir.Module, target: Target, options: Options, choice: Choice | None = None
) -> ScheduledKernel:
    """The kernel of a linalg module, scheduled for the target.

    Raises `InvalidParameters` where the choice does not fit the kernel.
    """
    return _schedule(_ranked(module, target, options), module, target, options, choice)


def takes_ty(module: ir.Module, target: Target, options: Options) -> bool:
    """True where a family takes the kernel in `ty` as it is."""
    return bool(_of_ty(module, target, options))


def schedule_ty(
    module: ir.Module, target: Target, options: Options, choice: Choice | None = None
) -> ScheduledKernel:
    """The kernel of a module in `ty` that a family takes as it is."""
    return _schedule(_of_ty(module, target, options), module, target, options, choice)


def space(module: ir.Module, target: Target, options: Options, limit: int) -> list[Choice]:
    """At most `limit` choices for a linalg module, the default first.

    Most are of the family with the least estimate; of the last family only its default, where
    another takes the kernel.
    """
    return _space(_ranked(module, target, options), module, target, options, limit)


def space_ty(module: ir.Module, target: Target, options: Options, limit: int) -> list[Choice]:
    """At most `limit` choices for a module in `ty`, the default first."""
    return _space(_of_ty(module, target, options), module, target, options, limit)


def _of_ty(module: ir.Module, target: Target, options: Options) -> list[Family]:
    return [f for f in TY_FAMILIES if f.estimate(module, target, options) is not None]


def _ranked(module: ir.Module, target: Target, options: Options) -> list[Family]:
    """The families that take the module, by rising estimate."""
    estimates = [(f.estimate(module, target, options), f) for f in FAMILIES]
    found = sorted(((e, f) for e, f in estimates if e is not None), key=lambda pair: pair[0])
    least = found[0][0] if found else 0.0
    best = [f for e, f in estimates if e is not None and e <= _AS_GOOD * least]
    return best + [f for _, f in found if f not in best]


def _schedule(
    families: list[Family],
    module: ir.Module,
    target: Target,
    options: Options,
    choice: Choice | None,
) -> ScheduledKernel:
    for family in families:
        if choice is None or choice.family == family.name:
            parameters = None if choice is None else choice.parameters
            found = family.schedule(module, target, options, parameters)
            if found is not None:
                found.choice = Choice(family.name, parameters or {})
                return found
    names = ", ".join(f.name for f in families)
    if choice is not None:
        raise InvalidParameters(f"the kernel's families are {names}, got {choice.family}")
    raise InternalError(f"no schedule takes the kernel, tried {names}")


def _space(
    families: list[Family], module: ir.Module, target: Target, options: Options, limit: int
) -> list[Choice]:
    found: list[list[Choice]] = []
    for family in families:
        parameters = family.space(module, target, options, limit)
        found.append([Choice(family.name, p) for p in parameters])
    found = [group for group in found if group]
    if not found:
        return []
    # The last family takes everything, and wins nothing that another one takes.
    rest = [c for group in found[1:-1] for c in group[: max(limit // 4, 1)]]
    rest += found[-1][:1] if len(found) > 1 else []
    return (found[0][: max(limit - len(rest), 1)] + rest)[:limit]
