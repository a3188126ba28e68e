"""What schedules and code generation need to know of a machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Costs:
    """How fast one core is, for cost models: bytes are per cycle, `fma_per_cycle` counts vectors.

    `loop_cycles` is what an iteration costs beside its body, `call_nanoseconds` what a task does,
    `split_nanoseconds` what a loop pays to have two threads:
    0.6 us where the other one is awake, several where it sleeps.
    """

    gigahertz: float = 3.0
    fma_per_cycle: float = 2.0
    fma_latency: float = 4.0
    l1_bytes: float = 64.0
    l2_bytes: float = 32.0
    l3_bytes: float = 14.0
    memory_bytes: float = 5.0
    loop_cycles: float = 1.5
    call_nanoseconds: float = 10.0
    split_nanoseconds: float = 1500.0


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
    costs: Costs = Costs()

    @property
    def feature_string(self) -> str:
        """The features as LLVM takes them: `+avx2,+fma`."""
        return ",".join(f"+{f}" for f in self.features)

    def key(self) -> dict[str, object]:
        """What a kernel's code depends on, for the cache."""
        return asdict(self)

    @property
    def identity(self) -> dict[str, object]:
        """The machine itself, without what is assumed of its speed: what a measurement is for."""
        return {"triple": self.triple, "cpu": self.cpu, "features": list(self.features)}
