"""x86-64 on Linux."""

from __future__ import annotations

from functools import lru_cache

from tyc.compiler.targets.target import Costs, Target
from tyc.runtime.abi import FEATURE_BITS as FEATURES
from tyc.runtime.errors import UserError

TRIPLE = "x86_64-unknown-linux-gnu"
_TRIPLES = ("x86_64-unknown-linux-gnu", "x86_64-linux-gnu", "x86_64", "host", "native")

# Per-core cache sizes in bytes: L1 data, L2, share of L3.
_CACHES = {
    "znver": (32 << 10, 512 << 10, 4 << 20),
    "default": (32 << 10, 512 << 10, 2 << 20),
}

# By the first name that the CPU's begins with. Clocks are what all cores keep up; bytes per cycle
# are of one core alone, as vendors' manuals and measured triads say.
_COSTS = {
    "znver1": Costs(3.0, 1.0, 5.0, 32.0, 32.0, 12.0, 5.0),
    "znver2": Costs(3.2, 2.0, 5.0, 64.0, 32.0, 14.0, 5.0),
    "znver3": Costs(3.0, 2.0, 4.0, 64.0, 32.0, 14.0, 5.0),
    "znver4": Costs(3.7, 1.0, 4.0, 64.0, 32.0, 14.0, 6.0),
    "znver5": Costs(4.0, 2.0, 4.0, 128.0, 64.0, 16.0, 7.0),
    "haswell": Costs(3.0, 2.0, 5.0, 64.0, 28.0, 10.0, 4.0),
    "broadwell": Costs(3.0, 2.0, 5.0, 64.0, 28.0, 10.0, 4.0),
    "skylake-avx512": Costs(2.6, 2.0, 4.0, 128.0, 40.0, 8.0, 4.0),
    "skylake": Costs(3.5, 2.0, 4.0, 64.0, 32.0, 10.0, 5.0),
    "cascadelake": Costs(2.8, 2.0, 4.0, 128.0, 40.0, 8.0, 4.0),
    "icelake": Costs(2.8, 2.0, 4.0, 128.0, 48.0, 8.0, 4.0),
    "sapphirerapids": Costs(2.8, 2.0, 4.0, 128.0, 48.0, 8.0, 4.0),
    "alderlake": Costs(4.0, 2.0, 4.0, 96.0, 48.0, 12.0, 6.0),
}


def _feature_names(features: str) -> list[str]:
    """`+avx2,-fma` or `avx2,fma` as the names that are on."""
    names = [f.strip() for f in features.split(",") if f.strip()]
    return [f.lstrip("+") for f in names if not f.startswith("-")]


@lru_cache(maxsize=1)
def _host_features() -> tuple[str, ...]:
    import llvmlite.binding as llvm

    on = llvm.get_host_cpu_features()
    return tuple(sorted(f for f in on if on[f] and f in FEATURES))


@lru_cache(maxsize=64)
def _features_of(cpu: str) -> tuple[str, ...]:
    """The features of a CPU, of those that the runtime can check."""
    if cpu not in _LEVELS:
        known = ", ".join(["native", *_SHORT, *_LEVELS])
        raise UserError(f"cpu must be one of {known}, got {cpu!r}", node="--cpu", hint="try native")
    return tuple(sorted(_LEVELS[cpu]))


_V2 = ("popcnt", "sse4.2")
_V3 = (*_V2, "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
_LEVELS = {
    "x86-64": (), "x86-64-v2": _V2, "x86-64-v3": _V3, "x86-64-v4": _V4,
    "haswell": _V3, "broadwell": _V3, "skylake": _V3, "znver1": _V3, "znver2": _V3, "znver3": _V3,
    "alderlake": (*_V3, "avxvnni"), "skylake-avx512": _V4, "cascadelake": (*_V4, "avx512vnni"),
    "icelake-server": (*_V4, "avx512vnni"), "znver4": (*_V4, "avx512vnni", "avx512bf16"),
    "znver5": (*_V4, "avx512vnni", "avx512bf16", "avxvnni"),
    "sapphirerapids": (*_V4, "avx512vnni", "avx512bf16", "avxvnni"),
}  # fmt: skip


_SHORT = {"baseline": "x86-64-v2", "avx2": "x86-64-v3", "avx512": "x86-64-v4"}
"""Short names of the levels that every CPU since 2009, 2013 and 2017, or so, has."""


def find_all(triple: str = "host", cpus: str = "native", features: str = "") -> list[Target]:
    """The targets of CPU names with commas between, the most demanding one at the front.

    Raises `UserError` as `find` does, and for two names that ask for the same.
    """
    found: dict[tuple[str, ...], Target] = {}
    for cpu in cpus.split(","):
        target = find(triple, cpu.strip(), features)
        if (other := found.get(target.features)) is not None:
            raise UserError(
                f"each cpu must need other features, got {other.cpu} and {target.cpu}",
                node="--cpu",
                hint="leave one of them out",
            )
        found[target.features] = target
    return sorted(found.values(), key=lambda t: (-t.vector_bytes, -len(t.features)))


def find(triple: str = "host", cpu: str = "native", features: str = "") -> Target:
    """The target of a triple, a CPU name (`native` is this machine's) and extra features.

    Raises `UserError` for a triple, a CPU or a feature that is unknown.
    """
    if triple not in _TRIPLES:
        known = ", ".join(_TRIPLES)
        raise UserError(
            f"target must be one of {known}, got {triple!r}", node="--target", hint="try host"
        )
    if cpu == "native":
        import llvmlite.binding as llvm

        name, base = llvm.get_host_cpu_name(), _host_features()
    else:
        name = _SHORT.get(cpu, cpu)
        base = _features_of(name)
    extra = _feature_names(features)
    for f in extra:
        if f not in FEATURES:
            known = ", ".join(FEATURES)
            raise UserError(f"features must be of {known}, got {f!r}", node="--features")
    removed = {f.strip()[1:] for f in features.split(",") if f.strip().startswith("-")}
    on = tuple(sorted({*base, *extra} - removed))
    return _target(name, on)


def _target(cpu: str, features: tuple[str, ...]) -> Target:
    wide = "avx512f" in features
    vector_bytes = 64 if wide else 32 if "avx" in features else 16
    caches = next((c for p, c in _CACHES.items() if cpu.startswith(p)), _CACHES["default"])
    registers = 32 if wide else 16
    costs = next((c for p, c in _COSTS.items() if cpu.startswith(p)), Costs())
    return Target(TRIPLE, cpu, features, vector_bytes, registers, *caches, costs)


@lru_cache(maxsize=1)
def host() -> Target:
    """This machine."""
    return find()
