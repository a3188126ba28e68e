"""ARMv7-A with NEON (32 bits, little-endian, floats in registers) on Linux.

`generic` is what Cortex-A7 and all later ones have: VFPv4's multiply-add, f16 conversions, integer
division. `neon` is Cortex-A8 and A9: products and sums are rounded each. Vectors of f32 flush
subnormal numbers to zero, as NEON does. Caches and speeds as in `aarch64_linux_gnu.py`.
"""

from __future__ import annotations

from tyc.compiler.targets.target import Costs, Cpu, Family, Platform, Vectors

_NEON = ("neon",)
_VFP4 = ("hwdiv", "hwdiv-arm", "neon", "vfp4")
_KB, _MB = 1 << 10, 1 << 20

# Bytes and multiply-adds per cycle count vectors of 16 bytes: cores of 8 do one in two cycles.
_CPUS = {
    "generic": Cpu(_VFP4, 32 * _KB, 256 * _KB, _MB, Costs(1.4, 1.0, 8.0, 16.0, 8.0, 4.0, 2.0)),
    "neon": Cpu(_NEON, 32 * _KB, 256 * _KB, _MB, Costs(1.0, 0.5, 8.0, 8.0, 6.0, 3.0, 1.5)),
    "cortex-a7": Cpu(_VFP4, 32 * _KB, 256 * _KB, _MB, Costs(1.2, 0.25, 8.0, 8.0, 6.0, 3.0, 1.5)),
    "cortex-a9": Cpu(
        _NEON, 32 * _KB, 256 * _KB, _MB, Costs(1.0, 0.5, 8.0, 8.0, 6.0, 3.0, 1.5)
    ),
    "cortex-a15": Cpu(_VFP4, 32 * _KB, 512 * _KB, _MB, Costs(1.6, 1.0, 8.0, 16.0, 10.0, 5.0, 2.5)),
    "cortex-a53": Cpu(_VFP4, 32 * _KB, 256 * _KB, _MB, Costs(1.5, 1.0, 4.0, 8.0, 6.0, 3.0, 2.0)),
    "cortex-a72": Cpu(_VFP4, 32 * _KB, 512 * _KB, _MB, Costs(1.8, 2.0, 7.0, 16.0, 12.0, 6.0, 2.5)),
}  # fmt: skip

FAMILY = Family(
    Platform(
        "armv7a-linux-gnueabihf", "armv7a-unknown-linux-gnueabihf", "arm-linux-gnueabihf.2.17",
        "elf32-littlearm", "armv7l", pointer_bytes=4, helpers=("-mcpu=generic+v7a+neon",),
    ),
    _CPUS,
    features=_VFP4,
    vectors=(Vectors("", 16, 16),),
    fused="vfp4",
    by_element=True,
    aliases=("armv7a-unknown-linux-gnueabihf", "armv7l", "armv7a"),
)  # fmt: skip
"""ARMv7-A on Linux with glibc, hard-float."""
