"""What a compilation may do, in one typed table."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from tyc.runtime.errors import UserError


@dataclass(frozen=True)
class Options:
    """Switches of one compilation.

    `exact` forbids whatever changes rounding (reassociation across ops, folding of floating-point
    arithmetic, batch norm into convolution, layout changes that reorder sums): eager and compiled
    results are then the same bits. `level` is `-O0` .. `-O3`. `weights` is `embed` or `external`.
    `memory_budget` is the most bytes that the workspace may have, or, as a float up to 1, the share
    of what it has without a budget, or `"auto"`, the knee; time is traded for it.
    `strip` leaves symbols, debug information and the plan's description out of the library.
    """

    exact: bool = False
    level: int = 3
    weights: str = "embed"
    memory_budget: int | float | str | None = None
    strip: bool = False

    def key(self) -> dict[str, object]:
        """What a kernel's code depends on, for the cache."""
        return {k: v for k, v in asdict(self).items() if k in ("exact", "level")}


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*|%)", re.IGNORECASE)


def parse_budget(text: str) -> int | float | str:
    """`"4096"` and `"4KiB"` as bytes, `"50%"` as a share: 0.5, and `"auto"` as it is."""
    if text.strip() == "auto":
        return "auto"
    found = _BUDGET.fullmatch(text.strip())
    unit = found[2].upper() if found else None
    if found is not None and unit == "%" and 0 < float(found[1]) <= 100:
        return float(found[1]) / 100
    if found is None or unit not in _UNITS:
        raise UserError(
            f"memory budget must be bytes, or up to 100% of what is needed without, got {text!r}",
            node="--memory-budget",
            hint="write for example 256KiB, 4MiB, 50% or auto",
        )
    return int(float(found[1]) * _UNITS[unit])
