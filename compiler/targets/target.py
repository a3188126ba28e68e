"""What schedules and code generation need to know of a machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Target:
    """One machine: LLVM's names for it, its vector registers, one core's share of the caches."""

    triple: str
    cpu: str
    features: tuple[str, ...]
    vector_bytes: int
    vector_registers: int
    l1_bytes: int
    l2_bytes: int
    l3_bytes: int

    @property
    def feature_string(self) -> str:
        """The features as LLVM takes them: `+avx2,+fma`."""
        return ",".join(f"+{f}" for f in self.features)

    def key(self) -> dict[str, object]:
        """What a kernel's code depends on, for the cache."""
        return asdict(self)
