"""Objects as assembly, their innermost loops, and what llvm-mca says of those."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path


def disassembly(code: bytes) -> str:
    """The assembly of an object, with labels."""
    tool = Path(_tools(), "llvm-objdump")
    return subprocess.run(
        [tool, "-d", "--no-show-raw-insn", "--no-leading-addr", "--symbolize-operands", "-"],
        input=code, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip


def _tools() -> Path:
    spec = importlib.util.find_spec("llvm")
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "bin"


def inner_loops(text: str, mnemonic: str = "vfmadd") -> list[list[str]]:
    """Blocks that branch back to their own label and have the instruction."""
    found: list[list[str]] = []
    label, block = "", []
    for line in text.splitlines():
        start = re.match(r"<(L\d+)>:", line)
        if start:
            label, block = start[1], []
            continue
        block.append(line.strip())
        if re.match(rf"(j|b\.|cbn?z|tbn?z)\w*\s+.*<{label}>$", line.strip()):
            found.append(block)
            block = []
    return [b for b in found if any(mnemonic in i for i in b)]


def share_of_limit(
    block: list[str], cpu: str, per_cycle: float, mnemonic: str = "vfmadd", triple: str = "x86_64"
) -> float:
    """A block's instructions of a kind over those that could start in its cycles, by llvm-mca."""
    code = [re.sub(r"<L\d+>|0x[0-9a-f]+ <L\d+>", "top", i) for i in block]
    code = [re.sub(r"^(j\w+).*", r"\1 top", i) for i in code]
    made = subprocess.run(
        [_tools() / "llvm-mca", f"-mtriple={triple}", f"-mcpu={cpu}", "-iterations=200"],
        input="top:\n" + "\n".join(code) + "\n", capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    cycles = re.search(r"Total Cycles:\s+(\d+)", made)
    assert cycles is not None
    return sum(mnemonic in i for i in block) * 200 / per_cycle / int(cycles[1])
