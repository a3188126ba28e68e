"""Objects become a shared library: lld, driven in a process of its own."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tyc.compiler.codegen.zig import zig
from tyc.compiler.targets import host
from tyc.compiler.targets.target import Platform
from tyc.runtime.errors import InternalError


def link_shared(
    objects: Sequence[bytes | Path],
    output: Path,
    exports: Sequence[str],
    strip: bool = False,
    platform: Platform | None = None,
) -> None:
    """Writes the shared library `output` in which only `exports` are visible; with `strip` it says
    nothing else of what is in it.

    It names the system libraries of `platform` (default: this machine's) that it needs; nothing is
    looked up on this machine, so that the bytes depend on the inputs alone. Raises `InternalError`
    with the linker's words.
    """
    platform = platform or host().platform
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        paths = _paths(objects, base)
        script = base / "exports.map"
        script.write_text("{ global: " + " ".join(f"{e};" for e in exports) + " local: *; };\n")
        stubs = [str(system_stub(name, platform)) for name in (platform.libm, platform.libc)]
        _lld(
            ["-shared", "--version-script", str(script), "--gc-sections", "--build-id=none",
             "-z", "noexecstack", "-z", "now", "--hash-style=gnu", "-O1", "--icf=all",
             *(["--strip-all"] if strip else []),
             "-soname", output.name, "-o", str(output), *paths, "--as-needed", *stubs]
        )  # fmt: skip


def link_version(objects: Sequence[bytes | Path], symbol: str, folder: Path) -> Path:
    """Objects as one in which only `symbol` can be seen: what is in it may have the names of what
    stands in other versions."""
    joined, output = folder / f"{symbol}.joined.o", folder / f"{symbol}.o"
    _lld(["-r", "-o", str(joined), *_paths(objects, folder, f"{symbol}.")])
    spec = importlib.util.find_spec("llvm")
    assert spec is not None and spec.submodule_search_locations
    objcopy = Path(spec.submodule_search_locations[0]) / "bin" / "llvm-objcopy"
    command = [str(objcopy), f"--keep-global-symbol={symbol}", str(joined), str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InternalError(f"a version did not become an object: {done.stderr.strip()[:500]}")
    return output


def _paths(objects: Sequence[bytes | Path], folder: Path, prefix: str = "") -> list[str]:
    """The objects as files."""
    paths = []
    for i, o in enumerate(objects):
        path = o if isinstance(o, Path) else folder / f"{prefix}{i}.o"
        if not isinstance(o, Path):
            path.write_bytes(o)
        paths.append(str(path))
    return paths


def _lld(arguments: list[str]) -> None:
    done = subprocess.run([zig(), "ld.lld", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise InternalError(f"the linker failed: {done.stderr.strip()[:2000]}")


# The symbols that kernels and the runtime may need; a stub library that defines them gives the
# output its DT_NEEDED entry without a copy of the system's library.
_SYMBOLS = {
    "libm": (
        "acos acosf acosh acoshf asin asinf asinh asinhf atan atan2 atan2f atanf atanh atanhf cbrt "
        "cbrtf ceil ceilf cos cosf cosh coshf erf erff erfc erfcf exp exp2 exp2f expf expm1 expm1f "
        "floor floorf fma fmaf fmod fmodf log log10 log10f log1p log1pf log2 log2f logf pow powf "
        "rint rintf round roundf roundeven roundevenf sin sinf sinh sinhf sqrt sqrtf tan tanf tanh "
        "tanhf trunc truncf"
    ),
    "libc": (
        "memcpy memset memmove __aeabi_memcpy __aeabi_memcpy4 __aeabi_memcpy8 __aeabi_memset "
        "__aeabi_memset4 __aeabi_memset8 __aeabi_memclr __aeabi_memclr4 __aeabi_memclr8 "
        "__aeabi_memmove __aeabi_memmove4 __aeabi_memmove8"
    ),
}


@lru_cache(maxsize=8)
def system_stub(soname: str, platform: Platform) -> Path:
    """A library with the soname and the symbols of a system library, and no code."""
    from tyc.compiler.cache import folder

    symbols = _SYMBOLS[soname.split(".")[0]]
    digest = hashlib.sha256(symbols.encode()).hexdigest()[:8]
    path = folder(f"stubs/{platform.name}-{digest}") / soname
    if not path.exists():
        from tyc.compiler.codegen.native import compile_llvm_ir
        from tyc.compiler.targets import families

        lines = [f"define void @{s}() {{ ret void }}" for s in symbols.split()]
        family = families()[platform.name]
        target = family.find(family.default)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            code = Path(scratch) / "stub.o"
            code.write_bytes(compile_llvm_ir("\n".join(lines), target, 0))
            made = Path(scratch) / soname
            _lld(["-shared", "-soname", soname, "--build-id=none", "-o", str(made), str(code)])
            made.replace(path)
    return path
