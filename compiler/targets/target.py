"""What schedules and code generation need to know of a machine, and the tables that it comes from.

A `Family` is what a file of this folder says: a platform (names for linkers and compilers) and its
CPUs. A `Target` is one CPU of it with its features, as everything else in the compiler sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from tyc.runtime.errors import UserError


@dataclass(frozen=True)
class Costs:
    """How fast one core is, for cost models: bytes are per cycle, `fma_per_cycle` counts vectors.

    `loads_per_cycle` counts loads of a vector from the first cache that start in a cycle,
    `issue_per_cycle` what all kinds of instructions may be, a load counted twice.
    `loop_cycles` is what an iteration costs beside its body, `broadcast_cycles` what a multiplier
    waits for an element that is spread over a vector, `call_nanoseconds` what a task does,
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
    broadcast_cycles: float = 0.0
    loads_per_cycle: float = 2.0
    issue_per_cycle: float = 8.0
    call_nanoseconds: float = 10.0
    split_nanoseconds: float = 1500.0


@dataclass(frozen=True)
class Platform:
    """A kind of machine with its operating system, by the names that tools have for it.

    `name` is what `--target` takes, `triple` is LLVM's, `c_target` is `zig cc -target`'s, `format`
    is llvm-objcopy's; `machine` and `system` are what Linux and `sys.platform` call it. `libm` and
    `libc` are the sonames of its libraries. `c_flags` are for its C code alone. Where LLVM calls
    functions for what the CPUs do not do, such as dividing 64 bits, `helpers` are the compiler
    flags to make them for a library. Of a CPU's extensions, LLVM does without those in `unused`:
    no library checks for them.
    """

    name: str
    triple: str
    c_target: str
    format: str
    machine: str
    system: str = "linux"
    pointer_bytes: int = 8
    libm: str = "libm.so.6"
    libc: str = "libc.so.6"
    c_flags: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """One machine: LLVM's names for it, its vector registers, one core's share of the caches.

    `fused` is true where a product is added to a sum with one rounding and in one instruction,
    `by_element` where that instruction takes one factor from a lane of a vector.
    """

    platform: Platform
    cpu: str
    features: tuple[str, ...]
    vector_bytes: int
    vector_registers: int
    l1_bytes: int
    l2_bytes: int
    l3_bytes: int
    costs: Costs = Costs()
    fused: bool = True
    by_element: bool = False

    @property
    def triple(self) -> str:
        """LLVM's name of the platform."""
        return self.platform.triple

    @property
    def feature_string(self) -> str:
        """The features as LLVM takes them: `+avx2,+fma`."""
        on = [f"+{f}" for f in self.features]
        return ",".join([*on, *(f"-{f}" for f in self.platform.unused)])

    @property
    def pointer_bits(self) -> int:
        """Bits of an address, and of a `size_t`."""
        return 8 * self.platform.pointer_bytes

    def key(self) -> dict[str, object]:
        """What a kernel's code depends on, for the cache."""
        return asdict(self)

    @property
    def identity(self) -> dict[str, object]:
        """The machine itself, without what is assumed of its speed: what a measurement is for."""
        return {"triple": self.triple, "cpu": self.cpu, "features": list(self.features)}


@dataclass(frozen=True)
class Cpu:
    """One CPU: the features that libraries for it ask for, bytes of one core's caches (L1 data, L2,
    a share of L3 or of what stands in for it), speeds."""

    features: tuple[str, ...] = ()
    l1_bytes: int = 32 << 10
    l2_bytes: int = 512 << 10
    l3_bytes: int = 2 << 20
    costs: Costs = Costs()


@dataclass(frozen=True)
class Vectors:
    """Bytes of a vector register and how many there are, on CPUs with a feature (`""`: on all)."""

    feature: str
    nbytes: int
    registers: int


@dataclass(frozen=True)
class Family:
    """The CPUs of a platform: all that one file of `targets/` says.

    `features` are all that a library can check at run time, by LLVM's names; `vectors` the widest
    first; `fused` the feature that multiply-add needs (`""`: all CPUs have it); `by_element` as a
    target's. `short` are other names of CPUs, `aliases` of the platform. `default` is the CPU where
    none is named.
    """

    platform: Platform
    cpus: Mapping[str, Cpu]
    features: tuple[str, ...]
    vectors: tuple[Vectors, ...]
    default: str = "generic"
    fused: str = ""
    by_element: bool = False
    aliases: tuple[str, ...] = ()
    short: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        """What `--cpu` takes beside `native`."""
        return [*self.short, *self.cpus]

    def find(self, cpu: str, features: str = "") -> Target:
        """The target of a CPU by name; raises `UserError` for one that is unknown."""
        name = self.short.get(cpu, cpu)
        if name not in self.cpus:
            known = ", ".join(["native", *self.names()])
            raise UserError(
                f"cpu must be one of {known}, got {cpu!r}", node="--cpu", hint="try native"
            )
        return self.target(name, self.cpus[name].features, features)

    def target(self, cpu: str, base: Iterable[str], changes: str = "") -> Target:
        """The target of a CPU, known or not, that has the features `base` with `changes` as LLVM
        writes them: `+avx2,-fma`. Raises `UserError` for a feature that is unknown."""
        on = set(base)
        for change in (f.strip() for f in changes.split(",") if f.strip()):
            name = change.lstrip("+-")
            if name not in self.features:
                known = ", ".join(self.features)
                message = f"features must be of {known or 'none'}, got {name!r}"
                raise UserError(message, node="--features")
            on = on - {name} if change.startswith("-") else on | {name}
        vectors = next(v for v in self.vectors if not v.feature or v.feature in on)
        row = self._nearest(cpu)
        return Target(
            self.platform, cpu, tuple(sorted(on)), vectors.nbytes, vectors.registers,
            row.l1_bytes, row.l2_bytes, row.l3_bytes, row.costs,
            not self.fused or self.fused in on, self.by_element,
        )  # fmt: skip

    def _nearest(self, name: str) -> Cpu:
        """The row of a CPU, or of one whose name begins alike: `icelake-client` is as
        `icelake-server`."""
        stem = name.split("-")[0]
        alike = (row for known, row in self.cpus.items() if known.split("-")[0] == stem)
        return self.cpus.get(name) or next(alike, Cpu())
