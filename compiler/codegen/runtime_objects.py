"""The C runtime as objects, compiled by `zig cc` once for a target and then cached."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from tyc.compiler import cache
from tyc.compiler.codegen.zig import zig
from tyc.runtime import native
from tyc.runtime.errors import InternalError

FLAGS = (
    *native.CFLAGS, "-Werror", "-g0", "-ffunction-sections", "-fno-sanitize=undefined",
    "-fno-stack-protector",
)  # fmt: skip
ZIG_TARGET = {"x86_64-unknown-linux-gnu": "x86_64-linux-gnu.2.17"}


@lru_cache(maxsize=4)
def runtime_objects(triple: str) -> list[bytes]:
    """The runtime's objects for a target; raises `InternalError` with the C compiler's words."""
    digest = hashlib.sha256(" ".join([triple, *FLAGS]).encode())
    for path in sorted(native.folder().glob("*.[ch]")):
        digest.update(path.name.encode() + path.read_bytes())
    return [_object(path, triple, digest.hexdigest()[:24]) for path in native.sources()]


def _object(source: Path, triple: str, digest: str) -> bytes:
    name = f"{source.stem}-{digest}.o"
    found = cache.read("runtime", name)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.o"
        command = [zig(), "cc", "-target", ZIG_TARGET[triple], *FLAGS]
        done = subprocess.run(
            [*command, "-c", source.name, "-o", str(output)],
            cwd=source.parent, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise InternalError(f"the C runtime did not compile: {done.stderr.strip()[:2000]}")
        data = output.read_bytes()
    cache.write("runtime", name, data)
    return data
