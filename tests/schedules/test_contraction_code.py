"""The innermost loops of register tiles as machine code: wide fused products, nothing on the stack,
and as many of them in a cycle as the machine starts by llvm-mca's model."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from contraction_kernels import prepared
from programs import program

from tyc.compiler.codegen import native
from tyc.compiler.options import Options
from tyc.compiler.schedules.contraction import schedule_contraction
from tyc.compiler.targets import Target, find
from tyc.dialects import ty

V3, V4 = find(cpu="x86-64-v3"), find(cpu="x86-64-v4")


def assembly(rows: int, depth: int, columns: int, target: Target) -> str:
    """The assembly of a product with constant weights and ReLU."""
    with program(lambda a, b: ty.relu(ty.matmul(a, b)), (rows, depth), (depth, columns)) as made:
        scheduled = schedule_contraction(prepared(made, [1]), target, Options())
        assert scheduled is not None
        code = native.compile_llvm_ir(native.to_llvm_ir(scheduled), target)
    tool = Path(_tools(), "llvm-objdump")
    return subprocess.run(
        [tool, "-d", "--no-show-raw-insn", "--no-leading-addr", "--symbolize-operands", "-"],
        input=code, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip


def _tools() -> Path:
    spec = importlib.util.find_spec("llvm")
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "bin"


def inner_loops(text: str) -> list[list[str]]:
    """Blocks that branch back to their own label and multiply."""
    found: list[list[str]] = []
    label, block = "", []
    for line in text.splitlines():
        start = re.match(r"<(L\d+)>:", line)
        if start:
            label, block = start[1], []
            continue
        block.append(line.strip())
        if re.match(rf"j\w+\s+.*<{label}>$", line.strip()):
            found.append(block)
            block = []
    return [b for b in found if any("vfmadd" in i for i in b)]


def share_of_limit(block: list[str], cpu: str, per_cycle: int) -> float:
    """The multiply-adds of a block over those that could start in its cycles, by llvm-mca."""
    code = [re.sub(r"<L\d+>|0x[0-9a-f]+ <L\d+>", "top", i) for i in block]
    code = [re.sub(r"^(j\w+).*", r"\1 top", i) for i in code]
    made = subprocess.run(
        [_tools() / "llvm-mca", "-mtriple=x86_64", f"-mcpu={cpu}", "-iterations=200"],
        input="top:\n" + "\n".join(code) + "\n", capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    cycles = re.search(r"Total Cycles:\s+(\d+)", made)
    assert cycles is not None
    return sum("vfmadd" in i for i in block) * 200 / per_cycle / int(cycles[1])


@pytest.mark.parametrize("size", [(96, 128, 96), (60, 64, 24), (61, 70, 8), (3, 90, 200)], ids=str)
@pytest.mark.parametrize("target", [V3, V4], ids=["avx2", "avx512"])
def test_sums_stay_in_registers(target: Target, size: tuple[int, int, int]) -> None:
    loops = inner_loops(assembly(*size, target))
    assert loops
    for block in loops:
        assert not [i for i in block if "%rsp" in i]
    wide = "%zmm" if target is V4 else "%ymm"
    assert all(wide in i for b in loops for i in b if "vfmadd" in i)


@pytest.mark.parametrize("cpu", ["znver3", "znver2", "haswell", "skylake"])
def test_avx2_reaches_the_issue_limit(cpu: str) -> None:
    loops = inner_loops(assembly(96, 256, 96, V3))
    assert all(share_of_limit(block, cpu, 2) >= 0.9 for block in loops)


@pytest.mark.parametrize(
    "cpu, per_cycle, least", [("skylake-avx512", 2, 0.9), ("sapphirerapids", 1, 0.9)]
)
def test_avx512_reaches_the_issue_limit(cpu: str, per_cycle: int, least: float) -> None:
    loops = inner_loops(assembly(96, 256, 192, V4))
    assert all(share_of_limit(block, cpu, per_cycle) >= least for block in loops)


def test_avx512_on_zen_4() -> None:
    # The model lets a broadcast of 64 bytes take a turn of the one 512-bit multiplier.
    loops = inner_loops(assembly(96, 256, 192, V4))
    assert all(share_of_limit(block, "znver4", 1) >= 0.75 for block in loops)
