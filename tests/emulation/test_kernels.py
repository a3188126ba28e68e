"""Kernels for other machines compute, under emulation, what the reference says.

The first example of each op here; `TYC_EMULATE=all` takes all examples (ten minutes a machine).
"""

from __future__ import annotations

import os
from pathlib import Path

import cross_kernels

from tyc.compiler.targets import Target


def test_kernels_compute_the_reference(target: Target, tmp_path: Path) -> None:
    most = None if os.environ.get("TYC_EMULATE") == "all" else 1
    examined = list(cross_kernels.examples(most))
    assert len(examined) > 140
    assert cross_kernels.failures(target, examined, tmp_path) == {}
