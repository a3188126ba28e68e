"""Workspaces: alignment, guard pages, and how much of one was touched."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys

import numpy as np
import pytest

from tyc.runtime import UserError
from tyc.runtime.memory import GuardedWorkspace, Workspace, aligned_empty


@pytest.mark.parametrize("nbytes", [0, 1, 63, 64, 65, 4096, 10_000])
def test_workspaces_are_aligned(nbytes):
    assert aligned_empty(nbytes + 1).ctypes.data % 64 == 0
    assert aligned_empty(nbytes).size == nbytes
    assert Workspace(nbytes).address % 64 == 0
    assert GuardedWorkspace(nbytes).address % 64 == 0


def test_touched_bytes_are_counted_to_the_byte():
    workspace = GuardedWorkspace(5000)
    assert workspace.touched_bytes() == 0 and not workspace.touched_outside()
    ctypes.memset(workspace.address + 4000, 1, 321)
    assert workspace.touched_bytes() == 4321 and not workspace.touched_outside()
    workspace.poison()
    assert workspace.touched_bytes() == 0
    ctypes.memset(workspace.address - 1, 1, 1)
    assert workspace.touched_outside()
    workspace.poison()
    ctypes.memset(workspace.address + 5000, 1, 1)
    assert workspace.touched_outside()


@pytest.mark.parametrize("offset", ["64", "-4096"])
def test_guard_pages_stop_the_process(offset):
    program = (
        "import ctypes\n"
        "from tyc.runtime.memory import GuardedWorkspace\n"
        f"ctypes.memset(GuardedWorkspace(64).address + {offset}, 1, 1)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert result.returncode == -signal.SIGSEGV


def test_planned_memory_is_touched_memory(module):
    workspace = GuardedWorkspace(module.workspace_bytes)
    module.use_workspace(workspace)
    x = np.ones((10, 100), np.float32)
    np.testing.assert_array_equal(module(x, 1).y, 3 * x)
    assert workspace.touched_bytes() == module.workspace_bytes
    assert not workspace.touched_outside()


def test_workspace_must_be_large_enough(module):
    workspace = Workspace(3999)
    with pytest.raises(UserError) as caught:
        module.use_workspace(workspace)
    assert str(caught.value) == (
        "fake: workspace must be 4000 bytes or more and 64-byte aligned, got 3999 bytes at "
        f"{workspace.address:#x}; make one: tyc.runtime.memory.Workspace(module.workspace_bytes)"
    )
