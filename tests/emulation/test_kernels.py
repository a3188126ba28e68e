"""Kernels for other machines compute, under emulation, what the reference says.

The first example of each op here, on 32 bits of every third; `TYC_EMULATE=all` takes all examples
(some minutes a machine).
"""

from __future__ import annotations

import os
from pathlib import Path

import cross_kernels

from tyc.compiler.targets import Target

EXCEPTIONS = {
    "aarch64-linux-gnu": set(),
    # The logarithm of a subnormal number: NEON's vectors of 32-bit Arm flush it to zero.
    "armv7a-linux-gnueabihf": {"log-5"},
}


def test_kernels_compute_the_reference(target: Target, tmp_path: Path) -> None:
    every = os.environ.get("TYC_EMULATE") == "all"
    examined = list(cross_kernels.examples(None if every else 1))
    assert len(examined) > 140
    exceptions = EXCEPTIONS[target.platform.name]
    step = 3 if target.pointer_bits == 32 and not every else 1
    failures = cross_kernels.failures(target, examined[::step], tmp_path)
    assert set(failures) == (exceptions if every else set()), failures
