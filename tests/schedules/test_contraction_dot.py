"""Products of bytes by a constant, four at once: the same schedule with multiplications of i32 in
the instruction's place is exact here; with the instruction its code is looked at."""

from __future__ import annotations

from typing import Any

import contraction_kernels
import numpy as np
import pytest
from contraction_kernels import prepared
from machine_code import disassembly, inner_loops, share_of_limit
from mlir import ir
from mlir.dialects import arith, vector
from programs import program

from tyc.compiler.codegen import jit, native
from tyc.compiler.options import Options
from tyc.compiler.schedules.contraction_dot import schedule_dot
from tyc.compiler.schedules.select import schedule
from tyc.compiler.targets import Target, find, host
from tyc.dialects import ty
from tyc.dialects.registration import context

SIZES = [
    (17, 33, 21), (1, 4, 8), (1, 77, 100), (6, 64, 16), (13, 5, 17), (70, 40, 48), (131, 130, 3),
    (3, 2, 5), (64, 3, 33), (61, 260, 200), (600, 9, 31),
]  # fmt: skip


def widened(sums: ir.Value, unsigned: ir.Value, signed: ir.Value) -> ir.Value:
    """`vpdpbusd` by multiplications of i32."""
    lanes = ir.VectorType(sums.type).shape[0]
    for part in range(4):
        places = list(range(part, 4 * lanes, 4))
        u, s = (vector.shuffle(x, x, places) for x in (unsigned, signed))
        product = arith.muli(arith.extui(sums.type, u), arith.extsi(sums.type, s))
        sums = arith.addi(sums, product)
    return sums


def by_hand(module: ir.Module, target: Target, options: Options) -> Any:
    return schedule_dot(module, target, options, widened)


def check(body: Any, *inputs: Any, **more: Any) -> Any:
    return contraction_kernels.check(
        body, *inputs, constants=[1], pieces=(1, 3), family=by_hand, **more
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_product(size: tuple[int, int, int]) -> None:
    m, k, n = size
    check(lambda a, b: ty.matmul_integer(a, b), ((m, k), "u8"), ((k, n), "i8"))


@pytest.mark.parametrize("a", ["u8", "i8"])
@pytest.mark.parametrize("b", ["u8", "i8"])
@pytest.mark.parametrize("points", [(False, False), (True, False), (True, True)], ids=str)
def test_signs_and_zero_points(a: str, b: str, points: tuple[bool, bool]) -> None:
    shifts = [((), a)] * points[0] + [((1,), b)] * points[1]
    for size in (7, 33, 19), (40, 64, 40):
        m, k, n = size
        check(
            lambda x, w, *zeros: ty.matmul_integer(x, w, *zeros), ((m, k), a), ((k, n), b), *shifts
        )


@pytest.mark.parametrize("a", ["u8", "i8"])
@pytest.mark.parametrize("b", ["u8", "i8"])
@pytest.mark.parametrize("extreme", [True, False])
def test_all_bytes(a: str, b: str, extreme: bool) -> None:
    m, k, n = 23, 37, 29
    rng = np.random.default_rng(3)
    values = []
    for kind, shape in ((a, (m, k)), (b, (k, n)), (a, ()), (b, ())):
        limits = np.iinfo(np.uint8 if kind == "u8" else np.int8)
        numbers = rng.integers(limits.min, limits.max + 1, shape)
        if extreme:
            numbers = np.where(numbers > 0, limits.max, limits.min)
        values.append(numbers.astype(limits.dtype))
    with program(
        lambda x, w, s, t: ty.matmul_integer(x, w, s, t),
        ((m, k), a), ((k, n), b), ((), a), ((), b),
    ) as made:  # fmt: skip
        scheduled = contraction_kernels.schedule(made, [1], family=by_hand)
        assert scheduled is not None
        (found,) = jit.run(scheduled, values, [np.empty((m, n), np.int32)])
    x, w, s, t = (v.astype(np.int32) for v in values)
    np.testing.assert_array_equal(found, (x - s) @ (w - t))


def test_epilogue_requantises() -> None:
    def body(a: Any, b: Any, scale: Any, bias: Any) -> Any:
        product = ty.cast(ty.matmul_integer(a, b), to="f32")
        return ty.relu(ty.add(ty.multiply(product, scale), bias))

    check(body, ((19, 37), "u8"), ((37, 45), "i8"), (45,), (45,))


def test_long_epilogue_waits_in_scratch() -> None:
    def body(a: Any, b: Any, scale: Any) -> Any:
        return ty.gelu(ty.multiply(ty.cast(ty.matmul_integer(a, b), to="f32"), scale))

    check(body, ((19, 37), "i8"), ((37, 45), "i8"), (45,), tolerance=5e-5)


def test_batches_are_rows() -> None:
    check(lambda a, b: ty.matmul_integer(a, b), ((3, 7, 20), "u8"), ((20, 24), "i8"))


def test_wide_products_have_items_by_columns() -> None:
    found = check(lambda a, b: ty.matmul_integer(a, b), ((5, 24), "u8"), ((24, 403), "i8"))
    assert found.count > 4


CPUS = {
    "sapphirerapids": "zmm", "cascadelake": "zmm", "znver4": "zmm", "alderlake": "ymm",
}  # fmt: skip


def assembly(rows: int, depth: int, columns: int, cpu: str, kind: str = "u8") -> str:
    target = find(cpu=cpu)
    with program(
        lambda a, b: ty.matmul_integer(a, b), ((rows, depth), kind), ((depth, columns), "i8")
    ) as made:
        scheduled = schedule(prepared(made, [1]), target, Options())
        return disassembly(native.compile_llvm_ir(native.to_llvm_ir(scheduled), target))


@pytest.mark.parametrize("size", [(96, 256, 192), (1, 256, 100), (61, 70, 40)], ids=str)
@pytest.mark.parametrize("cpu", CPUS)
def test_sums_stay_in_registers(cpu: str, size: tuple[int, int, int]) -> None:
    loops = inner_loops(assembly(*size, cpu), "vpdpbusd")
    assert loops
    for block in loops:
        # The copy of A is there, and nothing else.
        assert not [i for i in block if "%rsp" in i and "vpbroadcastd" not in i]
        assert all(CPUS[cpu] in i for i in block if "vpdpbusd" in i)


@pytest.mark.parametrize("cpu", ["x86-64-v3", "x86-64-v4"])
def test_other_machines_have_no_such_instruction(cpu: str) -> None:
    assert "vpdpbusd" not in assembly(12, 16, 24, cpu)


@pytest.mark.parametrize(
    "cpu, per_cycle, least",
    [
        ("sapphirerapids", 1, 0.9),
        ("cascadelake", 2, 0.9),
        ("alderlake", 2, 0.9),
        # The model starts one every other cycle, and lets broadcasts of 64 bytes take its turns.
        ("znver4", 0.5, 0.75),
    ],
)
def test_reaches_the_issue_limit(cpu: str, per_cycle: float, least: float) -> None:
    loops = inner_loops(assembly(96, 256, 192, cpu), "vpdpbusd")
    found = [share_of_limit(block, cpu, per_cycle, "vpdpbusd") for block in loops]
    assert min(found) >= least


def test_other_products_are_left_to_other_families() -> None:
    with program(lambda a, b: ty.matmul(a, b), ((5, 32), "i32"), ((32, 32), "i32")) as made:
        assert contraction_kernels.schedule(made, [1], family=by_hand) is None
    with program(lambda a, b: ty.matmul_integer(a, b), ((5, 32), "u8"), ((32, 32), "i8")) as made:
        assert contraction_kernels.schedule(made, [], family=by_hand) is None


CONVOLUTION = """
#x = affine_map<(n, y, x, o, c, j, i) -> (n, y + j, x + i, c)>
#w = affine_map<(n, y, x, o, c, j, i) -> (o, c, j, i)>
#y = affine_map<(n, y, x, o, c, j, i) -> (n, y, x, o)>
func.func @k(%x: tensor<2x7x6x{c}xi8>, %w: tensor<{o}x{c}x3x2xi8>) -> tensor<2x7x7x{o}xi32>
    attributes {{ty.constants = array<i64: 1>}} {{
  %none = arith.constant 0 : i8
  %zero = arith.constant 0 : i32
  %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {{
  ^bb0(%a: index, %b: index, %d: index, %e: index):
    tensor.yield %none : i8
  }} : tensor<2x7x6x{c}xi8> to tensor<2x9x8x{c}xi8>
  %empty = tensor.empty() : tensor<2x7x7x{o}xi32>
  %start = linalg.fill ins(%zero : i32) outs(%empty : tensor<2x7x7x{o}xi32>)
    -> tensor<2x7x7x{o}xi32>
  %y = linalg.generic {{indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel",
      "parallel", "parallel", "reduction", "reduction", "reduction"]}}
      ins(%padded, %w : tensor<2x9x8x{c}xi8>, tensor<{o}x{c}x3x2xi8>)
      outs(%start : tensor<2x7x7x{o}xi32>) {{
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %p = arith.extsi %a : i8 to i32
    %q = arith.extsi %b : i8 to i32
    %r = arith.muli %p, %q : i32
    %s = arith.addi %acc, %r : i32
    linalg.yield %s : i32
  }} -> tensor<2x7x7x{o}xi32>
  return %y : tensor<2x7x7x{o}xi32>
}}
"""


@pytest.mark.parametrize("channels", [(3, 5), (8, 24), (21, 19)], ids=str)
def test_convolution_of_padded_bytes(channels: tuple[int, int]) -> None:
    """Several loops of rows and of the depth; the innermost one is padded to whole steps."""
    c, o = channels
    rng = np.random.default_rng(4)
    x, w = (rng.integers(-128, 128, s, np.int8) for s in ((2, 7, 6, c), (o, c, 3, 2)))
    with context(), ir.Location.unknown():
        module = ir.Module.parse(CONVOLUTION.format(c=c, o=o))
        scheduled = by_hand(module, host(), Options())
        (found,) = jit.run(scheduled, [x, w], [np.empty((2, 7, 7, o), np.int32)], pieces=3)
    padded = np.pad(x.astype(np.int32), [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 2), (1, 2))
    wanted = np.einsum("nyxcji,ocji->nyxo", windows[:, :7, :7], w.astype(np.int32))
    np.testing.assert_array_equal(found, wanted)
