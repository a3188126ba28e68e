"""AArch64 (ARMv8-A and later, 64 bits, little-endian) on Linux.

Caches and speeds are those of Arm's technical reference manuals and software optimisation guides
for each core, with the smallest second-level cache that is usual; `apple-m1` is Apple's big core as
public measurements have it, running Linux.
"""

from __future__ import annotations

from dataclasses import replace

from tyc.compiler.targets.target import Costs, Cpu, Family, Platform, Vectors

_HALF = ("dotprod", "fullfp16")
_NEWER = (*_HALF, "bf16", "fp16fml", "i8mm")
_KB, _MB = 1 << 10, 1 << 20

# Cores that decode three or four instructions in a cycle; those in order start one multiply-add of
# 16 bytes, and one load.
_SLOW, _THREE = {"loads_per_cycle": 1.0, "issue_per_cycle": 3.0}, {"issue_per_cycle": 3.0}
_FOUR = {"issue_per_cycle": 4.0}
_SPEEDS = {
    "generic": Costs(2.0, 2.0, 4.0, 32.0, 16.0, 8.0, 3.0, **_THREE),
    "cortex-a53": Costs(1.5, 1.0, 4.0, 8.0, 6.0, 3.0, 2.0, **_SLOW),
    "cortex-a55": Costs(1.8, 1.0, 4.0, 8.0, 8.0, 4.0, 2.0, **_SLOW),
    "cortex-a72": Costs(1.8, 2.0, 7.0, 16.0, 12.0, 6.0, 2.5, **_THREE),
    "cortex-a76": Costs(2.4, 2.0, 4.0, 32.0, 24.0, 12.0, 4.0, **_FOUR),
    "cortex-x1": Costs(2.8, 4.0, 4.0, 48.0, 32.0, 14.0, 6.0),
    "neoverse-n1": Costs(2.6, 2.0, 4.0, 32.0, 24.0, 10.0, 5.0, **_THREE),
    "neoverse-v1": Costs(2.6, 4.0, 4.0, 48.0, 32.0, 12.0, 6.0),
    "apple-m1": Costs(3.2, 4.0, 4.0, 48.0, 32.0, 20.0, 10.0),
}

CPUS = {
    "generic": Cpu((), 32 * _KB, 256 * _KB, _MB, _SPEEDS["generic"]),
    "cortex-a53": Cpu((), 32 * _KB, 256 * _KB, _MB, _SPEEDS["cortex-a53"]),
    "cortex-a55": Cpu(_HALF, 32 * _KB, 128 * _KB, _MB, _SPEEDS["cortex-a55"]),
    "cortex-a72": Cpu((), 32 * _KB, 512 * _KB, _MB, _SPEEDS["cortex-a72"]),
    "cortex-a76": Cpu(_HALF, 64 * _KB, 256 * _KB, _MB, _SPEEDS["cortex-a76"]),
    "cortex-x1": Cpu(_HALF, 64 * _KB, _MB, 2 * _MB, _SPEEDS["cortex-x1"]),
    "neoverse-n1": Cpu(_HALF, 64 * _KB, _MB, _MB, _SPEEDS["neoverse-n1"]),
    "neoverse-v1": Cpu((*_NEWER, "sve"), 64 * _KB, _MB, _MB, _SPEEDS["neoverse-v1"]),
    "apple-m1": Cpu((*_HALF, "fp16fml"), 128 * _KB, 3 * _MB, 2 * _MB, _SPEEDS["apple-m1"]),
}
"""The cores by LLVM's names."""

PLATFORM = Platform(
    "aarch64-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu.2.17",
    "elf64-littleaarch64", "aarch64",
    # Else atomics become calls into a library that nothing links.
    c_flags=("-mno-outline-atomics",),
    # What kernels could do with these is little, and each would have to be asked for.
    unused=("sha3", "complxnum", "flagm", "altnzcv", "fptoint", "rand", "jsconv"),
)  # fmt: skip

FAMILY = Family(
    PLATFORM,
    CPUS,
    features=("bf16", "dotprod", "fp16fml", "fullfp16", "i8mm", "sve"),
    vectors=(Vectors("", 16, 32),),
    by_element=True,
    aliases=("aarch64-unknown-linux-gnu", "aarch64"),
)
"""AArch64 on Linux with glibc."""


def on(platform: Platform) -> Family:
    """The same CPUs on another operating system."""
    return replace(FAMILY, platform=platform, aliases=(platform.triple,))
