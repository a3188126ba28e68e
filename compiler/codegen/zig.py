"""Where the C compiler and the linker are: the `zig` binary of the ziglang wheel."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def zig() -> str:
    """The path of `zig`, run as it is: starting a Python for it costs more than the link."""
    import ziglang

    return str(Path(next(iter(ziglang.__path__))) / "zig")
