"""Libraries for other machines, run here by qemu's user mode: many cases in one process."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from tyc.compiler import cache
from tyc.compiler.codegen.zig import zig
from tyc.compiler.targets import Target, families
from tyc.runtime import abi, native

RUNNER = Path(__file__).resolve().parents[1] / "emulation" / "runner.c"


@dataclass(frozen=True)
class Machine:
    """A platform's emulator, and the folder that has the system's libraries for it."""

    emulator: str
    sysroot: str

    def missing(self) -> str | None:
        """Why the machine cannot be emulated here, or nothing."""
        if shutil.which(self.emulator) is None:
            return f"{self.emulator} is not here: apt-get install qemu-user"
        if not Path(self.sysroot, "lib/libc.so.6").exists():
            return f"{self.sysroot} has no C library: apt-get install libc6-*-cross"
        return None


MACHINES = {
    "aarch64-linux-gnu": Machine("qemu-aarch64", "/usr/aarch64-linux-gnu"),
    "armv7a-linux-gnueabihf": Machine("qemu-arm", "/usr/arm-linux-gnueabihf"),
}
"""The platforms that tests can run, by name."""


@dataclass
class Case:
    """A call of a model (`count` is the number of threads, 0 for no executor), or a kernel's task
    of `count` items that is run in `pieces`."""

    library: Path
    name: str
    inputs: Sequence[np.ndarray]
    outputs: Sequence[tuple[tuple[int, ...], np.dtype]]
    count: int = 0
    pieces: int = 0
    results: list[np.ndarray] = field(default_factory=list)
    message: str = "was not run"


@lru_cache(maxsize=4)
def runner(platform: str) -> Path:
    """The program that runs cases, compiled once."""
    target = families()[platform].platform.c_target
    digest = hashlib.sha256(RUNNER.read_bytes() + native.public_header().encode()).hexdigest()[:16]
    path = cache.folder("runners") / f"runner-{platform}-{digest}"
    if not path.exists():
        made = path.with_suffix(".new")
        command = [zig(), "cc", "-target", target, "-std=c11", "-O1", "-Wall", "-Werror",
                   f"-I{native.folder()}", str(RUNNER), "-o", str(made)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        made.replace(path)
    return path


def run(
    target: Target, cases: Sequence[Case], folder: Path, timeout: float = 600, cpu: str = "max"
) -> str:
    """Runs all cases in one process and fills in their results; what it says on standard error.

    The cases after one that crashes keep the message that they were not run.
    """
    machine = MACHINES[target.platform.name]
    lines, opened = [], None
    for number, case in enumerate(cases):
        if case.library != opened:
            lines.append(f"open {case.library}")
            opened = case.library
        lines += _lines(case, folder, number)
    script = folder / "cases.txt"
    script.write_text("\n".join(lines) + "\n")
    command = [machine.emulator, "-cpu", cpu, "-L", machine.sysroot,
               str(runner(target.platform.name)), str(script)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    for number, (case, message) in enumerate(zip(cases, done.stdout.splitlines())):
        case.message = message
        if message == "ok":
            case.results = _results(case, folder, number)
    return done.stderr + (f"exit code {done.returncode}" if done.returncode else "")


def _lines(case: Case, folder: Path, number: int) -> list[str]:
    head = f"{case.name} {case.count}"
    head = f"task {head} {case.pieces}" if case.pieces else f"call {head}"
    lines = [f"{head} {len(case.inputs)} {len(case.outputs)}"]
    for i, given in enumerate(case.inputs):
        array = np.asarray(given, order="C")
        path = folder / f"{number}.in{i}"
        path.write_bytes(array.tobytes())
        lines.append(_tensor(path, array.shape, array.dtype))
    for i, (shape, dtype) in enumerate(case.outputs):
        lines.append(_tensor(folder / f"{number}.out{i}", shape, dtype))
    return lines


def _tensor(path: Path, shape: Sequence[int], dtype: np.dtype) -> str:
    code = abi.DTYPE_CODES[abi.dtype_name(dtype) or "u8"]
    nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    return " ".join(map(str, [code, path, nbytes, len(shape), *shape]))


def _results(case: Case, folder: Path, number: int) -> list[np.ndarray]:
    results = []
    for i, (shape, dtype) in enumerate(case.outputs):
        data = (folder / f"{number}.out{i}").read_bytes()
        results.append(np.frombuffer(data, dtype).reshape(shape))
    return results
