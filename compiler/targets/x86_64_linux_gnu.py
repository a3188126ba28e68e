"""x86-64 on Linux."""

from __future__ import annotations

from tyc.compiler.targets.target import Costs, Cpu, Family, Platform, Vectors

_V2 = ("popcnt", "sse4.2")
_V3 = (*_V2, "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
_VNNI = (*_V4, "avx512vnni")
_AMX = (*_V4, "avx512vnni", "avx512bf16", "avxvnni")

_ZEN = 32 << 10, 512 << 10, 4 << 20
_CORE = 32 << 10, 512 << 10, 2 << 20
# The broadcast of 64 bytes may take a multiplier's turn.
_WIDE = {"broadcast_cycles": 0.1}

# Clocks are what all cores keep up; bytes per cycle are of one core alone, as vendors' manuals and
# measured triads say.
_CPUS = {
    "x86-64": Cpu(),
    "x86-64-v2": Cpu(_V2),
    "x86-64-v3": Cpu(_V3),
    "x86-64-v4": Cpu(_V4, costs=Costs(**_WIDE)),
    "haswell": Cpu(_V3, *_CORE, Costs(3.0, 2.0, 5.0, 64.0, 28.0, 10.0, 4.0)),
    "broadwell": Cpu(_V3, *_CORE, Costs(3.0, 2.0, 5.0, 64.0, 28.0, 10.0, 4.0)),
    "skylake": Cpu(_V3, *_CORE, Costs(3.5, 2.0, 4.0, 64.0, 32.0, 10.0, 5.0)),
    "znver1": Cpu(_V3, *_ZEN, Costs(3.0, 1.0, 5.0, 32.0, 32.0, 12.0, 5.0)),
    "znver2": Cpu(_V3, *_ZEN, Costs(3.2, 2.0, 5.0, 64.0, 32.0, 14.0, 5.0)),
    "znver3": Cpu(_V3, *_ZEN, Costs(3.0, 2.0, 4.0, 64.0, 32.0, 14.0, 5.0)),
    "alderlake": Cpu(
        (*_V3, "avxvnni"), *_CORE, Costs(4.0, 2.0, 4.0, 96.0, 48.0, 12.0, 6.0)
    ),
    "skylake-avx512": Cpu(_V4, *_CORE, Costs(2.6, 2.0, 4.0, 128.0, 40.0, 8.0, 4.0, **_WIDE)),
    "cascadelake": Cpu(_VNNI, *_CORE, Costs(2.8, 2.0, 4.0, 128.0, 40.0, 8.0, 4.0, **_WIDE)),
    "icelake-server": Cpu(_VNNI, *_CORE, Costs(2.8, 2.0, 4.0, 128.0, 48.0, 8.0, 4.0, **_WIDE)),
    "znver4": Cpu(
        (*_VNNI, "avx512bf16"), *_ZEN, Costs(3.7, 1.0, 4.0, 64.0, 32.0, 14.0, 6.0, **_WIDE)
    ),
    "znver5": Cpu(_AMX, *_ZEN, Costs(4.0, 2.0, 4.0, 128.0, 64.0, 16.0, 7.0, **_WIDE)),
    "sapphirerapids": Cpu(_AMX, *_CORE, Costs(2.8, 2.0, 4.0, 128.0, 48.0, 8.0, 4.0, **_WIDE)),
}  # fmt: skip

FAMILY = Family(
    Platform(
        "x86_64-linux-gnu", "x86_64-unknown-linux-gnu", "x86_64-linux-gnu.2.17", "elf64-x86-64",
        "x86_64",
    ),
    _CPUS,
    features=(*_V4, "avx512vnni", "avx512bf16", "avxvnni"),
    vectors=(Vectors("avx512f", 64, 32), Vectors("avx", 32, 16), Vectors("", 16, 16)),
    default="x86-64-v2",
    fused="fma",
    aliases=("x86_64-unknown-linux-gnu", "x86_64"),
    # The levels that every CPU since 2009, 2013 and 2017, or so, has.
    short={"baseline": "x86-64-v2", "avx2": "x86-64-v3", "avx512": "x86-64-v4"},
)  # fmt: skip
"""x86-64 on Linux with glibc."""
