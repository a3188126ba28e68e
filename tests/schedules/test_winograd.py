"""Winograd convolutions: tiles, ragged edges, padding, epilogues, what the family leaves."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from programs import program
from winograd_kernels import PLAIN, check, convolution, linalg, schedule

from tyc.compiler.codegen import native
from tyc.compiler.options import Options
from tyc.compiler.schedules import select
from tyc.compiler.schedules.choice import Choice, InvalidParameters
from tyc.compiler.schedules.convolution_winograd import Winograd
from tyc.compiler.schedules.convolution_winograd_packing import WinogradPacking
from tyc.compiler.schedules.convolution_winograd_plan import SCRATCH_BYTES
from tyc.compiler.schedules.convolution_winograd_transform import PAIRS, matrices
from tyc.compiler.schedules.families import Contractions
from tyc.compiler.schedules.kernel import Packing
from tyc.compiler.targets import find, host
from tyc.dialects import ty

TILES = pytest.mark.parametrize("tile", [(2, 2), (4, 4), (6, 6), (6, 2)], ids=str)


@TILES
@pytest.mark.parametrize("size", [(8, 16), (5, 21)], ids=str)
def test_channels(tile: tuple[int, int], size: tuple[int, int]) -> None:
    c, o = size
    check(convolution, (1, 13, 9, c), (o, c, 3, 3), (o,), tile=tile)


@TILES
@pytest.mark.parametrize("spatial", [(2, 3), (7, 30)], ids=str)
def test_ragged_edges(tile: tuple[int, int], spatial: tuple[int, int]) -> None:
    check(convolution, (1, *spatial, 9), (17, 9, 3, 3), (17,), tile=tile)


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (0, 1, 2, 0), (3, 2, 2, 4)], ids=str)
def test_padding(padding: tuple[int, ...]) -> None:
    check(partial(convolution, padding=list(padding)), (1, 11, 12, 8), (16, 8, 3, 3), (16,))


def test_batch() -> None:
    check(convolution, (3, 6, 5, 8), (24, 8, 3, 3), (24,))


@pytest.mark.parametrize("block", [1, 2, 4])
@pytest.mark.parametrize("panels", [1, 2, 3])
def test_blocks(block: int, panels: int) -> None:
    shapes = (1, 14, 6, 8), (45, 8, 3, 3), (45,)
    scheduled = check(convolution, *shapes, block=block, panels=panels)
    assert scheduled.count == -(-8 // block) * -(-3 // panels)


def test_residual_joins_in_place() -> None:
    shapes = (2, 7, 6, 8), (16, 8, 3, 3), (16,), (2, 7, 6, 16)
    assert check(convolution, *shapes).in_place == [(3, 0)]


def test_gradient_of_a_relu_is_written_over_its_output() -> None:
    def body(grad: Any, weight: Any, y: Any) -> Any:
        zero = ty.constant(value=np.zeros((), np.float32))
        return ty.where(ty.greater(y, zero), ty.conv(grad, weight, None, **PLAIN), zero)

    shapes = (2, 9, 8, 8), (16, 8, 3, 3), (2, 9, 8, 16)
    assert check(body, *shapes, constants=(1,)).in_place == [(2, 0)]


def test_epilogue_of_functions() -> None:
    def body(x: Any, weight: Any, scale: Any) -> Any:
        y = ty.multiply(ty.conv(x, weight, None, **PLAIN), scale)
        return ty.multiply(y, ty.sigmoid(y))

    check(body, (1, 6, 7, 8), (18, 8, 3, 3), (18,))


def test_image_is_computed() -> None:
    def body(x: Any, weight: Any, bias: Any) -> Any:
        return ty.conv(ty.relu(x), weight, bias, **PLAIN)

    check(body, (1, 6, 7, 12), (16, 12, 3, 3), (16,))


def test_image_is_concatenated() -> None:
    def body(x: Any, weight: Any, bias: Any, other: Any) -> Any:
        return ty.conv(ty.concat([x, other], axis=3), weight, bias, **PLAIN)

    check(body, (1, 6, 7, 5), (16, 16, 3, 3), (16,), (1, 6, 7, 11))


@pytest.mark.parametrize(
    ("weight", "changes"),
    [
        ((16, 8, 3, 3), {"strides": [2, 1]}),
        ((16, 8, 3, 3), {"dilations": [1, 2]}),
        ((16, 4, 3, 3), {"groups": 2}),
        ((16, 8, 5, 5), {}),
        ((16, 8, 1, 3), {}),
        ((16, 8, 3, 3), {"layout": "NCX"}),
    ],
    ids=str,
)
def test_other_convolutions_are_left(weight: tuple[int, ...], changes: dict) -> None:
    x = (1, 8, 12, 13) if changes.get("layout") == "NCX" else (1, 12, 13, 8)
    with program(partial(convolution, **changes), x, weight, (16,)) as made:
        assert schedule(made) is None


def test_what_changes_rounding_is_left_where_results_are_exact() -> None:
    with program(convolution, (1, 56, 56, 64), (64, 64, 3, 3), (64,)) as made:
        module = linalg(made)
        exact, free = Options(exact=True), Options()
        assert Winograd().estimate(module, host(), exact) is None
        assert Winograd().schedule(module, host(), exact) is None
        assert Winograd().space(module, host(), exact, 9) == []
        packings = select.schedule(module, host(), exact).packings
        assert isinstance(packings[1], Packing)
        assert isinstance(select.schedule(module, host(), free).packings[1], WinogradPacking)


def test_variable_weights_are_left() -> None:
    with program(convolution, (1, 12, 13, 8), (16, 8, 3, 3), (16,)) as made:
        assert schedule(made, constants=()) is None


def test_other_elements_are_left() -> None:
    inputs = [(s, "f64") for s in ((1, 12, 13, 8), (16, 8, 3, 3), (16,))]
    with program(convolution, *inputs) as made:
        assert schedule(made) is None


@pytest.mark.parametrize(
    ("x", "outer", "faster"),
    [((1, 56, 56, 64), 64, True), ((1, 14, 14, 256), 256, True), ((1, 4, 5, 3), 8, False)],
    ids=str,
)
def test_estimate(x: tuple[int, ...], outer: int, faster: bool) -> None:
    with program(convolution, x, (outer, x[3], 3, 3), (outer,)) as made:
        module, target = linalg(made), find(cpu="znver3")
        found = [f.estimate(module, target, Options()) for f in (Winograd(), Contractions())]
    assert found[0] is not None and found[1] is not None
    assert (found[0] < found[1]) == faster


def test_space_is_of_valid_parameters() -> None:
    with program(convolution, (1, 28, 28, 512), (512, 512, 3, 3), (512,)) as made:
        module = linalg(made)
        found = Winograd().space(module, host(), Options(), 6)
        assert len(found) == 6
        first = Winograd().schedule(module, host(), Options())
        again = select.schedule(module, host(), Options(), Choice("winograd", found[0]))
        other = Winograd().schedule(module, host(), Options(), found[-1])
    assert first is not None and other is not None
    assert first.packings == again.packings and first.count == again.count
    assert max(first.stack_bytes, other.stack_bytes) <= SCRATCH_BYTES
    assert first.flops == other.flops == 2 * 28 * 28 * 512 * 512 * 9


@pytest.mark.parametrize("wrong", [{"tile": [3, 3]}, {"panels": 99}, {"size": 1}], ids=str)
def test_invalid_parameters(wrong: dict) -> None:
    message = "no plan of a Winograd convolution has"
    with (
        program(convolution, (1, 12, 13, 8), (16, 8, 3, 3), (16,)) as made,
        pytest.raises(InvalidParameters, match=message),
    ):
        Winograd().schedule(linalg(made), host(), Options(), wrong)


@pytest.mark.parametrize("cpu", ["x86-64", "znver3", "znver4"])
def test_targets(cpu: str) -> None:
    target = find(cpu=cpu)
    with program(convolution, (1, 12, 13, 20), (40, 20, 3, 3), (40,)) as made:
        scheduled = schedule(made, (4, 4), target=target)
        assert scheduled is not None
        text = native.to_llvm_ir(scheduled)
    lanes = target.vector_bytes // 4
    assert f"<{lanes} x float>" in text
    assert ("@llvm.fmuladd" in text) == ("fma" in target.features)
    assert native.compile_llvm_ir(text, target).startswith(b"\x7fELF")


@pytest.mark.parametrize("m", sorted(PAIRS))
def test_matrices(m: int) -> None:
    rng, n = np.random.default_rng(m), m + 2
    d, g, found = rng.standard_normal(n), rng.standard_normal(3), matrices(m)
    wanted = [d[i : i + 3] @ g for i in range(m)]
    products = (found.filter @ g) * (found.input @ d)
    np.testing.assert_allclose(found.output @ products, wanted, rtol=1e-12, atol=1e-12)


def test_packing() -> None:
    packing = WinogradPacking((2, 4), (21, 5), 16)
    rng = np.random.default_rng(0)
    array = rng.standard_normal((21, 5, 3, 3)).astype(np.float32)
    packed = packing.apply(array)
    assert packed.shape == packing.shape == (2, 24, 5, 16)
    assert packed.dtype == np.float32
    assert packed.nbytes == packing.packed_bytes(4)
    filters = array[17, 3].astype(np.float64)
    wanted = matrices(2).filter @ filters @ matrices(4).filter.T
    np.testing.assert_allclose(packed[1, :, 3, 1], wanted.reshape(-1), rtol=1e-6)
    assert not packed[1, :, :, 5:].any()


def test_packing_as_plain_data() -> None:
    packing = WinogradPacking((2, 4), (21, 5), 16)
    assert Packing.from_json(packing.to_json()) == packing
    other = Packing((4, 2, 8), (1, 0, 2))
    assert Packing.from_json(other.to_json()) == other
