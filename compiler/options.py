"""What a compilation may do, in one typed table."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Options:
    """Switches of one compilation.

    `exact` forbids whatever changes rounding (reassociation across ops, folding of floating-point
    arithmetic, batch norm into convolution, layout changes that reorder sums): eager and compiled
    results are then the same bits. `level` is `-O0` .. `-O3`. `weights` is `embed` or `external`.
    """

    exact: bool = False
    level: int = 3
    weights: str = "embed"

    def key(self) -> dict[str, object]:
        """What a kernel's code depends on, for the cache."""
        return {k: v for k, v in asdict(self).items() if k in ("exact", "level")}
