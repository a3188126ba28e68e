"""The C runtime as objects, compiled by `zig cc` once for a target and then cached."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from tyc.compiler import cache
from tyc.compiler.codegen.zig import zig
from tyc.compiler.targets.target import Platform
from tyc.runtime import native
from tyc.runtime.errors import InternalError

FLAGS = (
    *native.CFLAGS, "-Werror", "-g0", "-ffunction-sections", "-fno-sanitize=undefined",
    "-fno-stack-protector",
)  # fmt: skip


@lru_cache(maxsize=8)
def runtime_objects(platform: Platform) -> list[bytes]:
    """The runtime's objects for a platform, and what LLVM calls there (`helper_objects`).

    Raises `InternalError` with the C compiler's words.
    """
    command = ["cc", "-target", platform.c_target, *FLAGS, *platform.c_flags, "-c"]
    digest = hashlib.sha256(" ".join(command).encode())
    for path in sorted(native.folder().glob("*.[ch]")):
        digest.update(path.name.encode() + path.read_bytes())
    made = [_object(path, command, digest.hexdigest()[:24]) for path in native.sources()]
    return made + helper_objects(platform)


@lru_cache(maxsize=8)
def helper_objects(platform: Platform) -> list[bytes]:
    """Zig's compiler-rt where a platform's CPUs need it: an object with a section for each
    function, from which the linker takes those that are called.

    Raises `InternalError` with the compiler's words.
    """
    if not platform.helpers:
        return []
    command = ["build-obj", "-target", platform.c_target, *platform.helpers, "-OReleaseSmall",
               "-fPIC", "-ffunction-sections", "-fstrip"]  # fmt: skip
    digest = hashlib.sha256(" ".join([*command, version("ziglang")]).encode())
    source = Path(zig()).parent / "lib" / "compiler_rt.zig"
    return [_object(source, command, digest.hexdigest()[:24])]


def _object(source: Path, command: Sequence[str], digest: str) -> bytes:
    name = f"{source.stem}-{digest}.o"
    found = cache.read("runtime", name)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.o"
        place = f"-femit-bin={output}" if source.suffix == ".zig" else f"-o{output}"
        done = subprocess.run(
            [zig(), *command, source.name, place],
            cwd=source.parent, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise InternalError(f"the C runtime did not compile: {done.stderr.strip()[:2000]}")
        data = output.read_bytes()
    cache.write("runtime", name, data)
    return data
