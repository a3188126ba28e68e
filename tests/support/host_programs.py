"""C programs that run libraries, and libraries whose kernels and runtime a sanitizer watches."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from artifact_models import Built, model_parts

from tyc.compiler import artifact
from tyc.compiler.codegen import native as codegen
from tyc.compiler.kernels import schedule_text
from tyc.compiler.options import Options
from tyc.compiler.targets import Target
from tyc.runtime import native

DRIVER = Path(__file__).resolve().parents[1] / "artifact" / "driver.c"


# LLVM calls these; gcc's runtime watches the functions of libc instead.
_SHIM = """
#include <string.h>
void *__tsan_memset(void *to, int value, size_t n) { return memset(to, value, n); }
void *__tsan_memcpy(void *to, const void *from, size_t n) { return memcpy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }
"""


@dataclass(frozen=True)
class Sanitizer:
    """gcc's flags, and LLVM's attribute and passes for the kernels."""

    flags: tuple[str, ...]
    attribute: str
    passes: str


SANITIZERS = {
    "thread": Sanitizer(("-fsanitize=thread",), "sanitize_thread", "tsan-module,function(tsan)"),
    "address-undefined": Sanitizer(
        ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"), "sanitize_address", "asan"
    ),
}


def cc(arguments: Sequence[object], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs the C compiler with the runtime's flags and headers."""
    command = ["cc", *native.CFLAGS, f"-I{native.folder()}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done


def has_runtime(sanitizer: Sanitizer, folder: Path) -> bool:
    """Whether programs of that sanitizer can be linked here."""
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    arguments = [folder / "empty.c", "-o", folder / "empty", *sanitizer.flags]
    return cc(arguments, check=False).returncode == 0


def run_driver(
    built: Sequence[Built], folder: Path, flags: Sequence[str] = (), rounds: int = 20
) -> subprocess.CompletedProcess[str]:
    """What the driver says of libraries whose first results stand in `wanted`."""
    rows = []
    for b in built:
        inputs = folder / f"{b.name}.inputs"
        inputs.write_bytes(b"".join(a.tobytes() for a in b.inputs))
        outputs = folder / f"{b.name}.outputs"
        weights = b.path.with_suffix(".safetensors")
        sides = [", ".join(str(a.nbytes) for a in side) for side in (b.inputs, b.wanted)]
        texts = [b.path, b.name, inputs, outputs if outputs.exists() else None,
                 weights if weights.exists() else None]  # fmt: skip
        words = ", ".join("NULL" if t is None else json.dumps(str(t)) for t in texts)
        rows.append(
            f"{{{words}, {len(b.inputs)}, {len(b.wanted)}, {{{sides[0]}}}, {{{sides[1]}}}}}"
        )
    text = f"static const struct spec specs[] = {{{', '.join(rows)}}};\n"
    (folder / "spec.h").write_text(f"{text}#define ROUNDS {rounds}\n")
    program = folder / "driver"
    cc(["-g", f"-I{folder}", *flags, DRIVER, "-o", program, "-lpthread", "-ldl"])
    return subprocess.run([program], capture_output=True, text=True, timeout=200)


def sanitized(name: str, folder: Path, target: Target, sanitizer: Sanitizer) -> Path:
    """A model's library in which a sanitizer sees every access of kernels and runtime."""

    def link(parts: artifact.Parts, texts: list[tuple[str, str]]) -> Path:
        kernels = {
            n: replace(parts.kernels[n], code=_instrumented(text, target, sanitizer, folder))
            for n, text in texts
        }
        paths = []
        for i, made in enumerate(artifact.objects(replace(parts, kernels=kernels), folder)):
            paths.append(made if isinstance(made, Path) else folder / f"{name}{i}.o")
            if not isinstance(made, Path):
                paths[-1].write_bytes(made)
        library, shim = folder / f"lib{name}.so", folder / "shim.c"
        shim.write_text(_SHIM)
        sources = [shim, *native.sources(), *paths]
        cc(["-g", *sanitizer.flags, "-shared", *sources, "-o", library, "-lm"])
        return library

    return model_parts(name, target, link)


def _instrumented(text: str, target: Target, sanitizer: Sanitizer, folder: Path) -> bytes:
    scheduled = schedule_text(text, target, Options())
    source, changed, made = (folder / f"kernel{s}" for s in (".ll", "2.ll", ".o"))
    source.write_text(f'target triple = "{target.triple}"\n{codegen.to_llvm_ir(scheduled)}')
    _llvm("opt", "-S", f"-force-attribute={sanitizer.attribute}",
          f"-passes=forceattrs,default<O1>,{sanitizer.passes}", source, "-o", changed)  # fmt: skip
    _llvm("llc", "-O1", "-relocation-model=pic", "-filetype=obj", f"-mcpu={target.cpu}",
          f"-mattr={target.feature_string}", changed, "-o", made)  # fmt: skip
    return made.read_bytes()


def _llvm(tool: str, *arguments: object) -> None:
    spec = importlib.util.find_spec("llvm")
    assert spec is not None and spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "bin" / tool
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
