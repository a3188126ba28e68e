"""What all tests share: one cache of compiled kernels, quick hypothesis runs, hardware markers.

`@pytest.mark.target("avx512f")` skips a test on a CPU without that feature,
`@pytest.mark.target("sm_90")` on a machine without such a GPU.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

# Kernels are cached by content, so the cache may outlive a run and make the second one quick.
# In the environment, so that the commands that tests start use it too.
os.environ.setdefault("TYC_CACHE_DIR", str(ROOT / "build" / "test-cache"))

hypothesis.settings.register_profile("default", deadline=None, max_examples=25)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=10, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def cache_dir() -> Path:
    """The folder in which compiled kernels are kept, shared by all tests and runs."""
    path = Path(os.environ["TYC_CACHE_DIR"])
    path.mkdir(parents=True, exist_ok=True)
    return path


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose hardware is not here."""
    for marker in item.iter_markers("target"):
        for name in marker.args:
            if name not in _targets():
                pytest.skip(f"needs {name}, which this machine has not")


@cache
def _targets() -> frozenset[str]:
    return _cpu_features() | _gpu_targets()


def _cpu_features() -> frozenset[str]:
    """Flags (x86) or Features (ARM) of the first CPU, as Linux spells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    rows = (line.split(":", 1) for line in lines if line.startswith(("flags", "Features")))
    return frozenset(next(rows, ["", ""])[1].split())


def _gpu_targets() -> frozenset[str]:
    """`sm_XY` of the first GPU that the CUDA driver shows, if there is one."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return frozenset()
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(device), 0):
        return frozenset()
    # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
    cuda.cuDeviceGetAttribute(ctypes.byref(major), 75, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
    return frozenset({"cuda", f"sm_{major.value}{minor.value}"})
