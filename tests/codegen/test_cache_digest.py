"""The kernel cache's digest covers every module that compiling a kernel loads."""

from __future__ import annotations

import subprocess
import sys

from tyc.compiler.cache import decides_kernels

COMPILE = """
import sys
from tyc.compiler.kernels import KernelSource, compile_kernel
from tyc.compiler.options import Options
from tyc.compiler.targets import host

TEXT = '''module { func.func @k(%a: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = "ty.softmax"(%a) {axis = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32> } }'''
compile_kernel(KernelSource("k", TEXT), host(), Options())
for name in sorted(sys.modules):
    if name.startswith("tyc.compiler."):
        print(sys.modules[name].__file__)
"""


def test_every_module_that_compiling_a_kernel_loads_is_in_the_digest() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], capture_output=True, text=True, check=True
    )
    files = [line.split("/compiler/", 1)[1] for line in done.stdout.splitlines()]
    assert len(files) > 20
    assert [f for f in files if not decides_kernels(f)] == []


def test_planning_does_not_empty_the_cache() -> None:
    assert not decides_kernels("planning/memory.py")
    assert not decides_kernels("transforms/fuse.py")
    assert decides_kernels("transforms/expand_composites.py")
    assert decides_kernels("schedules/loops.py")
