"""Targets as data: triple, CPU, features, registers and caches.

`find("x86_64-linux-gnu", cpu="znver3")` and `host()` give a `Target`, `find_all` several; a
family of CPUs is one file.
"""

from tyc.compiler.targets.target import Target
from tyc.compiler.targets.x86_64 import find, find_all, host

__all__ = ["Target", "find", "find_all", "host"]
