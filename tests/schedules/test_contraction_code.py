"""The innermost loops of register tiles as machine code: wide fused products, nothing on the stack,
and as many of them in a cycle as the machine starts by llvm-mca's model."""

from __future__ import annotations

import pytest
from contraction_kernels import prepared
from machine_code import disassembly, inner_loops, share_of_limit
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
    return disassembly(code)


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


# Multiply-adds of 16 bytes that a core starts in a cycle, by Arm's software optimisation guides;
# LLVM's model of Cortex-A76 is that of A57, which starts one.
@pytest.mark.parametrize(
    "cpu, per_cycle", [("cortex-a55", 1), ("cortex-a76", 1), ("neoverse-n1", 2)]
)
@pytest.mark.parametrize("size", [(96, 256, 96), (512, 512, 512), (3136, 24, 144)], ids=str)
def test_neon_reaches_the_issue_limit(cpu: str, per_cycle: int, size: tuple[int, int, int]) -> None:
    text = assembly(*size, find("aarch64-linux-gnu", cpu))
    loops = inner_loops(text, "fmla")
    assert loops
    for block in loops:
        assert not [i for i in block if "[sp" in i]
        assert share_of_limit(block, cpu, per_cycle, "fmla", "aarch64") >= 0.9
