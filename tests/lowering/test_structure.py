"""The linalg form of structured ops is what schedules are promised: iterators, maps, one generic.

That the form computes the right thing is for `tests/dialects/test_ops.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mlir import ir
from single_op import program

from tyc.compiler.lowering.kernel import lower_to_linalg
from tyc.dialects import registration
from tyc.dialects.ods import REGISTRY, example

registration.dialect_text()  # fills the registry
PLAIN = {"strides": [1, 1], "padding": [0] * 4, "dilations": [1, 1]}
POOL = {"kernel": [2, 2], "strides": [2, 2], "padding": [0] * 4, "dilations": [1, 1]}


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[ir.Context]:
    with registration.context() as ctx, ir.Location.unknown():
        yield ctx


def lowered(name: str, *operands: Any, **attributes: Any) -> list[ir.Operation]:
    """The operations in the body of the function that one op lowers to."""
    made = program(REGISTRY[name], example(*operands, **attributes))
    module = lower_to_linalg(made.main)
    assert module.operation.verify()
    _KEPT.append(module)
    return [o.operation for o in module.body.operations[0].body.blocks[0].operations]


_KEPT: list[ir.Module] = []
"""The modules of the operations that tests look at."""


def names(operations: list[ir.Operation]) -> list[str]:
    boring = {"tensor.empty", "linalg.fill", "arith.constant", "func.return"}
    return [o.name for o in operations if o.name not in boring]


def form(operations: list[ir.Operation], which: int = 0) -> tuple[str, list[str]]:
    """The iterators (`p` and `r`) and the index maps of one generic, as `(d0, d1) -> ...`."""
    generic = [o for o in operations if o.name == "linalg.generic"][which]
    kinds = "".join(
        "r" if "reduction" in str(k) else "p"
        for k in ir.ArrayAttr(generic.attributes["iterator_types"])
    )
    maps = ir.ArrayAttr(generic.attributes["indexing_maps"])
    return kinds, [str(ir.AffineMapAttr(m).value).split("-> ")[1] for m in maps]


def test_matmul_is_one_generic_with_transposes_in_the_maps() -> None:
    operations = lowered("matmul", (3, 4), (5, 4), transpose_b=True)
    assert names(operations) == ["linalg.generic"]
    assert form(operations) == ("ppr", ["(d0, d2)", "(d1, d2)", "(d0, d1)"])


def test_matmul_reads_broadcast_batches_at_zero() -> None:
    operations = lowered("matmul", (2, 1, 4, 3), (5, 4, 6), transpose_a=True)
    maps = ["(d0, 0, d4, d2)", "(d1, d4, d3)", "(d0, d1, d2, d3)"]
    assert form(operations) == ("ppppr", maps)


@pytest.mark.parametrize(("dtype", "expected"), [("f32", 1), ("f16", 2), ("bf16", 2), ("i32", 1)])
def test_small_floats_are_summed_in_f32_and_cast_once(dtype: str, expected: int) -> None:
    operations = lowered("matmul", (3, 4), (4, 5), dtype=dtype)
    assert names(operations) == ["linalg.generic"] * expected
    if expected == 2:
        first = next(o for o in operations if o.name == "linalg.generic")
        assert str(first.results[0].type) == "tensor<3x5xf32>"


def test_conv_ncx_has_kernel_then_channel_reductions() -> None:
    operations = lowered(
        "conv", (1, 3, 8, 8), (4, 3, 3, 3), None, strides=[2, 2], padding=[0] * 4, dilations=[1, 3]
    )
    assert names(operations) == ["linalg.generic"]
    read = "(d0, d6, d2 * 2 + d4, d3 * 2 + d5 * 3)"
    assert form(operations) == ("pppprrr", [read, "(d1, d6, d4, d5)", "(d0, d1, d2, d3)"])


def test_conv_nxc_has_channels_last_everywhere_but_in_the_weight() -> None:
    operations = lowered("conv", (1, 8, 8, 3), (4, 3, 3, 3), None, **PLAIN, layout="NXC")
    read = "(d0, d1 + d4, d2 + d5, d6)"
    assert form(operations) == ("pppprrr", [read, "(d3, d6, d4, d5)", "(d0, d1, d2, d3)"])


def test_conv_pads_first_and_adds_the_bias_last() -> None:
    operations = lowered(
        "conv", (1, 3, 8, 8), (4, 3, 3, 3), (4,), **{**PLAIN, "padding": [1, 0, 1, 2]}
    )
    assert names(operations) == ["tensor.pad", "linalg.generic", "linalg.generic"]
    assert str(operations[1].results[0].type) == "tensor<1x3x10x10xf32>"
    assert form(operations, 1) == ("pppp", ["(d0, d1, d2, d3)", "(d1)", "(d0, d1, d2, d3)"])


def test_depthwise_conv_has_no_inner_channel() -> None:
    operations = lowered("conv", (1, 8, 8, 5), (5, 1, 3, 3), None, **PLAIN, groups=5, layout="NXC")
    assert names(operations) == ["tensor.collapse_shape", "linalg.generic"]
    read = "(d0, d1 + d4, d2 + d5, d3)"
    assert form(operations) == ("pppprr", [read, "(d3, d4, d5)", "(d0, d1, d2, d3)"])


def test_grouped_conv_splits_channels() -> None:
    operations = lowered("conv", (1, 8, 8, 6), (4, 3, 3, 3), None, **PLAIN, groups=2, layout="NXC")
    expand, collapse = "tensor.expand_shape", "tensor.collapse_shape"
    assert names(operations) == [expand, expand, "linalg.generic", collapse]
    read = "(d0, d1 + d5, d2 + d6, d3, d7)"
    weight, write = "(d3, d4, d7, d5, d6)", "(d0, d1, d2, d3, d4)"
    assert form(operations) == ("ppppprrr", [read, weight, write])


def test_conv_weight_gradient_sums_over_images_and_windows() -> None:
    operations = lowered(
        "conv_weight_gradient", (2, 8, 8, 3), (2, 6, 6, 4), kernel=[3, 3], **PLAIN, layout="NXC"
    )
    read, grad = "(d4, d0 + d5, d1 + d6, d2)", "(d4, d5, d6, d3)"
    assert form(operations) == ("pppprrr", [read, grad, "(d0, d1, d2, d3)"])


@pytest.mark.parametrize(("layout", "channel"), [("NCX", 1), ("NXC", 3)])
def test_pooling_reads_windows_of_an_empty_tensor(layout: str, channel: int) -> None:
    operations = lowered("max_pool", (1, 4, 4, 4), **POOL, layout=layout)
    assert names(operations) == ["linalg.generic"]
    kinds, (read, window, write) = form(operations)
    assert (kinds, window, write) == ("pppprr", "(d4, d5)", "(d0, d1, d2, d3)")
    assert read.strip("()").split(", ")[channel] == f"d{channel}"


@pytest.mark.parametrize(
    ("padding", "computes"), [([0] * 4, False), ([1, 0, 0, 0], True)], ids=["uniform", "counted"]
)
def test_average_pool_counts_only_where_counts_differ(padding: list[int], computes: bool) -> None:
    operations = lowered("average_pool", (1, 1, 5, 4), **{**POOL, "padding": padding})
    scale = [o for o in operations if o.name == "linalg.generic"][-1]
    assert ("linalg.index" in str(scale)) == computes


def test_max_pool_indices_has_two_accumulators() -> None:
    operations = lowered("max_pool_indices", (1, 1, 4, 4), **POOL)
    assert [len(o.results) for o in operations if o.name == "linalg.generic"] == [2]


@pytest.mark.parametrize(
    ("shape", "to", "expected"),
    [
        ((2, 3, 4), [6, 4], ["tensor.collapse_shape"]),
        ((6, 4), [2, 3, 4], ["tensor.expand_shape"]),
        ((2, 6), [3, 4], ["tensor.collapse_shape", "tensor.expand_shape"]),
        ((5, 2, 6), [5, 3, 4], ["tensor.collapse_shape", "tensor.expand_shape"]),
        ((2, 3), [2, 3], []),
        ((1, 1), [], ["tensor.collapse_shape"]),
        ((), [1, 1], ["tensor.expand_shape"]),
        ((2, 1, 3, 1), [2, 3], ["tensor.collapse_shape"]),
        ((4, 0), [0, 2, 3], []),
    ],
)
def test_reshape_collapses_and_expands_no_more_than_it_must(
    shape: tuple[int, ...], to: list[int], expected: list[str]
) -> None:
    assert names(lowered("reshape", shape, shape=to)) == expected


def test_reshape_leaves_dimensions_that_agree() -> None:
    operations = lowered("reshape", (5, 2, 6), shape=[5, 3, 4])
    assert str(operations[0].results[0].type) == "tensor<5x12xf32>"


@pytest.mark.parametrize(
    ("name", "operands", "attributes", "expected"),
    [
        ("slice", [(5, 6)], {"starts": [1, 0], "sizes": [2, 6], "steps": [2, 1]}, "extract_slice"),
        ("concat", [[(2, 3), (1, 3)]], {"axis": 0}, "concat"),
        ("dilate", [(2, 3)], {"factors": [1, 1], "low": [1, 0], "high": [0, 0]}, "pad"),
    ],
)
def test_movement_uses_tensor_ops(
    name: str, operands: list, attributes: dict, expected: str
) -> None:
    assert names(lowered(name, *operands, **attributes)) == [f"tensor.{expected}"]


def test_pad_of_nothing_is_nothing() -> None:
    assert names(lowered("pad", (2, 3), low=[0, 0], high=[0, 0])) == []


def test_transpose_permutes_the_operands_map() -> None:
    assert form(lowered("transpose", (2, 3, 4), perm=[2, 0, 1])) == (
        "ppp",
        ["(d1, d2, d0)", "(d0, d1, d2)"],
    )


def test_tile_repeats_by_its_map() -> None:
    operations = lowered("tile", (2, 3), repeats=[2, 4])
    assert names(operations) == ["linalg.generic", "tensor.collapse_shape"]
    assert form(operations) == ("pppp", ["(d1, d3)", "(d0, d1, d2, d3)"])


def test_gather_clamps_what_it_reads() -> None:
    operations = lowered("gather", (5, 3), np.array([0, 9]), axis=0)
    text = str(next(o for o in operations if o.name == "linalg.generic"))
    assert "arith.minsi" in text and "arith.maxsi" in text and "tensor.extract" in text


@pytest.mark.parametrize(
    ("sizes", "attributes", "divides"),
    [
        ([1, 1, 8, 8], {"coordinates": "asymmetric", "nearest": "floor"}, True),
        ([1, 1, 8, 8], {}, True),
        ([1, 1, 7, 4], {"nearest": "ceil"}, False),
    ],
)
def test_nearest_resize_is_integer_arithmetic_where_it_can(
    sizes: list[int], attributes: dict, divides: bool
) -> None:
    text = "".join(map(str, lowered("resize", (1, 1, 4, 4), sizes=sizes, **attributes)))
    assert ("arith.divui" in text) == divides
    assert ("sitofp" in text) != divides


def test_linear_resize_mixes_only_resampled_dimensions() -> None:
    text = "".join(map(str, lowered("resize", (2, 3, 4, 4), sizes=[2, 3, 4, 8], mode="linear")))
    assert text.count("tensor.extract ") == 2
