"""The machines that qemu emulates here; tests of the others are skipped, saying what is missing."""

from __future__ import annotations

import emulator
import pytest

from tyc.compiler.targets import Target, find


@pytest.fixture(scope="session", params=sorted(emulator.MACHINES))
def target(request: pytest.FixtureRequest) -> Target:
    """The default CPU of each platform that can be emulated."""
    if reason := emulator.MACHINES[request.param].missing():
        pytest.skip(reason)
    return find(request.param)
